import PostgresPQ

/// Rows of `waymark.keys` and `waymark.jobs` that are there before a scenario begins.
enum PreparedKeys {
    /// Inserts keys that their holder has left behind just after they were accepted, and whose leases have ended one after
    /// another over the last two seconds.
    /// - Parameters:
    ///   - request: the saga's, as JSON.
    ///   - fence: that of a key that was claimed once, by who accepted it.
    static func abandon(_ count: Int, saga: String, request: String, in database: Database) async throws {
        try await database.postgres.execute(
            """
            INSERT INTO waymark.keys (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
                fingerprint_version, recovery_point, fence, locked_by, locked_at, lease_until, run_at)
            SELECT gen_random_uuid(), 'user:1', 'abandoned-' || gen_random_uuid(), gen_random_uuid(), \(saga)::text, 1,
                \(request)::jsonb, sha256('abandoned'), 1, 'started', 1, 'dead', now() - interval '1 minute',
                now() - n * interval '2 seconds' / \(count)::int, now() - n * interval '2 seconds' / \(count)::int
            FROM generate_series(1, \(count)::int) AS n
            """)
    }

    /// Adds copies of the one finished key that is there: real rows, but for their ids.
    /// - Parameter isExpired: whether the reaper may remove them now.
    static func copyFinished(_ count: Int, isExpired: Bool, in database: Database) async throws {
        guard count > 0 else { return }
        let columns = try await database.postgres.query(
            """
            SELECT attname::text FROM pg_attribute
            WHERE attrelid = 'waymark.keys'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """
        ).decode(String.self)
        let values = columns.map { column in
            switch column {
            case "id", "incarnation": "gen_random_uuid()"
            case "key": "'copy-' || n"
            case "expires_at": isExpired ? "now() - interval '1 second'" : "now() + interval '1 day'"
            default: "k.\(column)"
            }
        }
        try await database.postgres.execute(
            """
            INSERT INTO waymark.keys (\(unescaped: columns.joined(separator: ", ")))
            SELECT \(unescaped: values.joined(separator: ", "))
            FROM (SELECT * FROM waymark.keys WHERE done LIMIT 1) AS k, generate_series(1, \(count)::int) AS n
            """)
    }
}
