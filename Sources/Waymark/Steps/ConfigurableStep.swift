import PostgresPQ

/// A step whose work is tried: it can be told when to try again, what to do when that is used up, how long one attempt may
/// take, and, as every `UndoableStep`, how to undo it.
public protocol ConfigurableStep<Input, Output>: UndoableStep {}

extension ConfigurableStep {
    /// How often the step is tried after transient failures; `.exponential()` unless declared.
    /// - Parameter isRetryable: which errors another attempt may mend; with any other the policy counts as used up. It is
    ///   asked about every error that is no `Rejection`. Unless given, a foreign call is tried again after each of them, and a
    ///   phase after those that `RetryPolicy.mayMend` tells.
    public func retry(_ policy: RetryPolicy, if isRetryable: (@Sendable (any Error) -> Bool)? = nil) -> Self {
        with("retry") {
            $0.retry = policy
            $0.isRetryable = isRetryable
        }
    }

    /// How often the step is tried after transient failures, where another request's row may be what violates a constraint,
    /// and go away: one booking of a room at a time, say. A violation of any other constraint counts as used up at once.
    /// - Parameter constraint: the constraint's name in the database, and those of others.
    public func retry(
        _ policy: RetryPolicy, onViolationOf constraint: String, _ others: String...
    ) -> Self {
        let names = [constraint] + others
        return retry(policy) { error in
            RetryPolicy.mayMend(error) || names.contains { error.violates(constraint: $0) }
        }
    }

    /// How long one attempt may take before it is cancelled and counts as a transient failure.
    public func timeout(_ timeout: Duration) -> Self {
        with("timeout") { $0.timeout = timeout }
    }

    /// How many bytes the step's output takes at most, as JSON. A foreign call, and a `ForEach` over it, are begun only where
    /// there is room for so much; where nothing is declared, for a call's input twice over. A phase whose output is larger
    /// is refused before its commit.
    public func outputBytes(atMost bytes: Int) -> Self {
        with("outputBytes") { $0.outputBytes = bytes }
    }

    /// Goes on with `value` when the retry policy is used up. The journal marks the output as degraded, and a degraded step
    /// is not undone. A foreign call that may have happened is settled first, where it declares `reconcile` or an undo: see
    /// ``rejectWhenExhausted(status:type:title:detail:)``.
    public func orElse(_ value: Output) -> Self {
        orElse { _ in value }
    }

    /// Goes on with a value made from the step's input when the retry policy is used up: see `orElse(_:)`.
    public func orElse(_ substitute: @escaping @Sendable (Input) throws -> Output) -> Self {
        with("orElse or rejectWhenExhausted") { $0.degrade(substitute) }
    }

    /// Rejects the request when the retry policy is used up.
    ///
    /// A foreign call that may have happened is settled first, and counts if it happened. `reconcile` is asked where it is
    /// declared. Otherwise a keyed call, and a natural one that declares an undo, is made again, for up to an hour and a half
    /// and within the horizon; if no answer comes, the request is parked. A natural call without an undo is not settled. An
    /// attempt did not happen if it threw a `TransientError` that says so.
    /// - Parameter type: a stable word that programs can switch on.
    public func rejectWhenExhausted(status: Int, type: String, title: String, detail: String? = nil) -> Self {
        with("orElse or rejectWhenExhausted") {
            $0.exhaustion = .reject(Rejection(status: status, type: type, title: title, detail: detail))
        }
    }
}
