import Foundation
import PostgresPQ
import Waymark

/// What unfinished keys ask of a process's sagas.
extension KeyStatements {
    /// What going on with the key `k` needs, one row each, as `SagaDeclaration.accepted` writes it. The beginning and the
    /// end of a branch need nothing but its group. Branches that are numbers are not named: any group may have them.
    static let needs = """
        SELECT split_part(k.recovery_point, '[', 1)
        UNION ALL SELECT 'version:' || greatest(k.saga_version, k.steps_version)
        UNION ALL SELECT split_part(k.recovery_point, ':', 1) || '/' || (branch.value ->> 'point')
            FROM jsonb_each(k.branches) AS branch WHERE branch.value ->> 'point' NOT IN ('started', 'finished')
        UNION ALL SELECT split_part(k.recovery_point, ':', 1) || '{' || CASE WHEN k.branches ? '0' THEN '' ELSE (
                SELECT string_agg(name, ',' ORDER BY name COLLATE "C") FROM jsonb_object_keys(k.branches) AS name) END || '}'
            WHERE k.branches <> '{}'
        UNION ALL SELECT 'journal:' || \(step) FROM jsonb_array_elements(k.journal) AS entry
            WHERE k.direction = 'compensating'
        """

    /// A journal entry's step, without element and stage.
    private static let step = "split_part(split_part(entry ->> 'step', '[', 1), ':', 1)"

    /// Counts the unfinished keys by saga and by what they need; with `committed:` before it, also by the steps behind those
    /// that go forward. Reads the index of unfinished keys, and of the table only their rows.
    var inFlight: PostgresQuery {
        """
        SELECT k.saga, need, count(DISTINCT k.id)
        FROM \(unescaped: keys) AS k CROSS JOIN LATERAL (
            \(unescaped: Self.needs)
            UNION ALL SELECT 'committed:' || \(unescaped: Self.step) FROM jsonb_array_elements(k.journal) AS entry
                WHERE k.direction = 'forward'
        ) AS n (need)
        WHERE NOT k.done AND NOT starts_with(k.saga, 'once:')
        GROUP BY 1, 2 ORDER BY 1, 2
        """
    }

    /// The ids of unfinished keys of `sagas`: at most `limit` of those that are alike, with the id of the first of these, and how
    /// many they are. Keys are alike that are of one saga and version, stand at one point, and committed the same steps on
    /// the same ways. Keys that are parked because they cannot be read are left out: somebody knows of them.
    /// - Parameter choices: the steps whose outputs are ways.
    func alike(of sagas: [String], choices: [String], limit: Int) -> PostgresQuery {
        """
        SELECT id, first, alike FROM (
            SELECT id, first_value(id) OVER (of_a_kind ORDER BY id) AS first, count(*) OVER of_a_kind AS alike,
                row_number() OVER (of_a_kind ORDER BY id) AS number
            FROM (
                SELECT k.id, k.saga, k.saga_version, k.steps_version, k.direction,
                    split_part(k.recovery_point, '[', 1) AS point,
                    ARRAY(
                        SELECT DISTINCT split_part(entry ->> 'step', '[', 1) || CASE
                            WHEN split_part(entry ->> 'step', '[', 1) = ANY(\(choices)) THEN '=' || (entry ->> 'output')
                            ELSE '' END
                        FROM jsonb_array_elements(k.journal) AS entry ORDER BY 1) AS steps,
                    ARRAY(
                        SELECT DISTINCT CASE WHEN k.branches ? '0' THEN '' ELSE branch.key END || '/' || (branch.value ->> 'point')
                        FROM jsonb_each(k.branches) AS branch ORDER BY 1) AS branches
                FROM \(unescaped: keys) AS k
                WHERE NOT k.done AND k.saga = ANY(\(sagas))
                    AND k.parked_reason IS DISTINCT FROM \(ParkedReason.unreadableState.rawValue)
            ) AS k
            WINDOW of_a_kind AS (
                PARTITION BY saga, saga_version, steps_version, direction, point, steps, branches)
        ) AS k
        WHERE number <= \(limit)
        """
    }

    /// Reads keys to see whether they can be gone on with: see `InFlightRow`.
    func inFlight(_ ids: [UUID]) -> PostgresQuery {
        """
        SELECT id, saga, saga_version AS version, request::text AS request, direction, recovery_point,
            journal::text AS journal, branches, events::text AS events
        FROM unnest((SELECT \(ids)::uuid[])) AS wanted (key_id) CROSS JOIN LATERAL (
            SELECT * FROM \(unescaped: keys) WHERE id = wanted.key_id OFFSET 0
        ) AS k
        WHERE NOT done
        """
    }
}
