import PostgresPQ
import Synchronization
import Waymark

/// What a runner drives: a key's own line of steps, or one branch of the group that it is in.
struct Line: Sendable {
    /// Which of the plan's lines.
    let number: Int
    let id: LineID
    /// The element of a ForEach that the line is for.
    var element: Int?
    /// What the line was given; nil for the request.
    var input: (any Sendable)?
    /// The bytes of it, as JSON.
    var inputBytes = 0
    /// When the branch has something to do, as it was recorded; seconds since 1970 by the database's clock.
    var due: Double?
    /// Set when a branch beside this one was rejected: no further step begins.
    var stop: StopFlag?

    static let main = Line(number: StepPlan.main, id: .main)

    var isMain: Bool { id == .main }

    /// For what is kept of each line in memory.
    var name: String {
        if case .branch(let name, group: _) = id { name } else { "" }
    }
}

/// Tells the branches of a group that none is to begin a further step.
final class StopFlag: Sendable {
    private let flag = Mutex(false)

    var isSet: Bool { flag.withLock { $0 } }

    func set() { flag.withLock { $0 = true } }
}

/// How a branch of a group ended, for now.
enum BranchEnd: Sendable {
    /// All its steps are committed; with those that this runner committed.
    case finished(value: any Sendable, Journal, done: [FinishedStep])
    /// Nothing to do until then, or until the event. An idle one has nothing under way either.
    case waiting(until: ContinuousClock.Instant, event: String?, isIdle: Bool)
    case rejected(Rejection)
    case parked(ParkedReason, String?)
    /// It would have gone on, had no branch beside it been rejected.
    case stopped
    /// The process is stopping, or the lease is lost. One in doubt may have made a call whose outcome is not known.
    case interrupted(isInDoubt: Bool)
    case lost
    indirect case unreachable(PostgresError)
}
