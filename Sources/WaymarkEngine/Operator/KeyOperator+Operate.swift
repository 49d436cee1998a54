import PostgresPQ
import Waymark

extension KeyOperator {
    /// What a verb does to a locked key.
    struct Change: Sendable {
        /// Guarded by the fence that the key had; each gives a row.
        var statements: [PostgresQuery] = []
        /// What becomes of the branches; nil to leave them as they are after the statements.
        var branches: [String: BranchState]?
        var removes = false
    }

    /// Thrown to have a dry run's transaction rolled back.
    private struct TakenBack: Error {
        let entry: AuditEntry
    }

    /// Locks `key`, does what `decide` says and records it, in one transaction.
    /// - Throws: `OperatorError`, what `decide` throws, `PostgresError`, `PostgresTransactionError`.
    func operate(
        _ verb: String, on key: SeenKey, reason: String, _ decide: @Sendable (OperatedRow) throws -> Change
    ) async throws -> AuditEntry {
        do {
            return try await postgres.withTransaction { transaction in
                guard let row = try await transaction.query(operating.lock(key)).first?.decode(OperatedRow.self) else {
                    throw OperatorError.moved
                }
                let change = try decide(row)
                let end = change.removes ? operating.remove(row) : operating.handOver(row, branches: change.branches)
                let results = try await transaction.pipeline(
                    change.statements + [end, operating.record(verb, on: row, actor: actor, reason: reason)])
                guard results.allSatisfy({ !$0.isEmpty }), let entry = try results.last?.first?.decode(AuditEntry.self)
                else { throw OperatorError.moved }
                if isDryRun { throw TakenBack(entry: entry) }
                return entry
            }
        } catch let takenBack as TakenBack {
            return takenBack.entry
        }
    }
}
