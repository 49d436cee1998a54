extension PostgresConnection {
    /// Runs `body` in a transaction and commits it, in as few round trips as its statements allow.
    ///
    /// `BEGIN` and the opening statements travel with the body's first statement, the closing statements with COMMIT; so
    /// a transaction of `opening`, one statement and `closing` costs two round trips, and one without statements in
    /// the body a single one. Other users of the connection wait until the transaction has ended. Tasks that the body
    /// starts must end before it does.
    ///
    /// Throws what `body` and `closing` throw, after a rollback; ``PostgresTransactionError`` when an opening or
    /// closing statement or COMMIT failed, or when the outcome of COMMIT is unknown; ``PostgresError`` with
    /// ``PostgresError/Code/connectionLost`` when the connection broke before, so that nothing was committed; and
    /// `CancellationError` when the task was cancelled before COMMIT was sent. COMMIT itself is not cancelled.
    ///
    /// - Parameters:
    ///   - opening: statements to run before the body's; their rows are not returned. A failing one fails the
    ///     transaction even if the body ignores it.
    ///   - closing: makes statements to run after the body's from the body's value.
    @discardableResult
    public nonisolated(nonsending) func withTransaction<Value: Sendable>(
        isolation: PostgresIsolation = .readCommitted,
        opening: [PostgresQuery] = [],
        _ body: (PostgresTransaction) async throws -> Value,
        closing: (Value) throws -> [PostgresQuery] = { _ in [] }
    ) async throws -> Value {
        guard TransactionScope.currentConnection != id else {
            throw PostgresError(.transactionMisuse, "transactions cannot be nested")
        }
        let scope = TransactionScope(id: flags.takeUnitID(), isolation: isolation, opening: opening)
        for statement in scope.prefix { try statement.validate() }
        let transaction = PostgresTransaction(connection: self, scope: scope)
        let value: Value
        let commit: [Statement]
        do {
            value = try await TransactionScope.$currentConnection.withValue(id) {
                try await body(transaction)
            }
            commit = try closing(value).map { Statement($0) } + [Statement("COMMIT", isPrepared: false)]
            for statement in commit { try statement.validate() }
            try Task.checkCancellation()
            if let failure = scope.openingFailure { throw failure }
        } catch {
            scope.end()
            try await rollBack(scope)
            throw scope.openingFailure ?? error
        }
        scope.end()
        try await self.commit(commit, scope)
        return value
    }

    private nonisolated func commit(_ statements: [Statement], _ scope: TransactionScope) async throws {
        let outcome = await end(statements, scope)
        switch CommitVerdict(outcome) {
        case .committed:
            return
        case .lost(let error):
            throw error
        case .unknown(let error):
            throw PostgresTransactionError(stage: .commit, error: error)
        case .failed(let failure):
            try await rollBack(scope)
            throw scope.openingFailure ?? failure
        }
    }

    /// Ends the transaction on the server, if it was begun there and the connection is alive.
    ///
    /// Throws at stage ``PostgresTransactionError/Stage/rollback`` when the server refuses; the connection is closed.
    private nonisolated func rollBack(_ scope: TransactionScope) async throws {
        guard scope.isBegun else { return }
        let outcome = await end([Statement("ROLLBACK", isPrepared: false)], scope)
        guard case .failed(let error) = outcome.statements[0], !error.isConnectionLost else { return }
        terminate("a transaction could not be rolled back")
        throw PostgresTransactionError(stage: .rollback, error: error)
    }

    /// Sends the statements that end the transaction; the cancellation of the task does not reach them.
    private nonisolated func end(_ statements: [Statement], _ scope: TransactionScope) async -> JobOutcome {
        let unit = PipelineStateMachine.Unit(id: flags.takeUnitID(), transaction: scope.id, endsTransaction: true)
        return await perform(Job(unit: unit, statements: statements, scope: scope), isShielded: true)
    }
}
