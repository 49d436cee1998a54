import PostgresPQ

/// A step that runs user code, and so can be told when to try again, how long to wait, and how to undo it.
public protocol ConfigurableStep<Input, Output>: Step {
    /// What the modifiers set.
    var options: StepOptions { get set }
}

/// How one step is tried and undone. Set through the modifiers of `ConfigurableStep`.
public struct StepOptions: Sendable {
    var retry: RetryPolicy = .exponential()
    var timeout: Duration
    var compensation: DeclaredCompensation?
}

extension ConfigurableStep {
    /// How often the step is tried after transient failures; `.exponential()` unless declared.
    public func retry(_ policy: RetryPolicy) -> Self {
        with { $0.retry = policy }
    }

    /// How long one attempt may take before it is cancelled and counts as a transient failure.
    public func timeout(_ timeout: Duration) -> Self {
        with { $0.timeout = timeout }
    }

    /// Declares the undo of this step as a transaction of our own. It gets what the step returned, and runs when a
    /// later step throws a `Rejection`.
    public func compensate(
        retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(10),
        _ undo: @escaping @Sendable (Output, Transaction) async throws -> Void
    ) -> Self {
        compensated(kind: .atomicPhase(.readCommitted), retry, timeout) { name in
            .phase { input, transaction in
                try await undo(cast(input, for: name), transaction)
                return .nothing
            }
        }
    }

    /// Declares the undo of this step as a call to a foreign system, with an idempotency key of its own.
    public func compensate(
        _ idempotence: Idempotence, retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(30),
        _ undo: @escaping @Sendable (Output, Call) async throws -> Void
    ) -> Self {
        compensated(kind: .foreignCall(idempotence), retry, timeout) { name in
            .call { input, call in
                try await undo(cast(input, for: name), call)
                return .nothing
            }
        }
    }

    private func compensated(
        kind: DeclaredStep.Kind, _ retry: RetryPolicy, _ timeout: Duration, _ body: (String) -> StepBody
    ) -> Self {
        let body = body("a compensation of \(Output.self)")
        return with {
            $0.compensation = DeclaredCompensation(kind: kind, retry: retry, timeout: timeout, body: body)
        }
    }

    private func with(_ change: (inout StepOptions) -> Void) -> Self {
        var copy = self
        change(&copy.options)
        return copy
    }

    /// This step as data.
    func declared(_ name: String, _ kind: DeclaredStep.Kind, body: StepBody) -> DeclaredStep {
        DeclaredStep(
            name: name, kind: kind, retry: options.retry, timeout: options.timeout,
            compensation: options.compensation,
            inputType: String(describing: Input.self), outputType: String(describing: Output.self), body: body,
            decodeInput: { try JSONCoding.decode(Input.self, from: $0) },
            decodeOutput: { try JSONCoding.decode(Output.self, from: $0) })
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
