/// Work that a phase hands on: committed with the phase by `Transaction.stage(_:after:)`, done later by the drain.
public protocol Job: Codable, Sendable {
    /// The stored name: never derived from the type's name and never reused for another job.
    static var name: String { get }
}
