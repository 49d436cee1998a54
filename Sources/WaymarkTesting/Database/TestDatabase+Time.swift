import PostgresPQ

extension TestDatabase {
    /// As if a year had gone by: whatever sleeps, waits or is in a backoff is due, and every lease has lapsed. What a wait
    /// of more than a year waits for is still waited for.
    public func passTime() async throws {
        try await client.execute(
            """
            UPDATE waymark.keys SET lease_until = now(), run_at = now(),
                progressed_at = CASE WHEN recovery_point ~ ':(asleep|waiting)$' THEN progressed_at - interval '1 year'
                    ELSE progressed_at END,
                branches = (SELECT coalesce(jsonb_object_agg(key, value || '{"due": 0}'::jsonb
                    || CASE WHEN value ->> 'point' ~ ':(asleep|waiting)$' THEN '{"since": 0}' ELSE '{}' END::jsonb), '{}')
                    FROM jsonb_each(branches))
            WHERE NOT done AND parked_reason IS NULL
            """)
    }
}
