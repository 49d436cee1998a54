import PostgresPQ
import Waymark

extension KeyOperator {
    /// What a verb does to a locked key.
    struct Change: Sendable {
        /// Guarded by the fence that the key had; each gives a row.
        var statements: [PostgresQuery] = []
        /// What becomes of the branches; nil to leave them as they are after the statements.
        var branches: [String: BranchState]?
        /// Whether the next step may have made a call of which nobody knows the outcome; nil: as before.
        var isInDoubt: Bool?
        var removes = false
    }

    /// Thrown to have a dry run's transaction rolled back.
    private struct TakenBack: Error {
        let entry: AuditEntry
    }

    /// Locks `key`, does what `decide` says and records it, in one transaction.
    /// - Parameter takingOver: whether the key is taken from its holder, wherever it is by now.
    /// - Throws: `OperatorError`, what `decide` throws, `PostgresError`, `PostgresTransactionError`.
    func operate(
        _ verb: String, on key: SeenKey, takingOver: Bool = false, reason: String,
        _ decide: @Sendable (OperatedRow) throws -> Change
    ) async throws -> AuditEntry {
        do {
            return try await postgres.withTransaction { transaction in
                let lock = operating.lock(key, takingOver: takingOver)
                guard let row = try await transaction.query(lock).first?.decode(OperatedRow.self) else {
                    throw OperatorError.moved
                }
                let change = try decide(row)
                let isInDoubt = change.isInDoubt ?? row.isInDoubt
                let end =
                    change.removes
                    ? operating.remove(row)
                    : operating.handOver(row, branches: change.branches, isInDoubt: isInDoubt)
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
