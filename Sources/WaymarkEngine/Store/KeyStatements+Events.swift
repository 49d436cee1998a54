import Foundation
import PostgresPQ
import Waymark

/// What is sent to a key from outside.
extension KeyStatements {
    /// Delivers an event to a key that may still come to wait for it, and has not got it. Gives a row when it did.
    ///
    /// Only a key that waits for this very event is due at once: another step's backoff stays as long as it is.
    func deliver(_ event: AwaitedEvent, to id: UUID, scope: Scope, key: IdempotencyKey, json: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys) AS k
        SET events = k.events || jsonb_build_object(event.names[1],
                jsonb_build_object('value', \(PostgresJSONText(json))::jsonb, 'at', now())),
            run_at = CASE WHEN k.recovery_point = ANY(event.points) OR jsonb_path_exists(
                    k.branches, '$.*.event ? (@ == $names[*])', jsonb_build_object('names', event.names))
                THEN \(unescaped: Self.dueNow("k")) ELSE k.run_at END
        FROM (VALUES (\(event.names)::text[], \(event.points)::text[])) AS event (names, points)
        WHERE k.id = \(id) AND k.scope = \(scope.description) AND k.key = \(key.description) AND k.saga = \(event.saga)
            AND NOT k.done AND NOT \(unescaped: Self.isPassed)
        RETURNING 1
        """
    }

    /// Records that the time of a wait is over, unless its event is there. Gives what is recorded, the event or that; no row
    /// when the lease was lost.
    func expire(_ id: UUID, fence: Int, event: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET events = jsonb_build_object(\(event)::text, jsonb_build_object('at', now())) || events
        WHERE id = \(id) AND fence = \(fence) AND done IS NOT TRUE
        RETURNING (events -> \(event))::text
        """
    }

    /// Reads why a key did not take an event: see `EventRow`.
    func observe(_ event: AwaitedEvent, of id: UUID) -> PostgresQuery {
        """
        SELECT k.scope, k.key, k.saga, k.done, (k.events -> event.names[1] -> 'value')::text, \(unescaped: Self.isPassed)
        FROM \(unescaped: keys) AS k, (VALUES (\(event.names)::text[])) AS event (names)
        WHERE k.id = \(id)
        """
    }

    /// Whether the key will not look at the event: it has one, is past the wait, or is on its way back.
    private static let isPassed = """
        (k.direction <> 'forward' OR k.events ? event.names[1] OR jsonb_path_exists(
            k.journal, '$[*].step ? (@ == $names[*])', jsonb_build_object('names', event.names)))
        """
}

/// What the row of a key says to the sender of an event.
struct EventRow: Sendable {
    let scope: String
    let key: String
    let saga: String
    let done: Bool
    /// The event's payload as JSON, where it was delivered.
    let payload: String?
    let isPassed: Bool

    init(_ row: PostgresRow) throws {
        (scope, key, saga, done, payload, isPassed) = try row.decode(
            (String, String, String, Bool, String?, Bool).self)
    }
}
