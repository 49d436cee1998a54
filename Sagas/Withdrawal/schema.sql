-- The example's own tables, beside Waymark's in the same database: that is what makes a phase atomic.

CREATE SCHEMA IF NOT EXISTS withdrawal;

CREATE TABLE IF NOT EXISTS withdrawal.accounts (
    -- Also what the bank calls it.
    id       text PRIMARY KEY,
    owner    text NOT NULL,
    currency text NOT NULL,
    -- In the currency's smallest unit, as all amounts.
    balance  bigint NOT NULL,
    -- What of the balance is promised to withdrawals under way.
    reserved bigint NOT NULL DEFAULT 0,
    CONSTRAINT accounts_reserved_is_covered CHECK (reserved BETWEEN 0 AND balance)
);

CREATE INDEX IF NOT EXISTS accounts_of_owner ON withdrawal.accounts (owner);

CREATE TABLE IF NOT EXISTS withdrawal.withdrawals (
    id          uuid PRIMARY KEY,
    key_id      uuid NOT NULL,
    incarnation uuid NOT NULL,
    account     text NOT NULL REFERENCES withdrawal.accounts (id),
    amount      bigint NOT NULL CHECK (amount > 0),
    state       text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'released', 'paid')),
    -- What the bank calls the payout.
    bank_id     text UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- One withdrawal per request, whatever goes wrong. A key that was removed and is sent again has the same id and another
    -- incarnation: it is another request.
    UNIQUE (key_id, incarnation)
);

INSERT INTO withdrawal.accounts (id, owner, currency, balance)
SELECT 'acc_' || n, 'customer' || n || '@example.com', 'eur', 100000 FROM generate_series(1, 20) AS n
ON CONFLICT DO NOTHING;
