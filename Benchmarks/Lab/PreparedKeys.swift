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

    /// Adds copies of the one finished key that is there: real rows, but for their ids. Each is inserted as a key is when it
    /// is accepted, and finished by an update, so that it lies on its page as keys do that were run: one that was inserted
    /// as long as it is now would leave room on the page for a key of somebody else's.
    /// - Parameter isExpired: whether the reaper may remove them now.
    static func copyFinished(_ count: Int, isExpired: Bool, in database: Database) async throws {
        let columns = try await database.postgres.query(
            """
            SELECT attname::text FROM pg_attribute
            WHERE attrelid = 'waymark.keys'::regclass AND attnum > 0 AND NOT attisdropped
                AND attname <> ALL(ARRAY['id', 'key', 'incarnation'])
            """
        ).decode(String.self)
        let expiry = isExpired ? "now() - interval '1 second'" : "now() + interval '1 day'"
        let values = columns.map { $0 == "expires_at" ? expiry : "f.\($0)" }
        for start in stride(from: 0, to: count, by: copiesAtATime) {
            let copies = min(copiesAtATime, count - start)
            try await abandon(copies, saga: "copied", request: "null", in: database)
            try await database.postgres.execute(
                """
                UPDATE waymark.keys AS k
                SET (\(unescaped: columns.joined(separator: ", "))) = ROW (\(unescaped: values.joined(separator: ", ")))
                FROM (SELECT * FROM waymark.keys WHERE done LIMIT 1) AS f
                WHERE k.saga = 'copied' AND NOT k.done
                """)
        }
        // As keys are that were finished long ago: what follows is not to pay for that.
        try await database.postgres.execute("VACUUM (ANALYZE) waymark.keys")
    }

    /// Between two of them, vacuum may remove what the ones before left.
    private static let copiesAtATime = 100_000
}
