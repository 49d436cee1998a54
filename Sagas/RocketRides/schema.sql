-- The demo application's own tables, beside Waymark's in the same database: that is what makes a phase atomic.

CREATE SCHEMA IF NOT EXISTS rocket_rides;

CREATE TABLE IF NOT EXISTS rocket_rides.users (
    id                 bigint PRIMARY KEY,
    email              text NOT NULL UNIQUE,
    stripe_customer_id text NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS rocket_rides.rides (
    id          uuid PRIMARY KEY,
    key_id      uuid NOT NULL,
    incarnation uuid NOT NULL,
    user_id     bigint NOT NULL REFERENCES rocket_rides.users (id),
    origin_lat  numeric(13, 10) NOT NULL,
    origin_lon  numeric(13, 10) NOT NULL,
    target_lat  numeric(13, 10) NOT NULL,
    target_lon  numeric(13, 10) NOT NULL,
    state       text NOT NULL DEFAULT 'created' CHECK (state IN ('created', 'booked', 'cancelled')),
    charge_id   text UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- One ride per request, whatever goes wrong. A key that was removed and is sent again has the same id and another
    -- incarnation: it is another request.
    UNIQUE (key_id, incarnation)
);

CREATE TABLE IF NOT EXISTS rocket_rides.audit_records (
    key_id        uuid NOT NULL,
    incarnation   uuid NOT NULL,
    action        text NOT NULL,
    resource_type text NOT NULL,
    resource_id   uuid NOT NULL,
    user_id       bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    -- A phase that committed twice would show up here.
    PRIMARY KEY (key_id, incarnation, action)
);

INSERT INTO rocket_rides.users (id, email, stripe_customer_id)
SELECT n, 'rider' || n || '@example.com', 'cus_rider' || n FROM generate_series(1, 20) AS n
ON CONFLICT DO NOTHING;
