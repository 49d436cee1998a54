/// Which way a request is going.
package enum Direction: String, Sendable {
    /// Towards its response.
    case forward
    /// Back through its compensations, towards its rejection.
    case compensating
}

/// What the state machine knows of a key that a runner holds.
package struct RunState: Sendable, Equatable {
    package var direction: Direction
    package var recoveryPoint: String
    /// Attempts at the step behind the recovery point, the one under way included.
    package var attempts: Int

    package init(direction: Direction = .forward, recoveryPoint: String, attempts: Int) {
        self.direction = direction
        self.recoveryPoint = recoveryPoint
        self.attempts = attempts
    }
}

/// One step, or one compensation, to be performed; its commit moves the recovery point.
package struct Work: Sendable, Equatable {
    /// The step's index in the declaration.
    package let step: Int
    package let direction: Direction
    package let from: String
    package let to: String
    /// Whether the commit also finishes the request.
    package var finishes: Bool { to == SagaDeclaration.finished }
}

/// How an attempt failed.
package enum StepFailure: Sendable, Equatable {
    case rejected(Rejection)
    case transient(retryAfter: Duration?)
    /// What no further attempt will mend.
    case hopeless(ParkedReason)
}
