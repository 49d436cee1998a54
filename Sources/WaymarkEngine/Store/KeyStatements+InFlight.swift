import PostgresPQ

/// What unfinished keys ask of a process's sagas.
extension KeyStatements {
    /// What going on with the key `k` needs, one row each, as `SagaDeclaration.accepted` writes it. The beginning and the
    /// end of a branch need nothing but its group.
    static let needs = """
        SELECT split_part(k.recovery_point, '[', 1)
        UNION ALL SELECT 'version:' || greatest(k.saga_version, k.steps_version)
        UNION ALL SELECT split_part(k.recovery_point, ':', 1) || '/' || (branch.value ->> 'point')
            FROM jsonb_each(k.branches) AS branch WHERE branch.value ->> 'point' NOT IN ('started', 'finished')
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
}
