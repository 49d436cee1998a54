import PostgresPQ

/// A step that does something: it can be left out where its input says so, and be undone.
public protocol UndoableStep<Input, Output>: RecordedStep {}

extension UndoableStep {
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
        with("compensate") { $0.compensation = compensation }
    }
}

extension UndoableStep where Input == Output {
    /// Runs the step only where `condition` holds; otherwise its input is its output, the journal marks it as skipped, and
    /// it is not undone. What was decided is committed before a foreign call is made.
    public func when(_ condition: @escaping @Sendable (Input) -> Bool) -> Self {
        with("when") {
            $0.condition = { condition(cast($0, for: "when")) }
            $0.skip = { try StepValue(output: cast($0, for: "when") as Input) }
        }
    }
}
