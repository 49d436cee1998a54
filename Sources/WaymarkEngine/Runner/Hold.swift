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
        var confirmedAt = ContinuousClock.now
        /// Until when the step at hand may take. A step that outlives it is not renewed: a hung call must not keep its key.
        var stepDeadline = ContinuousClock.now
        var isLost = false
        var task: Task<Conclusion, Never>?
    }

    private let state = Mutex(State())

    init(id: UUID, saga: String, fingerprint: Fingerprint?) {
        self.id = id
        self.saga = saga
        self.fingerprint = fingerprint
    }

    var isLost: Bool { state.withLock { $0.isLost } }

    func attach(_ task: Task<Conclusion, Never>) {
        let isLost = state.withLock { state in
            state.task = task
            return state.isLost
        }
        if isLost { task.cancel() }
    }

    /// The row is ours with this fence.
    func confirm(fence: Int, at instant: ContinuousClock.Instant) {
        state.withLock { state in
            state.fence = fence
            state.confirmedAt = instant
        }
    }

    func beginStep(timeout: Duration) {
        state.withLock { $0.stepDeadline = .now + timeout }
    }

    /// The lease is somebody else's, or about to be: what runs is cancelled, and commits nothing any more.
    func lose() {
        let task = state.withLock { state in
            state.isLost = true
            return state.task
        }
        task?.cancel()
    }

    func cancel() {
        state.withLock { $0.task }?.cancel()
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
            let renewable = now <= state.stepDeadline + lease / 3
            return renewable && now - state.confirmedAt >= lease / 3 ? .renew(fence: fence) : .nothing
        }
    }
}
