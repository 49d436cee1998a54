-- The fulfilment application's own tables.

CREATE SCHEMA IF NOT EXISTS fulfilment;

CREATE TABLE IF NOT EXISTS fulfilment.stock (
    item     text PRIMARY KEY,
    quantity bigint NOT NULL CHECK (quantity >= 0)
);

CREATE TABLE IF NOT EXISTS fulfilment.orders (
    id          uuid PRIMARY KEY,
    key_id      uuid NOT NULL,
    incarnation uuid NOT NULL,
    email       text NOT NULL,
    address     text NOT NULL,
    state       text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'shipped', 'cancelled')),
    label_id    text UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- One order per request, whatever goes wrong. A key that was removed and is sent again has the same id and another
    -- incarnation: it is another request.
    UNIQUE (key_id, incarnation)
);

CREATE TABLE IF NOT EXISTS fulfilment.pickups (
    order_id uuid PRIMARY KEY REFERENCES fulfilment.orders (id),
    id       text NOT NULL UNIQUE
);

-- The sandbox's carrier refuses what begins with "forbidden".
INSERT INTO fulfilment.stock (item, quantity)
VALUES ('book', 1000000), ('lamp', 1000000), ('forbidden fireworks', 1000), ('antique', 1)
ON CONFLICT DO NOTHING;
