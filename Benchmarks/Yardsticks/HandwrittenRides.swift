/// The same ride by hand: the pattern's SQL on tables as the article and its Ruby reference have them, so a row of
/// `idempotency_keys` that carries the request from transaction to transaction.
enum HandwrittenRides {
    static let clients = 16

    static let schema = """
        CREATE SCHEMA handwritten;

        CREATE TABLE handwritten.users (
            id                 bigserial PRIMARY KEY,
            email              text NOT NULL UNIQUE CHECK (char_length(email) <= 255),
            stripe_customer_id text NOT NULL UNIQUE CHECK (char_length(stripe_customer_id) <= 50)
        );

        CREATE TABLE handwritten.idempotency_keys (
            id              bigserial PRIMARY KEY,
            created_at      timestamptz NOT NULL DEFAULT now(),
            idempotency_key text NOT NULL CHECK (char_length(idempotency_key) <= 100),
            last_run_at     timestamptz NOT NULL DEFAULT now(),
            locked_at       timestamptz DEFAULT now(),
            request_method  text NOT NULL CHECK (char_length(request_method) <= 10),
            request_params  jsonb NOT NULL,
            request_path    text NOT NULL CHECK (char_length(request_path) <= 100),
            response_code   int,
            response_body   jsonb,
            recovery_point  text NOT NULL CHECK (char_length(recovery_point) <= 50),
            user_id         bigint NOT NULL REFERENCES handwritten.users ON DELETE RESTRICT,
            UNIQUE (user_id, idempotency_key)
        );

        CREATE TABLE handwritten.rides (
            id                 bigserial PRIMARY KEY,
            created_at         timestamptz NOT NULL DEFAULT now(),
            idempotency_key_id bigint REFERENCES handwritten.idempotency_keys ON DELETE SET NULL,
            origin_lat         numeric(13, 10) NOT NULL,
            origin_lon         numeric(13, 10) NOT NULL,
            target_lat         numeric(13, 10) NOT NULL,
            target_lon         numeric(13, 10) NOT NULL,
            stripe_charge_id   text UNIQUE CHECK (char_length(stripe_charge_id) <= 50),
            user_id            bigint NOT NULL REFERENCES handwritten.users ON DELETE RESTRICT,
            UNIQUE (user_id, idempotency_key_id)
        );

        CREATE TABLE handwritten.audit_records (
            id            bigserial PRIMARY KEY,
            action        text NOT NULL CHECK (char_length(action) <= 50),
            created_at    timestamptz NOT NULL DEFAULT now(),
            data          jsonb NOT NULL,
            resource_id   bigint NOT NULL,
            resource_type text NOT NULL CHECK (char_length(resource_type) <= 50),
            user_id       bigint NOT NULL REFERENCES handwritten.users ON DELETE RESTRICT
        );

        CREATE TABLE handwritten.staged_jobs (
            id       bigserial PRIMARY KEY,
            job_name text NOT NULL,
            job_args jsonb NOT NULL
        );

        INSERT INTO handwritten.users (email, stripe_customer_id)
        SELECT 'rider' || n || '@example.com', 'cus_rider' || n FROM generate_series(1, \(Riders.count)) AS n;
        """

    /// Statement by statement, as a program does it that waits for each answer.
    static let statements = """
        \\set user random(1, \(Riders.count))
        \\set key random(1, 9000000000000000000)
        BEGIN;
        \(insertKey)
        RETURNING id AS key_id \\gset
        INSERT INTO handwritten.rides
            (idempotency_key_id, origin_lat, origin_lon, target_lat, target_lon, user_id)
        VALUES (:key_id, 52.5, 13.4, 52.6, 13.5, :user)
        RETURNING id AS ride_id \\gset
        INSERT INTO handwritten.audit_records (action, data, resource_id, resource_type, user_id)
        VALUES ('created', '\(params)', :ride_id, 'ride', :user);
        UPDATE handwritten.idempotency_keys SET recovery_point = 'ride_created' WHERE id = :key_id;
        COMMIT;
        BEGIN;
        UPDATE handwritten.rides SET stripe_charge_id = 'ch_' || :key::text WHERE id = :ride_id;
        UPDATE handwritten.idempotency_keys SET recovery_point = 'charge_created' WHERE id = :key_id;
        COMMIT;
        BEGIN;
        INSERT INTO handwritten.staged_jobs (job_name, job_args) VALUES ('send_ride_receipt', '\(receipt)');
        UPDATE handwritten.idempotency_keys
        SET recovery_point = 'finished', response_code = 201, response_body = '\(response)', locked_at = NULL
        WHERE id = :key_id;
        COMMIT;
        """

