/// A mutation of somebody else's system. Never runs inside a transaction.
///
/// The body gets a `Call`, whose idempotency key is the same on every attempt at this step of this request.
public struct ForeignCall<Input: Codable & Sendable, Output: Codable & Sendable>: ConfigurableStep {
    public var options = StepOptions(timeout: .seconds(30))
    let name: String
    let rule: CallRule<Input, Output>
    let body: @Sendable (Input, Call) async throws -> Output

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - rule: what the foreign system does with a call made twice, and what recovery may do.
    ///   - body: a method reference, or a closure with annotated parameters.
    public init(
        _ name: String, _ rule: CallRule<Input, Output>,
        _ body: @escaping @Sendable (Input, Call) async throws -> Output
    ) {
        self.name = name
        self.rule = rule
        self.body = body
    }

    /// Keeps to the limits of a foreign service, which every step that names it shares.
    public func through(_ service: ForeignService) -> Self {
        with("through") { $0.service = service }
    }

    /// Declares the undo of this step as a call to the same foreign system, as idempotent as the step itself, with an
    /// idempotency key of its own.
    public func compensate(
        retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(30),
        _ undo: @escaping @Sendable (Output, Call) async throws -> Void
    ) -> Self {
        compensate(rule.withoutReconcile(Output.self, Void.self), retry: retry, timeout: timeout, undo)
    }

    public func declare(into steps: inout StepList) {
        let (name, body) = (self.name, self.body)
        var reconcile: StepBody.Reconcile?
        if let ask = rule.reconcile {
            reconcile = { input, call in
                try await ask(cast(input, for: name), call).map { try StepValue(output: $0) }
            }
        }
        steps.append(
            declared(
                name, .foreignCall(rule.idempotence(timeout: options.timeout)),
                body: .call(
                    { input, call in try await StepValue(output: body(cast(input, for: name), call)) },
                    reconcile: reconcile)))
    }
}
