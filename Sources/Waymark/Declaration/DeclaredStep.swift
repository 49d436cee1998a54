public import PostgresPQ

/// A step as data: what can be said of it without running it, and the erased body that runs it.
public struct DeclaredStep: Sendable {
    /// What a step does.
    public enum Kind: Sendable, Hashable {
        /// Local mutations in one transaction of this isolation level.
        case atomicPhase(PostgresIsolation)
        /// A mutation of somebody else's system.
        case foreignCall(Idempotence)
        /// Nothing, for so long; until a date that the request says where nil.
        case sleep(for: Duration?)
        /// Nothing, until an event arrives or the step's timeout is over.
        case wait
        /// Another saga's whole work.
        case child(saga: String)
        /// One of its branches, which a value decides on.
        case choice
        /// All of its branches, at the same time.
        case parallel
        /// Its only branch, for each element of an array, so many at the same time.
        case forEach(concurrency: Int)
    }

    /// The recovery point that the step's commit writes.
    public let name: String
    /// What the recovery point was called in earlier versions, the oldest name first.
    public let formerNames: [String]
    public let kind: Kind
    public let retry: RetryPolicy
    public let exhaustion: Exhaustion
    /// How long one attempt may take; of a step that waits, how long it waits.
    public let timeout: Duration
    public internal(set) var compensation: DeclaredCompensation?
    /// The foreign service whose limits the step keeps to.
    public let service: ForeignService?
    /// What a choice chooses from, and what a group does.
    public internal(set) var branches: [DeclaredBranch]
    /// The type names of what the step takes and gives, for people.
    public let inputType: String
    public let outputType: String

    package internal(set) var body: StepBody
    /// Whether the step runs at all on its input; one that does not passes its input on.
    package let condition: (@Sendable (any Sendable) -> Bool)?
    package let skip: (@Sendable (any Sendable) throws -> StepValue)?
    package let fallback: (@Sendable (any Sendable) throws -> StepValue)?
    package let isRetryable: @Sendable (any Error) -> Bool
    package let decodeInput: @Sendable (String) throws -> any Sendable
    /// - Parameter version: the version of the saga that recorded the output.
    package let decodeOutput: @Sendable (_ json: String, _ version: Int) throws -> any Sendable

    /// The versions in which its output's type changed.
    package let outputChanges: [Int]

    /// Whether it is several lines of steps, each with a recovery point of its own.
    package var isGroup: Bool {
        switch kind {
        case .parallel, .forEach: true
        default: false
        }
    }

    /// Whether the step may be skipped.
    public var isConditional: Bool { condition != nil }

    /// The name that ids are derived from: a renamed step must be the same operation to everybody else.
    package var originalName: String { formerNames.first ?? name }
}

/// One way through a choice or a group.
public struct DeclaredBranch: Sendable {
    /// The case that leads to it, or its number.
    public let label: String
    public internal(set) var steps: [DeclaredStep]
}

/// The declared undo of a step.
public struct DeclaredCompensation: Sendable {
    public let kind: DeclaredStep.Kind
    public let retry: RetryPolicy
    public let timeout: Duration
    package internal(set) var body: StepBody
}

extension DeclaredStep {
    func mappingBodies(_ map: (_ name: String, _ body: StepBody) -> StepBody) -> DeclaredStep {
        var copy = self
        copy.body = map(name, body)
        if let undo = compensation {
            copy.compensation?.body = map(DeclaredCompensation.recoveryPoint(undoing: name), undo.body)
        }
        for index in copy.branches.indices {
            copy.branches[index].steps = branches[index].steps.map { $0.mappingBodies(map) }
        }
        return copy
    }
}