    /// Each transaction in one round trip. Nothing can be read from one statement for the next then, so the sequences tell
    /// which rows are ours; in a subselect, because an index takes no volatile function.
    static let pipelined = """
        \\set user random(1, \(Riders.count))
        \\set key random(1, 9000000000000000000)
        \\startpipeline
        BEGIN;
        \(insertKey);
        INSERT INTO handwritten.rides
            (idempotency_key_id, origin_lat, origin_lon, target_lat, target_lon, user_id)
        VALUES (currval('handwritten.idempotency_keys_id_seq'), 52.5, 13.4, 52.6, 13.5, :user);
        INSERT INTO handwritten.audit_records (action, data, resource_id, resource_type, user_id)
        VALUES ('created', '\(params)', currval('handwritten.rides_id_seq'), 'ride', :user);
        UPDATE handwritten.idempotency_keys SET recovery_point = 'ride_created'
        WHERE id = (SELECT currval('handwritten.idempotency_keys_id_seq'));
        COMMIT;
        \\endpipeline
        \\startpipeline
        BEGIN;
        UPDATE handwritten.rides SET stripe_charge_id = 'ch_' || :key::text
        WHERE id = (SELECT currval('handwritten.rides_id_seq'));
        UPDATE handwritten.idempotency_keys SET recovery_point = 'charge_created'
        WHERE id = (SELECT currval('handwritten.idempotency_keys_id_seq'));
        COMMIT;
        \\endpipeline
        \\startpipeline
        BEGIN;
        INSERT INTO handwritten.staged_jobs (job_name, job_args) VALUES ('send_ride_receipt', '\(receipt)');
        UPDATE handwritten.idempotency_keys
        SET recovery_point = 'finished', response_code = 201, response_body = '\(response)', locked_at = NULL
        WHERE id = (SELECT currval('handwritten.idempotency_keys_id_seq'));
        COMMIT;
        \\endpipeline
        """

    /// What must be as many as the rides that were answered, each by its name.
    static let counts = [
        "hand-written keys finished":
            "SELECT count(*) FROM handwritten.idempotency_keys WHERE recovery_point = 'finished' AND response_code = 201",
        "hand-written keys": "SELECT count(*) FROM handwritten.idempotency_keys",
        "hand-written rides charged": "SELECT count(DISTINCT stripe_charge_id) FROM handwritten.rides",
        "hand-written rides": "SELECT count(*) FROM handwritten.rides",
        "hand-written audit records": "SELECT count(*) FROM handwritten.audit_records",
        "hand-written jobs": "SELECT count(*) FROM handwritten.staged_jobs",
    ]

    private static let insertKey = """
        INSERT INTO handwritten.idempotency_keys
            (idempotency_key, request_method, request_params, request_path, recovery_point, user_id)
        VALUES (:key::text, 'POST', '\(params)', '/rides', 'started', :user)
        """

    // A blank behind each colon: pgbench takes a colon and a name for a variable.
    private static let params = """
        {"user_id": 1, "customer": "cus_rider1", "route": {"origin_lat": 52.5, "origin_lon": 13.4, \
        "target_lat": 52.6, "target_lon": 13.5}}
        """
    private static let receipt = """
        {"to": "rider1@example.com", "ride_id": "cdf311c1-5bc9-4cb5-8674-5e70692196ef", "amount": 2000, "currency": "usd"}
        """
    private static let response = """
        {"amount": 2000, "charge_id": "ch_177f303b33480164fcfd8f50", "currency": "usd", \
        "ride_id": "cdf311c1-5bc9-4cb5-8674-5e70692196ef"}
        """
}
