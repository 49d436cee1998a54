import PostgresPQ

/// A step that does something, and so can be told when to try again, what to do when that is used up, how long to wait,
/// and how to undo it.
public protocol ConfigurableStep<Input, Output>: NamedStep {}

extension ConfigurableStep {
    /// How often the step is tried after transient failures; `.exponential()` unless declared.
    /// - Parameter isRetryable: which errors another attempt may mend; with any other the policy counts as used up. Every
    ///   error that is no `Rejection` unless given.
    public func retry(
        _ policy: RetryPolicy, if isRetryable: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) -> Self {
        with {
            $0.retry = policy
            $0.isRetryable = isRetryable
        }
    }

    /// How long one attempt may take before it is cancelled and counts as a transient failure.
    public func timeout(_ timeout: Duration) -> Self {
        with { $0.timeout = timeout }
    }

    /// Goes on with `value` when the retry policy is used up. The journal marks the output as degraded, and a degraded step
    /// is not undone. A foreign call that may have happened is settled first: see ``rejectWhenExhausted(status:type:title:detail:)``.
    public func orElse(_ value: Output) -> Self {
        orElse { _ in value }
    }

    /// Goes on with a value made from the step's input when the retry policy is used up: see `orElse(_:)`.
    public func orElse(_ substitute: @escaping @Sendable (Input) throws -> Output) -> Self {
        with {
            $0.exhaustion = .degrade
            $0.fallback = { input in try StepValue(output: substitute(cast(input, for: "orElse"))) }
        }
    }

    /// Rejects the request when the retry policy is used up.
    ///
    /// A foreign call that may have happened is settled first, and counts if it happened. `reconcile` is asked where it is
    /// declared. Otherwise a keyed call, and a natural one that declares an undo, is made again, for up to an hour and a half
    /// and within the horizon; if no answer comes, the request is parked. A natural call without an undo is not settled. An
    /// attempt did not happen if it threw a `TransientError` that says so.
    /// - Parameter type: a stable word that programs can switch on.
    public func rejectWhenExhausted(status: Int, type: String, title: String, detail: String? = nil) -> Self {
        with { $0.exhaustion = .reject(Rejection(status: status, type: type, title: title, detail: detail)) }
    }

    /// Declares the undo of this step as a transaction of our own. It gets what the step returned, and runs when a
    /// later step throws a `Rejection`.
    public func compensate(
        retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(10),
        _ undo: @escaping @Sendable (Output, Transaction) async throws -> Void
    ) -> Self {
        compensated(
            DeclaredCompensation(
                kind: .atomicPhase(.readCommitted), retry: retry, timeout: timeout,
                body: .phase { input, transaction in
                    try await undo(cast(input, for: "a compensation"), transaction)
                    return .nothing
                }))
    }

    /// Declares the undo of this step as a transaction of our own that only writes.
    public func compensate(
        retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(10),
        _ undo: @escaping @Sendable (Output, inout Writes) throws -> Void
    ) -> Self {
        compensated(
            DeclaredCompensation(
                kind: .atomicPhase(.readCommitted), retry: retry, timeout: timeout,
                body: .writes { input, writes in
                    try undo(cast(input, for: "a compensation"), &writes)
                    return .nothing
                }))
    }

    /// Declares the undo of this step as a call to a foreign system, with an idempotency key of its own.
    public func compensate(
        _ rule: CallRule<Output, Void>, retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(30),
        _ undo: @escaping @Sendable (Output, Call) async throws -> Void
    ) -> Self {
        var reconcile: StepBody.Reconcile?
        if let ask = rule.reconcile {
            reconcile = { input, call in
                try await ask(cast(input, for: "a compensation"), call).map { _ in .nothing }
            }
        }
        return compensated(
            DeclaredCompensation(
                kind: .foreignCall(rule.idempotence(timeout: timeout)), retry: retry, timeout: timeout,
                body: .call(
                    { input, call in
                        try await undo(cast(input, for: "a compensation"), call)
                        return .nothing
                    }, reconcile: reconcile)))
    }

    private func compensated(_ compensation: DeclaredCompensation) -> Self {
        with { $0.compensation = compensation }
    }
}

extension ConfigurableStep where Input == Output {
    /// Runs the step only where `condition` holds; otherwise its input is its output, the journal marks it as skipped, and
    /// it is not undone. What was decided is committed before a foreign call is made.
    public func when(_ condition: @escaping @Sendable (Input) -> Bool) -> Self {
        with {
            $0.condition = { condition(cast($0, for: "when")) }
            $0.skip = { try StepValue(output: cast($0, for: "when") as Input) }
        }
    }
}
