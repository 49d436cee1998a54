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
    }

    public let cause: Cause
    /// The last committed recovery point.
    public let recoveryPoint: String
    /// When to ask again.
    public let retryAfter: Duration

    package init(cause: Cause, recoveryPoint: String, retryAfter: Duration) {
        self.cause = cause
        self.recoveryPoint = recoveryPoint
        self.retryAfter = retryAfter
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
    /// A step's output cannot be stored: it is over the limit, or holds a NUL character.
    case unstorableOutput = "unstorable_output"
}
