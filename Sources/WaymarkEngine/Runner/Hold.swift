import Foundation
import Synchronization
import Waymark

/// One key that this process is working on, from before it is accepted or claimed until it is given back.
final class Hold: Sendable {
    let id: UUID
    /// What the work is for, so that a repeat in this process is answered without the database.
    let saga: String
    let fingerprint: Fingerprint?

    private struct State {
        /// Nil until the row is committed: there is no lease to renew before.
        var fence: Int?
        /// When the lease was last known to be ours, by this machine's clock, taken before the statement was sent.
        var confirmedAt: ContinuousClock.Instant
        /// Until when the step at hand may take, of each line. Steps that all outlive it are not renewed: a hung call must
        /// not keep its key.
        var stepDeadlines: [String: ContinuousClock.Instant] = [:]
        var isLost = false
        var isCancelled = false
        var task: Task<Void, Never>?
        /// Whoever waits for the work, until it is concluded.
        var waiter: CheckedContinuation<Conclusion, Never>?
    }

    private let state: Mutex<State>
    private let clock: EngineClock

    init(id: UUID, saga: String, fingerprint: Fingerprint?, clock: EngineClock = .system) {
        self.id = id
        self.saga = saga
        self.fingerprint = fingerprint
        self.clock = clock
        state = Mutex(State(confirmedAt: clock.now()))
    }

    var isLost: Bool { state.withLock { $0.isLost } }

    /// Runs `body` in a task of its own, and waits until it has concluded or the lease is lost.
    ///
    /// A body that ignores its cancellation is left behind: it holds no lease any more, and what it does cannot be
    /// committed. Otherwise one hung call would keep its key, and the process from stopping, for ever.
    func conclude(_ body: @escaping @Sendable () async -> Conclusion) async -> Conclusion {
        await withCheckedContinuation { waiter in
            state.withLock { $0.waiter = waiter }
            let task = Task { self.resume(await body()) }
            let isCancelled = state.withLock { state in
                state.task = task
                return state.isLost || state.isCancelled
            }
            if isCancelled { task.cancel() }
            if isLost { resume(.lost) }
        }
    }

    private func resume(_ conclusion: Conclusion) {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: conclusion)
    }

    /// Whether the row is known to be ours: before that there is nothing to say of it.
    var isConfirmed: Bool { state.withLock { $0.fence != nil && !$0.isLost } }

    /// The row is ours with this fence.
    func confirm(fence: Int, at instant: ContinuousClock.Instant) {
        state.withLock { state in
            state.fence = fence
            state.confirmedAt = instant
        }
    }

    @inline(never)
    func beginStep(timeout: Duration, line: String) {
        state.withLock { $0.stepDeadlines[line] = clock.now() + timeout }
    }

    func endLine(_ line: String) {
        state.withLock { $0.stepDeadlines[line] = nil }
    }

    /// The lease is somebody else's, or about to be: what runs is cancelled, and commits nothing any more.
    func lose() {
        let task = state.withLock { state in
            state.isLost = true
            return state.task
        }
        task?.cancel()
        resume(.lost)
    }

    /// Asks what runs to end; it goes on holding the lease until it does.
    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    /// What a look at the lease asks for.
    enum Due: Equatable {
        case nothing
        case renew(fence: Int)
        /// The lease ended without a renewal that we know of.
        case lose
    }

    func due(at now: ContinuousClock.Instant, lease: Duration) -> Due {
        state.withLock { state in
            guard let fence = state.fence, !state.isLost else { return .nothing }
            if now - state.confirmedAt >= lease { return .lose }
            let deadline = state.stepDeadlines.values.max() ?? state.confirmedAt
            let renewable = now <= deadline + lease / 3
            return renewable && now - state.confirmedAt >= lease / 3 ? .renew(fence: fence) : .nothing
        }
    }
}
