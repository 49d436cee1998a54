import Foundation
import PostgresPQ
import Waymark

/// Statements that are about many keys at once, one row each. What PostgreSQL does for a statement rather than for a row
/// (opening indexes, reading constraints, planning) is done once for all of them.
extension KeyStatements {
    /// A key to be inserted.
    struct Acceptance: Sendable {
        let request: AcceptedRequest
        /// What its first step came to, where that commits with it: then the key is inserted as it is after the step.
        var first: FirstStep?
    }

    struct FirstStep: Sendable {
        /// The recovery point after it.
        let point: String
        let entry: JournalEntry
        /// Where it is the last step too.
        let answer: StoredAnswer?
    }

    /// Inserts new keys, held by us. Gives the ids of those that are ours; not of one that exists (after waiting for whoever
    /// is inserting it right now).
    ///
    /// In the order of their ids, so that two processes with keys in common do not wait for each other.
    func accept(_ acceptances: [Acceptance]) -> PostgresQuery {
        let keys = acceptances.sorted { $0.request.context.id < $1.request.context.id }
        let requests = keys.map(\.request)
        return """
            INSERT INTO \(unescaped: self.keys) (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
                fingerprint_version, recovery_point, journal, steps_version, fence, locked_by, locked_at,
                lease_until, run_at, response_status, response_body, done, finished_at, expires_at)
            SELECT a.id, a.scope, a.key, a.incarnation, a.saga, a.saga_version, a.request, a.fingerprint,
                \(Fingerprint.version)::smallint, a.point, CASE WHEN a.entry IS NULL THEN '[]'
                    ELSE jsonb_build_array(a.entry || jsonb_build_object('at', now())) END, a.steps_version, a.fence, CASE WHEN a.body IS NULL THEN \(holder)::text END, now(),
                now() + CASE WHEN a.body IS NULL THEN \(leaseSeconds)::float8 ELSE 0 END * interval '1 second',
                now() + \(leaseSeconds)::float8 * interval '1 second', a.status, a.body, a.body IS NOT NULL,
                CASE WHEN a.body IS NOT NULL THEN now() END,
                CASE WHEN a.body IS NOT NULL THEN now() + \(retentionSeconds)::float8 * interval '1 second' END
            FROM unnest(\(requests.map(\.context.id)), \(requests.map(\.context.scope.description)),
                \(requests.map(\.context.key.description)), \(requests.map(\.context.incarnation)),
                \(requests.map(\.context.saga)), \(requests.map(\.sagaVersion)),
                \(requests.map { PostgresJSONText($0.json) }), \(requests.map(\.fingerprint.bytes)),
                \(keys.map { $0.first?.point ?? SagaDeclaration.started }), \(keys.map { json(of: $0.first?.entry) }),
                \(keys.map { $0.first?.entry.version ?? 1 }), \(requests.map(\.context.firstFence)),
                \(keys.map { $0.first?.answer?.status }), \(keys.map { $0.first?.answer?.body })::text[]
            ) AS a (id, scope, key, incarnation, saga, saga_version, request, fingerprint, point, entry, steps_version,
                fence, status, body)
            ON CONFLICT (id) DO NOTHING
            RETURNING id
            """
    }

    /// A job on its way into the table.
    struct Staging: Sendable {
        let job: StagedJob
        let id: UUID
        let keyID: UUID
        /// In the phase that staged it.
        let position: Int
    }

    /// Inserts jobs that phases staged.
    func stage(_ stagings: [Staging]) -> PostgresQuery {
        """
        INSERT INTO \(unescaped: jobs) (id, key_id, name, payload, position, run_at)
        SELECT j.id, j.key_id, j.name, j.payload, j.position, now() + j.delay * interval '1 second'
        FROM unnest(\(stagings.map(\.id)), \(stagings.map(\.keyID)), \(stagings.map(\.job.name)),
            \(stagings.map { PostgresJSONText($0.job.payload) }), \(stagings.map { Int16($0.position) }),
            \(stagings.map(\.job.delay.inSeconds))) AS j (id, key_id, name, payload, position, delay)
        """
    }

    private func json(of entry: JournalEntry?) -> PostgresJSONText? {
        entry.map { PostgresJSONText($0.json(by: holder)) }
    }
}
