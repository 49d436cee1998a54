import Foundation
import PostgresPQ
import Waymark

/// Every statement on the key table, each in one place. Nothing is executed here.
///
/// Each write names one id and carries its guard: the fence, and where a step commits also the recovery point it comes
/// from. Times are the database's.
struct KeyStatements: Sendable {
    let keys: String
    let jobs: String
    /// Who we are, for `locked_by` and the journal.
    let holder: String
    let leaseSeconds: Double
    let retentionSeconds: Double

    init(schema: SchemaName, holder: String, lease: Duration, retention: Duration) {
        keys = "\(schema).keys"
        jobs = "\(schema).jobs"
        self.holder = holder
        leaseSeconds = lease.inSeconds
        retentionSeconds = retention.inSeconds
    }

    /// What a new holder needs to go on: see `ClaimedRow`.
    static let claimedColumns = """
        k.id, k.scope, k.key, k.incarnation, k.saga, k.request::text, k.recovery_point, k.direction, \
        k.journal::text, k.fence, k.attempts, k.response_status, k.response_body, \
        extract(epoch FROM k.locked_at - k.progressed_at)::float8
        """

    /// Inserts a new key, held by us. Gives a row when it is ours; none when the key exists (after waiting for whoever
    /// is inserting it right now).
    func accept(_ request: AcceptedRequest) -> PostgresQuery {
        """
        INSERT INTO \(unescaped: keys) (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
            fingerprint_version, recovery_point, locked_by, locked_at, lease_until, run_at)
        VALUES (\(request.context.id), \(request.context.scope.description), \(request.context.key.description),
            \(request.context.incarnation), \(request.context.saga), \(request.sagaVersion),
            \(PostgresJSONText(request.json)), \(request.fingerprint.bytes), \(Fingerprint.version),
            \(SagaDeclaration.started), \(holder), now(),
            now() + \(leaseSeconds) * interval '1 second', now() + \(leaseSeconds) * interval '1 second')
        ON CONFLICT (id) DO NOTHING
        RETURNING 1
        """
    }

    /// Bounds the wait for whoever is inserting the same key, to the end of the transaction or to `usualLockWait`: a
    /// process that was stopped in the middle of its first phase must not tie up our connections.
    var boundedLockWait: PostgresQuery {
        "SELECT set_config('lock_timeout', \(String(Int(EngineLimits.acceptLockWait.inSeconds * 1000))), true)"
    }

    /// The application's own statements wait as long as its database is set up to.
    var usualLockWait: PostgresQuery { "SET LOCAL lock_timeout TO DEFAULT" }

    /// Reads a key: see `ObservedRow`.
    func observe(_ id: UUID) -> PostgresQuery {
        """
        SELECT incarnation, scope, key, saga, fingerprint, recovery_point, fence, done,
            response_status, response_body, parked_reason, lease_until > now(),
            CASE WHEN NOT done AND parked_reason IS NULL
                THEN extract(epoch FROM greatest(run_at, lease_until) - now())::float8 END
        FROM \(unescaped: keys) WHERE id = \(id)
        """
    }

    /// Reads where a key stands: see `Location`.
    func locate(_ id: UUID) -> PostgresQuery {
        """
        SELECT incarnation, fence, recovery_point, direction, response_status, response_body,
            (journal -> -1 -> 'output')::text
        FROM \(unescaped: keys) WHERE id = \(id)
        """
    }

    /// Takes over a key that was seen with `fence`, if nobody else did and its time has come.
    func claim(_ id: UUID, fence: Int) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys) AS k
        SET fence = fence + 1, attempts = attempts + 1, locked_by = \(holder), locked_at = now(),
            lease_until = now() + \(leaseSeconds) * interval '1 second',
            run_at = now() + \(leaseSeconds) * interval '1 second'
        WHERE id = \(id) AND fence = \(fence) AND NOT done AND parked_reason IS NULL
            AND lease_until <= now() AND run_at <= now()
        RETURNING \(unescaped: Self.claimedColumns)
        """
    }

    /// Takes over up to `limit` keys whose time has come, oldest first, of the recovery points we know.
    ///
    /// MATERIALIZED: a subselect that the planner may run again would lock more rows than `limit`.
    func claimDue(limit: Int, knownPoints: [String]) -> PostgresQuery {
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM \(unescaped: keys)
            WHERE NOT done AND run_at <= now() AND lease_until <= now() AND parked_reason IS NULL
                AND saga || '/' || recovery_point = ANY(\(knownPoints))
            ORDER BY run_at LIMIT \(limit)
            FOR UPDATE SKIP LOCKED
        )
        UPDATE \(unescaped: keys) AS k
        SET fence = k.fence + 1, attempts = k.attempts + 1, locked_by = \(holder), locked_at = now(),
            lease_until = now() + \(leaseSeconds) * interval '1 second',
            run_at = now() + \(leaseSeconds) * interval '1 second'
        FROM due WHERE k.id = due.id
        RETURNING \(unescaped: Self.claimedColumns)
        """
    }

    /// Extends a lease that is still ours: a key that was given back or parked meanwhile stays so. Gives a row when it was.
    func renew(_ id: UUID, fence: Int) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET lease_until = now() + \(leaseSeconds) * interval '1 second',
            run_at = now() + \(leaseSeconds) * interval '1 second'
        WHERE id = \(id) AND fence = \(fence) AND NOT done AND locked_by = \(holder) AND parked_reason IS NULL
        RETURNING 1
        """
    }
}

/// A request on its way into the table.
struct AcceptedRequest: Sendable {
    let context: KeyContext
    let sagaVersion: Int
    let json: String
    let fingerprint: Fingerprint
}
