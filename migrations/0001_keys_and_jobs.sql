-- Waymark's tables. They live in a schema of their own inside the application's database: that is what makes the
-- application's writes and the new recovery point one transaction.
--
-- Only what PostgreSQL, Citus, CockroachDB and YugabyteDB share: no sequences, triggers, functions or enum types.

CREATE TABLE waymark.keys (
    -- SHA-256 of scope and key, as a UUIDv8: the primary key is the uniqueness of (scope, key).
    id                  uuid PRIMARY KEY,
    scope               text NOT NULL,
    key                 text NOT NULL,
    -- Drawn at random when the request is accepted. Part of every key passed to foreign systems; also tells, after a
    -- lost connection, whether a row is the one that we inserted.
    incarnation         uuid NOT NULL,

    saga                text NOT NULL,
    saga_version        integer NOT NULL,
    request             jsonb NOT NULL,
    fingerprint         bytea NOT NULL,
    fingerprint_version smallint NOT NULL,

    -- How far it is. A phase changes these and no indexed column, so its update is HOT.
    recovery_point      text NOT NULL,
    direction           text NOT NULL DEFAULT 'forward' CHECK (direction IN ('forward', 'compensating')),
    -- When the recovery point was committed: horizons count from here.
    progressed_at       timestamptz NOT NULL DEFAULT now(),
    -- What each finished step returned: [{"step", "output", "at", "attempt", "by"}].
    journal             jsonb NOT NULL DEFAULT '[]',

    -- Who may drive it, until when. Each claim increases the fence; a holder whose fence is old commits nothing.
    fence               bigint NOT NULL DEFAULT 1,
    locked_by           text,
    locked_at           timestamptz,
    lease_until         timestamptz NOT NULL,
    -- Attempts at the step behind the recovery point, counted when they begin.
    attempts            integer NOT NULL DEFAULT 1,
    -- When a completionist may take it: the end of the lease, the end of a backoff, or infinity for a parked key.
    run_at              timestamptz NOT NULL,
    last_error          text,
    parked_reason       text,

    -- text, not jsonb: a replay gives the first answer's very bytes. Set with direction for a rejection to come.
    response_status     smallint,
    response_body       text,
    done                boolean NOT NULL DEFAULT false,

    created_at          timestamptz NOT NULL DEFAULT now(),
    finished_at         timestamptz,
    expires_at          timestamptz,

    CONSTRAINT keys_done_has_answer
        CHECK (NOT done OR (response_status IS NOT NULL AND response_body IS NOT NULL AND expires_at IS NOT NULL))
) WITH (
    -- Room on the page for the next versions of its rows: without it the first phase already leaves the page.
    fillfactor = 70,
    -- Rows are updated and deleted as fast as they are inserted: vacuum by count, without pauses, before the
    -- completionist's index scans wade through dead entries.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);

-- The completionist's order. `done` flips once; a fresh key's run_at is the end of its lease, so that a request which
-- finishes in time never moves in this index.
CREATE INDEX keys_due ON waymark.keys (run_at) WHERE NOT done;

-- The reaper's order.
CREATE INDEX keys_expired ON waymark.keys (expires_at) WHERE done;

CREATE TABLE waymark.jobs (
    -- Derived from the key, the phase and the position in it: the same however often the phase is tried, so that
    -- whoever receives the job can drop a second delivery.
    id          uuid PRIMARY KEY,
    key_id      uuid NOT NULL,
    name        text NOT NULL,
    payload     jsonb NOT NULL,
    -- The order in which one phase staged its jobs.
    position    smallint NOT NULL,
    -- When a drain may take it: at once, the end of a drain's lease, the end of a backoff; infinity when dead.
    run_at      timestamptz NOT NULL,
    fence       bigint NOT NULL DEFAULT 0,
    attempts    integer NOT NULL DEFAULT 0,
    last_error  text,
    -- Attempts used up: kept, and visible, until a person decides.
    dead        boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
) WITH (
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX jobs_due ON waymark.jobs (run_at, created_at, position) WHERE NOT dead;

-- Whether a job is the first of its key.
CREATE INDEX jobs_of_key ON waymark.jobs (key_id, created_at, position) WHERE NOT dead;
