import Foundation
import PostgresPQ
import Waymark

/// Every statement on the key table, each in one place. Nothing is executed here.
///
/// Each write names one id and carries its guard: the fence, and where a step commits also the recovery point it comes
/// from. Times are the database's.
///
/// Writes say `done IS NOT TRUE`, which is `NOT done` to a column that is never NULL, but not to the planner: it must not take
/// the index of all unfinished keys for a way to find one.
package struct KeyStatements: Sendable {
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

    /// The seconds from one time to another, infinite where one of them is. Not the epoch of their difference: there is none
    /// to infinity before PostgreSQL 17, and a row that fails a statement fails it for all rows.
    static func seconds(from start: String, to end: String) -> String {
        "extract(epoch FROM \(end))::float8 - extract(epoch FROM \(start))::float8"
    }

    /// The seconds of a delay that is added to the time: what is later than PostgreSQL's last date is due a little before it.
    static func seconds(of delay: Duration) -> Double { min(delay.inSeconds, longestDelay) }

    /// 291,500 years.
    private static let longestDelay = 9.2e12

    /// What a new holder needs to go on: see `ClaimedRow`.
    static let claimedColumns = """
        k.id, k.scope, k.key, k.incarnation, k.saga, k.saga_version, k.request::text, k.recovery_point, k.direction, \
        k.journal::text, k.branches::text, k.events::text, k.fence, k.attempts, k.response_status, k.response_body, \
        k.parent_event, \(seconds(from: "k.progressed_at", to: "k.locked_at")), \
        extract(epoch FROM k.locked_at)::float8, k.deaths, (k.doubtful_point = k.recovery_point) IS TRUE
        """

    /// The only clock that counts, in seconds since 1970.
    var clock: PostgresQuery { "SELECT extract(epoch FROM now())::float8" }

    /// Reads a key: see `ObservedRow`.
    func observe(_ id: UUID) -> PostgresQuery { observe([id]) }

    /// Reads keys. What a finished one would need to go on is not looked up.
    ///
    /// OFFSET 0 keeps the lookup a lookup: joined, or by `= ANY`, it would be planned while the table is empty, and then read
    /// all that has come since. The ids come from a subselect, so that the planner does not know how many there are: a plan
    /// made for fewer than it guesses otherwise seems worth making anew each time, which takes longer than the lookups.
    func observe(_ ids: [UUID]) -> PostgresQuery {
        """
        SELECT id, incarnation, scope, key, saga, fingerprint, recovery_point, fence, done,
            response_status, response_body, parked_reason, lease_until > now(),
            CASE WHEN NOT done AND parked_reason IS NULL
                THEN \(unescaped: Self.seconds(from: "now()", to: "greatest(run_at, lease_until)")) END,
            CASE WHEN done THEN '{}' ELSE ARRAY(\(unescaped: Self.needs)) END,
            NOT done AND \(unescaped: Self.isWaiting), \(unescaped: Self.seconds(from: "progressed_at", to: "now()"))
        FROM unnest((SELECT \(ids)::uuid[])) AS wanted (key_id) CROSS JOIN LATERAL (
            SELECT * FROM \(unescaped: keys) WHERE id = wanted.key_id OFFSET 0
        ) AS k
        """
    }

    /// Whether a key that nobody holds lets time pass or waits for something, and is in no backoff: waking counts no
    /// attempt. Of a group under way, whether all its branches do.
    static let isWaiting = """
        CASE WHEN branches = '{}' THEN attempts = 0 AND recovery_point ~ ':(asleep|waiting)$'
            ELSE NOT jsonb_path_exists(branches, '$.* ? (@.point != "finished"
                && !(@.attempts == 1 && @.point like_regex ":(asleep|waiting)$"))') END
        """

    /// Reads where a line of a key stands: see `Location`.
    /// - Parameter step: the journal's name of the step whose output is asked for.
    func locate(_ id: UUID, _ line: LineID, step: String) -> PostgresQuery {
        guard case .branch(let branch, group: _) = line else {
            return """
                SELECT incarnation, fence, recovery_point, direction, response_status, response_body,
                    (journal -> -1 -> 'output')::text
                FROM \(unescaped: keys) WHERE id = \(id)
                """
        }
        return """
            SELECT incarnation, fence, coalesce(branches #>> ARRAY[\(branch)::text, 'point'], recovery_point), direction,
                response_status, response_body,
                jsonb_path_query_first(
                    journal, '$[*] ? (@.step == $step).output', jsonb_build_object('step', \(step)::text))::text
            FROM \(unescaped: keys) WHERE id = \(id)
            """
    }

    /// Reads what has been recorded so far.
    func reread(_ id: UUID, fence: Int) -> PostgresQuery {
        "SELECT journal::text FROM \(unescaped: keys) WHERE id = \(id) AND fence = \(fence)"
    }

    /// What a claim adds to the fence: its last three digits count the claims, those before are drawn. A failover may lose the
    /// claim of a holder who is still alive; the next claim, on the new timeline, must not come to the same fence.
    private static func fenceStep() -> Int { 1 + 1000 * Int.random(in: 0..<fenceSteps) }

    /// Of one key 2^33 claims until a bigint is full; one in a million that two lost ones are alike.
    private static let fenceSteps = 1_000_000

    /// Takes over a key that was seen with `fence`, if nobody else did and its time has come. Should we die too, the next
    /// one waits the longer beyond the lease the more holders died with it before.
    func claim(_ id: UUID, fence: Int) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys) AS k
        SET fence = fence + \(Self.fenceStep()), attempts = attempts + 1, locked_by = \(holder), locked_at = now(),
            deaths = CASE WHEN locked_by IS NULL THEN 0 ELSE deaths + 1 END,
            lease_until = now() + \(leaseSeconds) * interval '1 second',
            run_at = now() + (\(leaseSeconds) + power(2, least(deaths, 7)) - 1) * interval '1 second'
        WHERE id = \(id) AND fence = \(fence) AND done IS NOT TRUE AND parked_reason IS NULL
            AND lease_until <= now() AND run_at <= now()
        RETURNING \(unescaped: Self.claimedColumns), NULL::float8
        """
    }

    /// By what a claim of due keys is known on its way to the database, for tests.
    package static let claimDueBeginning = "WITH due"

    /// Takes over up to `limit` keys whose time has come, oldest first, of those that need nothing but what we accept. Behind
    /// the columns of a claim, each row has the time at which the key was due, in seconds since 1970.
    ///
    /// MATERIALIZED: a subselect that the planner may run again would lock more rows than `limit`.
    /// - Parameter start: keys that were due before are left out.
    func claimDue(limit: Int, accepted: Set<String>, dueFrom start: Double = -.infinity) -> PostgresQuery {
        """
        WITH due AS MATERIALIZED (
            SELECT id, run_at FROM \(unescaped: keys) AS k
            WHERE NOT done AND run_at >= to_timestamp(\(start)) AND run_at <= now() AND lease_until <= now()
                AND parked_reason IS NULL
                AND NOT EXISTS (
                    SELECT FROM (\(unescaped: Self.needs)) AS n (need)
                    WHERE saga || '/' || need <> ALL(\(accepted.sorted())))
            ORDER BY run_at LIMIT \(limit)
            FOR UPDATE SKIP LOCKED
        )
        UPDATE \(unescaped: keys) AS k
        SET fence = k.fence + \(Self.fenceStep()), attempts = k.attempts + 1, locked_by = \(holder), locked_at = now(),
            deaths = CASE WHEN k.locked_by IS NULL THEN 0 ELSE k.deaths + 1 END,
            lease_until = now() + \(leaseSeconds) * interval '1 second',
            run_at = now() + (\(leaseSeconds) + power(2, least(k.deaths, 7)) - 1) * interval '1 second'
        FROM due WHERE k.id = due.id
        RETURNING \(unescaped: Self.claimedColumns), extract(epoch FROM due.run_at)::float8
        """
    }

    /// The sagas of which several keys that we may claim have killed one holder after the other, and are about to be claimed
    /// again.
    func dyingSagas(accepted: Set<String>) -> PostgresQuery {
        """
        SELECT saga FROM \(unescaped: keys) AS k
        WHERE NOT done AND run_at <= now() + \(leaseSeconds) * interval '1 second'
            AND deaths >= \(EngineLimits.deathsToQuarantine) AND parked_reason IS NULL
            AND NOT EXISTS (
                SELECT FROM (\(unescaped: Self.needs)) AS n (need)
                WHERE saga || '/' || need <> ALL(\(accepted.sorted())))
        GROUP BY saga HAVING count(*) >= \(EngineLimits.keysToQuarantine)
        """
    }

    /// Extends a lease that is still ours: a key that was given back or parked meanwhile stays so. Gives a row when it was.
    func renew(_ id: UUID, fence: Int) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET lease_until = now() + \(leaseSeconds) * interval '1 second',
            run_at = now() + (\(leaseSeconds) + power(2, least(deaths, 7)) - 1) * interval '1 second'
        WHERE id = \(id) AND fence = \(fence) AND done IS NOT TRUE AND locked_by = \(holder) AND parked_reason IS NULL
        RETURNING 1
        """
    }
}

/// Which recovery point of a key a statement is about.
enum LineID: Sendable, Hashable {
    /// The key's own.
    case main
    /// That of a branch of the group which the key's own recovery point is in.
    case branch(String, group: String)
}
