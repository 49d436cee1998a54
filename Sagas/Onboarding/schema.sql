-- The onboarding application's own tables.

CREATE SCHEMA IF NOT EXISTS onboarding;

CREATE TABLE IF NOT EXISTS onboarding.applications (
    id           uuid PRIMARY KEY,
    key_id       uuid NOT NULL,
    incarnation  uuid NOT NULL,
    name         text NOT NULL,
    email        text NOT NULL,
    address      text NOT NULL,
    bank_account text NOT NULL,
    state        text NOT NULL DEFAULT 'filed' CHECK (state IN ('filed', 'approved', 'closed', 'expired')),
    filed_at     timestamptz NOT NULL DEFAULT now(),
    -- One application per request, whatever goes wrong. A key that was removed and is sent again has the same id and another
    -- incarnation: it is another request.
    UNIQUE (key_id, incarnation)
);

CREATE TABLE IF NOT EXISTS onboarding.identity_checks (
    key_id         uuid NOT NULL,
    incarnation    uuid NOT NULL,
    application_id uuid NOT NULL UNIQUE REFERENCES onboarding.applications (id),
    state          text NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'passed', 'failed')),
    withdrawal_id  text UNIQUE,
    PRIMARY KEY (key_id, incarnation)
);

CREATE TABLE IF NOT EXISTS onboarding.accounts (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL UNIQUE REFERENCES onboarding.applications (id),
    gift_id        text UNIQUE,
    opened_at      timestamptz NOT NULL DEFAULT now()
);
