/// Which way a request is going.
package enum Direction: String, Sendable {
    /// Towards its response.
    case forward
    /// Back through its compensations, towards its rejection.
    case compensating
}

/// What the state machine knows of a line of a key that a runner holds.
package struct RunState: Sendable, Equatable {
    package var direction: Direction
    /// As it is stored, so that it can be compared with the row's.
    package var recoveryPoint: String
    /// Attempts at the step behind the recovery point, the one under way included.
    package var attempts: Int
    /// What was chosen at the choices that are behind.
    package var choices: StepPlan.Choices
    /// The steps that are committed, neither skipped nor degraded, and not undone, in the order of their commits.
    package var done: [FinishedStep]
    /// Whether an attempt at the next step, made before the one under way, may have had an effect that nobody knows of.
    package var isInDoubt: Bool
    /// How many holders in a row died, or lost the lease, over the next step.
    package var deaths: Int
    /// The rejection that a person decided on. It is committed as soon as the next step's call is settled.
    package var verdict: Rejection?

    /// - Parameter isInDoubt: where nil, every attempt before the one under way may have had an effect.
    package init(
        direction: Direction = .forward, recoveryPoint: String, attempts: Int, choices: StepPlan.Choices = [:],
        done: [FinishedStep] = [], isInDoubt: Bool? = nil, deaths: Int = 0,
        verdict: Rejection? = nil
    ) {
        self.direction = direction
        self.recoveryPoint = recoveryPoint
        self.attempts = attempts
        self.choices = choices
        self.done = done
        self.isInDoubt = isInDoubt ?? (attempts > 1)
        self.deaths = deaths
        self.verdict = verdict
    }
}

/// A committed step, and the element of a ForEach that it was committed for.
package struct FinishedStep: Sendable, Hashable {
    /// Nil for a step that the declaration does not have any more.
    package let step: Int?
    package let element: Int?

    package init(step: Int?, element: Int? = nil) {
        self.step = step
        self.element = element
    }
}

/// One step, or one compensation, to be performed; its commit moves the recovery point.
///
/// A class, since it is what everything that a waiting runner does is about: see `Runner`.
package final class Work: Sendable, Equatable {
    /// The step's number in the declaration's plan.
    package let step: Int
    /// The element of a ForEach that it is for.
    package let element: Int?
    package let direction: Direction
    package let from: String
    package let to: String
    /// Whether `from` says that it was begun.
    package let isBegun: Bool
    /// Whether the commit also finishes its line: a request, or a branch of a group.
    package var finishes: Bool { to == SagaDeclaration.finished }

    package init(
        step: Int, element: Int? = nil, direction: Direction, from: String, to: String, isBegun: Bool = false
    ) {
        self.step = step
        self.element = element
        self.direction = direction
        self.from = from
        self.to = to
        self.isBegun = isBegun
    }

    package static func == (one: Work, other: Work) -> Bool {
        one.step == other.step && one.element == other.element && one.direction == other.direction
            && one.from == other.from && one.to == other.to && one.isBegun == other.isBegun
    }

    /// The same, begun at a recovery point of its own.
    func begun(at point: String) -> Work {
        Work(step: step, element: element, direction: direction, from: point, to: to, isBegun: true)
    }
}

/// How an attempt failed.
package enum StepFailure: Sendable, Equatable {
    case rejected(Rejection)
    case transient(retryAfter: Duration?)
    /// The same, and the attempt is known to have had no effect.
    case notHappened(retryAfter: Duration?)
    /// What the step declared that no further attempt will mend: its policy counts as used up.
    case unretryable
    /// The same, and the attempt is known to have had no effect.
    case unretryableNotHappened
    /// What no further attempt at a phase will mend: its policy counts as used up, and where it parks, this is why.
    case lasting(ParkedReason)
    /// What no further attempt will mend, and nothing was declared for.
    case hopeless(ParkedReason)
    /// The same, and the attempt is known to have had no effect.
    case hopelessNotHappened(ParkedReason)

    /// Whether the attempt may have had an effect that nobody knows of.
    var leavesDoubt: Bool {
        switch self {
        case .transient, .unretryable: true
        // Where what is stored could not be read, nothing was called.
        case .hopeless(let reason): reason != .unreadableState
        case .rejected, .notHappened, .unretryableNotHappened, .lasting, .hopelessNotHappened: false
        }
    }
}
