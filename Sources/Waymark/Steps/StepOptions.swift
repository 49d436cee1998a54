/// A step with a name, whose recovery points are stored under it.
public protocol NamedStep<Input, Output>: Step {
    /// What the modifiers set.
    var options: StepOptions { get set }
}

/// A step whose output is stored as it is. All named ones are but `Choose`, which stores the way that it chose.
public protocol RecordedStep<Input, Output>: NamedStep {}

/// How one step is tried, undone and read back. Set through the modifiers of the step protocols; a step has only those
/// that it acts on.
public struct StepOptions: Sendable {
    var retry: RetryPolicy = .exponential()
    /// Nil where the step does not say: see `RetryPolicy.mayMend`.
    var isRetryable: (@Sendable (any Error) -> Bool)?
    var exhaustion: Exhaustion = .park
    var fallback: (@Sendable (any Sendable) throws -> StepValue)?
    var timeout: Duration
    var compensation: DeclaredCompensation?
    var service: ForeignService?
    var formerNames: [String] = []
    var outputChanges: [OutputChange] = []
    var condition: (@Sendable (any Sendable) -> Bool)?
    var skip: (@Sendable (any Sendable) throws -> StepValue)?
    var outputBytes: Int?
    /// The modifiers that were given, and those of them that were given again: only the last would count.
    private var modifiers: Set<String> = []
    private(set) var repeated: [String] = []

    init(timeout: Duration = .seconds(10)) {
        self.timeout = timeout
    }

    mutating func give(_ modifier: String) {
        if !modifiers.insert(modifier).inserted { repeated.append(modifier) }
    }

    mutating func degrade<Input, Output: Codable & Sendable>(
        _ substitute: @escaping @Sendable (Input) throws -> Output
    ) {
        exhaustion = .degrade
        fallback = { input in try StepValue(output: substitute(cast(input, for: "orElse"))) }
    }
}

/// How to read an output that an earlier version of the saga recorded.
struct OutputChange: Sendable {
    /// The version that brought the change.
    let version: Int
    let decode: @Sendable (String) throws -> any Sendable
}

extension NamedStep {
    /// Says what the step was called before. Requests that were accepted under an old name go on, and ids that are derived
    /// from the name stay the same. Keep it for good: the ids of requests accepted since are derived from the first name, too.
    /// - Parameter names: the former names, the oldest first; those of a further `renamed(from:)` come after them.
    public func renamed(from names: String...) -> Self {
        with { $0.formerNames += names }
    }
}

extension RecordedStep {
    /// Says that versions of the saga before `version` recorded another type, and how to make ours of it.
    public func outputChanged<Old: Decodable & Sendable>(
        in version: Int, from old: Old.Type, _ upgrade: @escaping @Sendable (Old) throws -> Output
    ) -> Self {
        with {
            $0.outputChanges.append(
                OutputChange(version: version) { json in try upgrade(JSONCoding.decode(Old.self, from: json)) })
        }
    }

}

extension NamedStep {
    /// - Parameter modifier: what sets it, where it may be given once.
    func with(_ modifier: String? = nil, _ change: (inout StepOptions) -> Void) -> Self {
        var copy = self
        if let modifier { copy.options.give(modifier) }
        change(&copy.options)
        return copy
    }

    /// This step as data.
    func declared(
        _ name: String, _ kind: DeclaredStep.Kind, branches: [DeclaredBranch] = [], body: StepBody
    ) -> DeclaredStep {
        let changes = options.outputChanges.sorted { $0.version < $1.version }
        return DeclaredStep(
            name: name, formerNames: options.formerNames, kind: kind, retry: options.retry,
            exhaustion: options.exhaustion, timeout: options.timeout, compensation: options.compensation,
            service: options.service, branches: branches, inputType: String(describing: Input.self),
            outputType: String(describing: Output.self), body: body, condition: options.condition, skip: options.skip,
            fallback: options.fallback, isRetryable: options.isRetryable ?? kind.usuallyRetries,
            decodeInput: { try JSONCoding.decode(Input.self, from: $0) },
            decodeOutput: { json, version in
                let change = changes.first { version < $0.version }
                return try change?.decode(json) ?? JSONCoding.decode(Output.self, from: json)
            }, outputChanges: changes.map(\.version), repeatedModifiers: options.repeated,
            outputBytes: options.outputBytes)
    }
}

extension DeclaredStep.Kind {
    /// Which errors another attempt may mend where the step does not say. A phase has our database alone; what a foreign
    /// system refuses today it may take tomorrow.
    fileprivate var usuallyRetries: @Sendable (any Error) -> Bool {
        if case .atomicPhase = self { RetryPolicy.mayMend } else { { _ in true } }
    }
}

/// The value an erased step body is given is of the step's input type, because the builder chained only such steps
/// and decoding is by the declared type: anything else is a bug of the engine.
func cast<Value>(_ value: any Sendable, for step: String) -> Value {
    guard let value = value as? Value else {
        preconditionFailure("\(step) takes \(Value.self) and was given \(type(of: value))")
    }
    return value
}
