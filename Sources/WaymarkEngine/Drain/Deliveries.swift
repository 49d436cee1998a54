import Synchronization
import Waymark

/// The deliveries that a drain has under way.
///
/// Each handler runs in a task of its own. One that outlives its timeout is cancelled, and one that ignores its
/// cancellation is left behind: a hung handler holds up neither other jobs nor a stop.
final class Deliveries: Sendable {
    /// How a delivery ended.
    enum Ending: Sendable {
        case acknowledged
        case failed(any Error)
        /// The handler outlived its timeout, and has not ended although it was cancelled.
        case leftBehind
        /// A stop cut it off: what the handler came to does not count.
        case cutOff
    }

    /// How long a cancelled handler has to end.
    static let windingDown: Duration = .seconds(2)

    private struct State {
        var underWay: [ObjectIdentifier: AbandonableTask] = [:]
        var isStopping = false
    }

    private let state = Mutex(State())
    private let timeout: Duration

    init(timeout: Duration) { self.timeout = timeout }

    /// Whether no delivery is to begin any more.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Runs `handler` until it ends, is left behind or is cut off.
    func run(_ handler: @escaping @Sendable () async throws -> Void) async -> Ending {
        let task = AbandonableTask()
        let hasEntered = state.withLock { state in
            if !state.isStopping { state.underWay[ObjectIdentifier(task)] = task }
            return !state.isStopping
        }
        guard hasEntered else { return .cutOff }
        let lateness = Deadlines.shared.add(after: timeout) { task.cancel() }
        let patience = Deadlines.shared.add(after: timeout + Self.windingDown) { task.abandon() }
        let ending = await task.run(handler)
        let isLate = !Deadlines.shared.remove(lateness)
        _ = Deadlines.shared.remove(patience)
        let wasPresent = state.withLock { $0.underWay.removeValue(forKey: ObjectIdentifier(task)) != nil }
        if !wasPresent { return .cutOff }
        switch ending {
        case .abandoned: return .leftBehind
        // A handler that returns after its cancellation may have returned because of it.
        case .returned: return isLate ? .failed(StepTimeout()) : .acknowledged
        case .failed(let error): return .failed(isLate ? StepTimeout() : error)
        }
    }

    /// Lets no further delivery begin.
    func stop() {
        state.withLock { $0.isStopping = true }
    }

    /// Cuts off what is under way: the handlers are cancelled, and left behind `windingDown` later.
    func cutOff() {
        let tasks = state.withLock { state in
            state.isStopping = true
            defer { state.underWay = [:] }
            return Array(state.underWay.values)
        }
        if tasks.isEmpty { return }
        for task in tasks { task.cancel() }
        _ = Deadlines.shared.add(after: Self.windingDown) {
            for task in tasks { task.abandon() }
        }
    }
}
