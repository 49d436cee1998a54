public import Foundation

/// What became of a request, as far as it has come.
public enum Outcome<Response: Sendable>: Sendable {
    /// Done: the one answer. `replayed` says that it was given before, or by another runner.
    case finished(Response, replayed: Bool)

    /// Done: definitively refused, and everything before undone.
    case rejected(Rejection, replayed: Bool)

    /// Accepted and not done. The work goes on without the caller; ask again with the same key.
    case inProgress(SagaProgress)

    /// The key belongs to another request: other saga or other fingerprint. Nothing was done.
    case mismatch(Mismatch)

    /// Stopped, needs a person.
    case parked(ParkedReason)
}

/// How far an unfinished request is.
public struct SagaProgress: Sendable, Hashable {
    /// Why there is no answer yet.
    public enum Cause: String, Sendable {
        /// A runner holds the key right now.
        case running
        /// Nothing is to be done until a sleep is over, or what a step waits for has come.
        case waiting
        /// An attempt failed transiently, or could not be made yet; the next one is due later.
        case backoff
        /// Another saga that a step waits for is parked: see `parkedChild`. It goes on by itself once a person has seen to
        /// that one.
        case blocked
    }

    public let cause: Cause
    /// The last committed recovery point.
    public let recoveryPoint: String
    /// When to ask again.
    public let retryAfter: Duration
    /// The request that it waits for and that needs a person; set where the cause is `blocked`.
    public let parkedChild: ParkedChild?

    package init(cause: Cause, recoveryPoint: String, retryAfter: Duration, parkedChild: ParkedChild? = nil) {
        self.cause = cause
        self.recoveryPoint = recoveryPoint
        self.retryAfter = retryAfter
        self.parkedChild = parkedChild
    }
}

/// A request of another saga that was started by a `Child`, and stopped in front of a person.
public struct ParkedChild: Sendable, Hashable {
    /// The id of its key: what operators look it up by.
    public let id: UUID
    /// The stored name of its saga.
    public let saga: String
    public let reason: ParkedReason

    package init(id: UUID, saga: String, reason: ParkedReason) {
        self.id = id
        self.saga = saga
        self.reason = reason
    }
}

/// In what a repeated key differs from the request it belongs to.
public enum Mismatch: String, Sendable {
    case saga, request
}

/// Why a request stopped in front of a person.
public enum ParkedReason: String, Sendable, CaseIterable {
    /// The step's attempts are used up.
    case attemptsExhausted = "attempts_exhausted"
    /// The foreign system may have forgotten our key: a repeat could be a new effect.
    case horizonPassed = "horizon_passed"
    /// The stored state does not decode as the declared type, or the recovery point is not in the declaration.
    case unreadableState = "unreadable_state"
    /// A call may have happened, and nobody but a person can find out.
    case outcomeUnknown = "outcome_unknown"
    /// What a step gives cannot be stored (its output, a job, another saga's request): it is over the limit, holds a NUL
    /// character, or does not read back. Or the date until which a step sleeps cannot be stored.
    case unstorableOutput = "unstorable_output"
    /// A constraint of the application's database does not hold; the key's last error names it.
    case constraintViolated = "constraint_violated"
    /// A phase threw an error that comes again at every attempt: a statement or a value that the database refuses, a key
    /// that another request has.
    case lastingError = "lasting_error"
}
