import PostgresPQ
public import Waymark

extension Orchestrator {
    /// Runs a closure once per key, without a saga: its result is stored, and whoever asks again gets it.
    ///
    /// ```swift
    /// let outcome = try await orchestrator.once("send-welcome", key: IdempotencyKey(deriving: user, \.id), scope: scope) {
    ///     call in try await mail.sendWelcome(to: user, idempotencyKey: call.idempotencyKey)
    /// }
    /// ```
    ///
    /// | the closure | the caller | the next caller with the key |
    /// | --- | --- | --- |
    /// | returns | `finished` | gets the same result, as long as it is retained |
    /// | throws a `Rejection` | `rejected` | gets the same rejection |
    /// | throws anything else, or takes longer than `timeout` | gets the error thrown | runs it again, at once |
    /// | is running | | `inProgress` |
    /// | dies with its process | | runs it again, after the lease |
    ///
    /// So the closure is run at least once, and more than once where its process dies, or cannot reach the database, between
    /// its effect and the commit of its result. `Call.idempotencyKey` is the same each time: pass it on to the system that
    /// the effect is on. Nobody but a caller runs it again. What must be finished although its caller went away, or has
    /// several steps, is a saga's work.
    /// - Parameters:
    ///   - name: what is done: stored, and part of the key's identity, so that other names' and sagas' keys are others.
    ///   - scope: who owns the key, from authentication.
    ///   - request: what the work depends on: the same key with another request is a mismatch.
    ///   - timeout: how long the closure may take before it is cancelled. Its lease is renewed meanwhile, by the
    ///     orchestrator's `run()`.
    /// - Returns: `parked` where the result cannot be stored: running it again would not mend that.
    /// - Throws: what the closure threw; `SagaDeclarationError` for a name that is not 1 to 80 characters of a-z, 0-9, _
    ///   and -, or a timeout that is not positive; `WaymarkError` for a request that cannot be stored, and when this
    ///   process is stopping; `PostgresError` when the database stays away; `DecodingError` for a stored result that is of
    ///   another type.
    public func once<Result: Codable & Sendable>(
        _ name: String, key: IdempotencyKey, scope: Scope, request: (any Encodable & Sendable)? = nil,
        timeout: Duration = .seconds(30), _ body: @escaping @Sendable (Call) async throws -> Result
    ) async throws -> Outcome<Result> {
        let work = OnceSaga(timeout: timeout, lease: engine.configuration.lease, work: body)
        return try await submit(work, name, key: key, scope: scope, request: request).outcome { body in
            try JSONCoding.decode(Result.self, from: body)
        }
    }

    /// The same for a closure that returns nothing.
    public func once(
        _ name: String, key: IdempotencyKey, scope: Scope, request: (any Encodable & Sendable)? = nil,
        timeout: Duration = .seconds(30), _ body: @escaping @Sendable (Call) async throws -> Void
    ) async throws -> Outcome<Void> {
        let work = OnceSaga(timeout: timeout, lease: engine.configuration.lease) { call in
            try await body(call)
            return NoResult()
        }
        return try await submit(work, name, key: key, scope: scope, request: request).outcome { _ in }
    }

    private func submit<Result>(
        _ work: OnceSaga<Result>, _ name: String, key: IdempotencyKey, scope: Scope,
        request: (any Encodable & Sendable)?
    ) async throws -> Submission {
        let declaration = try SagaDeclaration(work, once: name)
        let prepared = try prepare(
            RegisteredSaga(declaration, of: OnceSaga<Result>.self), StepValue(encoding: OnceRequest(value: request)))
        let id = KeyIdentity.rowID(once: name, scope: scope, key: key)
        let submission: Submission
        do {
            submission = try await submit(prepared, id: id, key: key, scope: scope)
        } catch {
            throw work.failure.error ?? error
        }
        // In a backoff is only what we gave back ourselves; what another runner made of the key counts for more.
        guard case .inProgress(let progress) = submission, progress.cause == .backoff,
            let error = work.failure.error
        else { return submission }
        // Unheard, the key is free a moment later all the same.
        _ = try? await engine.postgres.execute(engine.statements.endDelay(id))
        throw error
    }

    private struct NoResult: Codable {}
}
