public import Foundation

/// One sending of a request, when it is over.
public struct Attempt: Sendable {
    /// What came of it.
    public enum Result: Sendable, Hashable {
        /// The server answered, finally or not.
        case answered(status: Int, replayed: Bool)
        /// No answer: the connection was refused or lost, or the time was up.
        case unanswered(String)
    }

    /// The request's idempotency key.
    public let key: String
    /// From 1.
    public let number: Int
    /// The server that was asked.
    public let base: URL
    public let result: Result
    public let duration: Duration
}
