import Foundation
import PostgresPQ
import Waymark

/// What one key does to another: start it, wake it.
extension KeyStatements {
    /// Inserts a request that nobody holds, due at once. Gives a row when it was not there.
    /// - Parameter parent: the key that waits for its answer, and the event that the answer is to it.
    func start(_ request: AcceptedRequest, parent: (id: UUID, event: String)? = nil) -> PostgresQuery {
        """
        INSERT INTO \(unescaped: keys) (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
            fingerprint_version, recovery_point, fence, attempts, lease_until, run_at, parent_id, parent_event)
        VALUES (\(request.context.id), \(request.context.scope.description), \(request.context.key.description),
            \(request.context.incarnation), \(request.context.saga), \(request.sagaVersion),
            \(PostgresJSONText(request.json)), \(request.fingerprint.bytes), \(Fingerprint.version),
            \(SagaDeclaration.started), \(request.context.firstFence), 0, now(), now(), \(parent?.id), \(parent?.event))
        ON CONFLICT (id) DO NOTHING
        RETURNING 1
        """
    }

    /// Gives a row where a key is the child of another.
    func isChild(_ id: UUID, of parent: UUID, saga: String) -> PostgresQuery {
        "SELECT 1 FROM \(unescaped: keys) WHERE id = \(id) AND parent_id = \(parent) AND saga = \(saga)"
    }

    /// Adds to an update that finishes a key that its answer is delivered to its parent, in the same statement.
    /// It fails, as that of `orFail(_:)` does, when it found no row.
    func waking(_ finish: PostgresQuery) -> PostgresQuery {
        let answered = finish.sql.replacing(
            "RETURNING 1", with: "RETURNING parent_id, parent_event, response_status, response_body")
        return PostgresQuery(
            unsafeSQL: """
                WITH answered AS (\(answered)), woken AS (
                    UPDATE \(keys) AS parent
                    SET events = parent.events || jsonb_build_object(answered.parent_event, jsonb_build_object(
                            'status', answered.response_status, 'body', answered.response_body, 'at', now())),
                        run_at = \(Self.dueNow("parent"))
                    FROM answered WHERE parent.id = answered.parent_id AND NOT parent.done
                )
                SELECT 1/count(*) FROM answered
                """, binds: finish.binds)
    }

    /// The time at which a key that waits is due when something arrived for it: now, but for one that is parked. One that
    /// is held is not claimed before its lease ends, and its holder looks at the events when it gives it back.
    static func dueNow(_ key: String) -> String {
        """
        greatest(least(\(key).run_at, now()),
            CASE WHEN \(key).parked_reason IS NULL THEN '-infinity'::timestamptz ELSE 'infinity' END)
        """
    }
}
