import Foundation
import Waymark

/// One key that a process is working on: the engine's `Hold`, on the simulation's clock.
final class Hold {
    let id: UUID
    private(set) var fence: Int?
    /// By this machine's clock, taken before the statement was sent.
    private(set) var confirmedAt: Microseconds
    private var stepDeadline: Microseconds?
    private(set) var isLost = false
    var waiter: ((Conclusion) -> Void)?

    init(id: UUID, at clock: Microseconds) {
        self.id = id
        confirmedAt = clock
    }

    var isConfirmed: Bool { fence != nil && !isLost }

    func confirm(fence: Int, at clock: Microseconds) {
        self.fence = fence
        confirmedAt = clock
    }

    func beginStep(timeout: Duration, at clock: Microseconds) {
        stepDeadline = clock + timeout.inMicroseconds
    }

    func lose() {
        isLost = true
        conclude(.lost)
    }

    func conclude(_ conclusion: Conclusion) {
        let waiter = waiter
        self.waiter = nil
        waiter?(conclusion)
    }

    enum Due {
        case nothing
        case renew(fence: Int)
        case lose
    }

    func due(at clock: Microseconds) -> Due {
        let lease = Scenario.lease
        guard let fence, !isLost else { return .nothing }
        if clock - confirmedAt >= lease { return .lose }
        let isRenewable = clock <= (stepDeadline ?? confirmedAt) + lease / 3
        return isRenewable && clock - confirmedAt >= lease / 3 ? .renew(fence: fence) : .nothing
    }
}

/// How working on a key ended, for this process: the engine's, without what is not simulated.
enum Conclusion {
    case answered(ModelAnswer)
    case progress(retryAfter: Microseconds)
    case parked(ParkedReason)
    case lost
    case exists
    case beingAccepted
    case stopping
    case unreachable
}
