/// A failure that may pass: a step that throws it (or any error that is not a `Rejection`) is tried again.
public struct TransientError: Error, Sendable, CustomStringConvertible {
    /// Why, for operators: stored with the key. No secrets, no personal data.
    public let reason: String
    /// What the foreign system asked for (HTTP's Retry-After): the next attempt waits at least as long.
    public let retryAfter: Duration?

    public init(_ reason: String, retryAfter: Duration? = nil) {
        self.reason = reason
        self.retryAfter = retryAfter
    }

    public var description: String { reason }
}
