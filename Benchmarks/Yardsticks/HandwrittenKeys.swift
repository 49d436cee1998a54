/// What is done by hand to a key's row alone.
enum HandwrittenKeys {
    /// A key inserted before a call, and updated with its answer.
    static let callOnly = """
        \\set user random(1, \(Riders.count))
        \\set key random(1, 9000000000000000000)
        INSERT INTO handwritten.idempotency_keys
            (idempotency_key, request_method, request_params, request_path, recovery_point, user_id)
        VALUES (:key::text, 'POST', '\(notice)', '/notices', 'started', :user)
        RETURNING id AS key_id \\gset
        UPDATE handwritten.idempotency_keys
        SET recovery_point = 'finished', response_code = 200, locked_at = NULL,
            response_body = '{"id": "cdf311c1-5bc9-4cb5-8674-5e70692196ef"}'
        WHERE id = :key_id;
        """

    static let finished = """
        SELECT count(*) FROM handwritten.idempotency_keys WHERE recovery_point = 'finished' AND response_code = 200
        """

    /// A row as acceptance inserts it, of an asleep key.
    static let accept = """
        \\set key random(1, 9000000000000000000)
        INSERT INTO waymark.keys (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
            fingerprint_version, recovery_point, fence, attempts, lease_until, run_at)
        VALUES (md5(:key::text)::uuid, 'user:1', :key::text, gen_random_uuid(), 'handwritten', 1, '\(notice)',
            sha256('fingerprint'), 1, 'woken' || ':' || 'asleep', 1, 0, now(), now() + interval '1 hour');
        """

    /// Copies the keys to ids that pgbench can compute.
    static let copyForReplay = """
        INSERT INTO waymark.keys
        SELECT (r).* FROM (
            SELECT jsonb_populate_record(
                k, jsonb_build_object('id', md5((row_number() OVER () - 1)::text)::uuid)) AS r
            FROM waymark.keys AS k) AS copies
        """

    /// Reads an answer by its primary key; \\gset ends pgbench where there is none.
    static func select(of keys: Int) -> String {
        """
        \\set key random(0, \(keys - 1))
        SELECT response_status AS status, response_body AS body FROM waymark.keys
        WHERE id = md5(:key::text)::uuid \\gset
        """
    }

    // A blank behind each colon: pgbench takes a colon and a name for a variable.
    private static let notice = """
        {"to": "rider1@example.com", "subject": "Your ride", "text": "You were charged 2000 usd (in its smallest unit)."}
        """
}
