extension PostgresConnection {
    /// Runs a statement and returns its rows, all of them, once what it did is committed.
    ///
    /// Throws ``PostgresError``, or `CancellationError` when the task was cancelled before there was a result. A
    /// statement that was interrupted by the loss of the connection may have taken effect.
    public nonisolated func query(_ query: PostgresQuery) async throws -> PostgresRows {
        try await run([query]).rows()[0]
    }

    /// Runs a statement and returns how many rows it affected. Throws as ``query(_:)`` does.
    @discardableResult
    public nonisolated func execute(_ query: PostgresQuery) async throws -> Int {
        try await self.query(query).rowsAffected
    }

    /// Runs statements in one write and one round trip, as one implicit transaction: all of them take effect or none.
    ///
    /// Throws the first failing statement's error. The statements must not control transactions themselves.
    public nonisolated func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        guard !queries.isEmpty else { return [] }
        return try await run(queries).rows()
    }

    /// Runs independent statements without waiting in between: each takes effect, or fails, on its own.
    ///
    /// Returns one result for each statement, in order. Throws ``PostgresError/Code/encoding`` before anything is sent,
    /// and nothing else; statements that a cancellation or the loss of the connection kept from being answered have
    /// ``PostgresError/Code/cancelled`` or ``PostgresError/Code/connectionLost`` as their result.
    public nonisolated func pipelineEach(
        _ queries: [PostgresQuery]
    ) async throws -> [Result<PostgresRows, PostgresError>] {
        guard !queries.isEmpty else { return [] }
        let jobs = try queries.map { try makeJob([$0]) }
        return await perform(jobs).map { $0.each()[0] }
    }

    /// Runs `;`-separated statements as they are, without parameters: for migrations.
    ///
    /// They are one implicit transaction unless they control transactions themselves. It waits for the connection to
    /// be idle and keeps others waiting. Throws the first failing statement's error.
    public nonisolated func executeScript(_ sql: String) async throws {
        let statement = Statement(PostgresQuery(unsafeSQL: sql))
        try statement.validate()
        let unit = PipelineStateMachine.Unit(id: flags.takeUnitID(), isScript: true)
        _ = try await perform(Job(unit: unit, statements: [statement])).rows()
    }
}
