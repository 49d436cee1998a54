import Foundation
import PostgresPQ
import Waymark

/// The statements that only operators' verbs need; what a verb commits as a runner would is in `KeyStatements`.
struct OperatorStatements: Sendable {
    private let keys: String
    private let audit: String

    init(schema: SchemaName) {
        keys = "\(schema).keys"
        audit = "\(schema).audit"
    }

    /// The columns of `SeenKey`.
    static let seenColumns = """
        id, scope, key, saga, incarnation, recovery_point, direction, fence, parked_reason, done
        """

    /// The columns of `AuditEntry`.
    private static let auditColumns = "id, key_id, at, actor, verb, reason, before, after"

    /// A row of the keys as `AuditEntry.State`.
    private static let state = """
        jsonb_strip_nulls(jsonb_build_object(
            'point', k.recovery_point, 'direction', k.direction, 'fence', k.fence, 'attempts', k.attempts,
            'parked', k.parked_reason, 'error', k.last_error, 'done', k.done, 'status', k.response_status,
            'branches', (
                SELECT coalesce(jsonb_object_agg(branch.key, jsonb_build_object(
                    'point', branch.value -> 'point', 'parked', branch.value -> 'parked')), '{}')
                FROM jsonb_each(k.branches) AS branch)))
        """

    func see(_ id: UUID) -> PostgresQuery {
        "SELECT \(unescaped: Self.seenColumns) FROM \(unescaped: keys) WHERE id = \(id)"
    }

    /// Locks a key and reads what verbs decide by, an `OperatedRow`. Gives no row when it is not as it was seen any more.
    /// - Parameter takingOver: whether the key may have moved since, with whoever holds it.
    func lock(_ key: SeenKey, takingOver: Bool) -> PostgresQuery {
        """
        SELECT id, saga, recovery_point, direction, fence, attempts, journal::text AS journal, branches,
            ARRAY(SELECT jsonb_object_keys(events)) AS events, last_error, parked_reason, parent_event, done,
            lease_until > now() AS is_held, lease_until <= now() AND run_at <= now() AS is_due,
            (locked_by IS NOT NULL OR doubtful_point = recovery_point) IS TRUE AS is_in_doubt,
            \(unescaped: Self.state) AS before
        FROM \(unescaped: keys) AS k
        WHERE id = \(key.id) AND incarnation = \(key.incarnation) AND (\(takingOver)::boolean OR fence = \(key.fence)
            AND recovery_point = \(key.recoveryPoint) AND direction = \(key.direction)
            AND parked_reason IS NOT DISTINCT FROM \(key.parkedReason)::text AND done = \(key.done))
        FOR UPDATE
        """
    }

    /// Takes a locked key from whoever had it, and makes it due: the last update of every verb but an eviction. Gives a row.
    /// - Parameters:
    ///   - branches: what becomes of them; nil to leave them as they are now.
    ///   - isInDoubt: whether the key's next step may have made a call of which nobody knows the outcome.
    func handOver(_ row: OperatedRow, branches: [String: BranchState]?, isInDoubt: Bool) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET fence = fence + 1, attempts = 0, deaths = 0, parked_reason = NULL, locked_by = NULL, lease_until = now(),
            run_at = now(), last_error = \(row.lastError),
            doubtful_point = CASE WHEN \(isInDoubt)::boolean THEN recovery_point END,
            branches = coalesce(\(branches.map(PostgresJSON.init)), branches)
        WHERE id = \(row.id) AND fence = \(row.fence)
        RETURNING 1
        """
    }

    /// Removes a locked key. Gives a row.
    func remove(_ row: OperatedRow) -> PostgresQuery {
        "DELETE FROM \(unescaped: keys) WHERE id = \(row.id) AND fence = \(row.fence) AND done RETURNING 1"
    }

    /// Records what was done to a key, after it was done. Gives the `AuditEntry`.
    func record(_ verb: String, on row: OperatedRow, actor: String, reason: String) -> PostgresQuery {
        """
        INSERT INTO \(unescaped: audit) (id, key_id, actor, verb, reason, before, after)
        VALUES (\(UUID()), \(row.id), \(actor), \(verb), \(reason), \(PostgresJSON(row.before)),
            (SELECT \(unescaped: Self.state) FROM \(unescaped: keys) AS k WHERE id = \(row.id)))
        RETURNING \(unescaped: Self.auditColumns)
        """
    }

    /// Everything that was done to a key, the earliest first.
    func trail(of id: UUID) -> PostgresQuery {
        "SELECT \(unescaped: Self.auditColumns) FROM \(unescaped: audit) WHERE key_id = \(id) ORDER BY at"
    }
}
