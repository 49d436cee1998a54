import Dispatch
import Foundation
import Synchronization

/// A serial executor over a dispatch queue, so that an actor and the sources that watch its socket share one queue.
///
/// A few executors serve all connections of the process: their work is short, and when many are busy one wake-up of a
/// thread serves several of them.
final class QueueExecutor: SerialExecutor {
    /// One for two processors, because the callers need the others; more than four have nothing to do.
    private static let shared = (0..<min(4, max(1, ProcessInfo.processInfo.activeProcessorCount / 2))).map {
        QueueExecutor(label: "postgres.\($0)")
    }
    private static let turn = Atomic(0)

    let queue: DispatchQueue

    /// The executor for the next connection.
    static func next() -> QueueExecutor {
        shared[turn.add(1, ordering: .relaxed).oldValue % shared.count]
    }

    init(label: String) {
        queue = DispatchQueue(label: label, qos: .userInitiated)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async {
            job.runSynchronously(on: executor)
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
