/// Work that a phase hands on: committed with the phase by `Transaction.stage(_:after:)`, done later by the drain.
public protocol Job: Codable, Sendable {
    /// The stored name: never derived from the type's name and never reused for another job.
    static var name: String { get }

    /// The jobs that wait for each other: those of one key in one lane are delivered one after the other, in the order in
    /// which they are due. By default each kind of job has a lane of its own. Two kinds whose order counts share a lane:
    ///
    /// ```swift
    /// struct CancelNotice: Job {
    ///     static let name = "cancel-notice"
    ///     static let lane = OrderNotice.name
    /// }
    /// ```
    static var lane: String { get }
}

extension Job {
    public static var lane: String { name }
}
