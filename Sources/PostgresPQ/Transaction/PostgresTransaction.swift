/// An open transaction, lent to the closure of `withTransaction`.
///
/// It may be used by several tasks at once; their statements are pipelined in call order. After the closure has
/// returned every use throws ``PostgresError/Code/transactionMisuse``. Once a statement has failed, PostgreSQL refuses
/// all further ones, and the transaction will be rolled back even if the closure catches the error.
public struct PostgresTransaction: Sendable {
    let connection: PostgresConnection
    let scope: TransactionScope

    /// Runs a statement and returns its rows.
    ///
    /// Throws ``PostgresError``, or `CancellationError` when the task was cancelled before there was a result.
    public func query(_ query: PostgresQuery) async throws -> PostgresRows {
        try await connection.run([query], in: scope).rows()[0]
    }

    /// Runs a statement and returns how many rows it affected. Throws as ``query(_:)`` does.
    @discardableResult
    public func execute(_ query: PostgresQuery) async throws -> Int {
        try await self.query(query).rowsAffected
    }

    /// Runs statements in one round trip; throws the first failing one's error.
    public func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        guard !queries.isEmpty else { return [] }
        return try await connection.run(queries, in: scope).rows()
    }

    /// Runs statements in one round trip, and tells for each what it returned or why it failed. Those after a failed one
    /// are not run, and have its error.
    ///
    /// Throws ``PostgresError`` for statements that cannot be sent. A cancelled task's statements fail with
    /// ``PostgresError/Code/cancelled``.
    public func pipelineEach(_ queries: [PostgresQuery]) async throws -> [Result<PostgresRows, PostgresError>] {
        guard !queries.isEmpty else { return [] }
        return try await connection.run(queries, in: scope).each()
    }
}
