public import PostgresPQ

/// A step as data: what can be said of it without running it, and the erased body that runs it.
///
/// A class, because it is large and everybody who works on a request of the saga looks at it.
public final class DeclaredStep: Sendable {
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
    public let compensation: DeclaredCompensation?
    /// The foreign service whose limits the step keeps to.
    public let service: ForeignService?
    /// What a choice chooses from, and what a group does.
    public let branches: [DeclaredBranch]
    /// The type names of what the step takes and gives, for people.
    public let inputType: String
    public let outputType: String

    package let body: StepBody
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
    /// The modifiers that were given more than once: only the last of each would count.
    let repeatedModifiers: [String]

    /// The bytes that its output takes at most, where that is declared.
    public let outputBytes: Int?

    init(
        name: String, formerNames: [String], kind: Kind, retry: RetryPolicy, exhaustion: Exhaustion, timeout: Duration,
        compensation: DeclaredCompensation?, service: ForeignService?, branches: [DeclaredBranch], inputType: String,
        outputType: String, body: StepBody, condition: (@Sendable (any Sendable) -> Bool)?,
        skip: (@Sendable (any Sendable) throws -> StepValue)?,
        fallback: (@Sendable (any Sendable) throws -> StepValue)?, isRetryable: @escaping @Sendable (any Error) -> Bool,
        decodeInput: @escaping @Sendable (String) throws -> any Sendable,
        decodeOutput: @escaping @Sendable (String, Int) throws -> any Sendable, outputChanges: [Int],
        repeatedModifiers: [String], outputBytes: Int?
    ) {
        self.name = name
        self.formerNames = formerNames
        self.kind = kind
        self.retry = retry
        self.exhaustion = exhaustion
        self.timeout = timeout
        self.compensation = compensation
        self.service = service
        self.branches = branches
        self.inputType = inputType
        self.outputType = outputType
        self.body = body
        self.condition = condition
        self.skip = skip
        self.fallback = fallback
        self.isRetryable = isRetryable
        self.decodeInput = decodeInput
        self.decodeOutput = decodeOutput
        self.outputChanges = outputChanges
        self.repeatedModifiers = repeatedModifiers
        self.outputBytes = outputBytes
    }

    /// Whether it is several lines of steps, each with a recovery point of its own.
    package var isGroup: Bool {
        switch kind {
        case .parallel, .forEach: true
        default: false
        }
    }

    /// Whether it waits for another saga's answer.
    package var isChild: Bool {
        if case .child = kind { true } else { false }
    }

    /// Whether the step may be skipped.
    public var isConditional: Bool { condition != nil }

    /// The name that ids are derived from: a renamed step must be the same operation to everybody else.
    package var originalName: String { formerNames.first ?? name }
}

/// One way through a choice or a group.
public struct DeclaredBranch: Sendable {
    /// The case that leads to it; of a `Parallel`, the name under which the branch is stored.
    public let label: String
    public let steps: [DeclaredStep]

    init(label: String, steps: [DeclaredStep]) {
        self.label = label
        self.steps = steps
    }

    /// A branch of a `Parallel`, with the name that was given to it, or else the first name of its first step.
    init(_ branch: some Step) {
        var list = StepList()
        branch.declare(into: &list)
        steps = list.steps
        label = list.branchName ?? list.steps.first?.originalName ?? ""
    }
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
        let compensation = compensation.map { undo in
            var copy = undo
            copy.body = map(DeclaredCompensation.recoveryPoint(undoing: name), undo.body)
            return copy
        }
        let branches = branches.map { branch in
            DeclaredBranch(label: branch.label, steps: branch.steps.map { $0.mappingBodies(map) })
        }
        return DeclaredStep(
            name: name, formerNames: formerNames, kind: kind, retry: retry, exhaustion: exhaustion, timeout: timeout,
            compensation: compensation, service: service, branches: branches, inputType: inputType,
            outputType: outputType, body: map(name, body), condition: condition, skip: skip, fallback: fallback,
            isRetryable: isRetryable, decodeInput: decodeInput, decodeOutput: decodeOutput,
            outputChanges: outputChanges, repeatedModifiers: repeatedModifiers, outputBytes: outputBytes)
    }
}
