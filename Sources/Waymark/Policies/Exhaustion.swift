/// What becomes of a request when a step's retry policy is used up.
public enum Exhaustion: Sendable, Hashable {
    /// It stops in front of a person.
    case park
    /// The step's declared substitute becomes its output, and the request goes on.
    case degrade
    /// The request is rejected: what was done is undone.
    case reject(Rejection)
}
