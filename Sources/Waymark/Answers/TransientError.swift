/// A failure that may pass: a step that throws it (or any error that is not a `Rejection`) is tried again.
public struct TransientError: Error, Sendable, CustomStringConvertible {
    /// Why, for operators: stored with the key. No secrets, no personal data.
    public let reason: String
    /// What the foreign system asked for (HTTP's Retry-After): the next attempt waits at least as long.
    public let retryAfter: Duration?
    /// Whether the attempt is known to have had no effect: the connection was refused, or the foreign system turned the call
    /// away before it looked at it (HTTP's 429). A call that failed in any other way may have happened.
    public let nothingHappened: Bool

    public init(_ reason: String, retryAfter: Duration? = nil, nothingHappened: Bool = false) {
        self.reason = reason
        self.retryAfter = retryAfter
        self.nothingHappened = nothingHappened
    }

    public var description: String { reason }
}
