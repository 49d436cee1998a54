-- What steps need that wait, run side by side, or have other sagas do something; and what people did to keys.

ALTER TABLE waymark.keys
    -- The lines of a group under way: {"prepared.0": {"point", "attempts", "since", …}}. Empty at every other time.
    ADD COLUMN branches jsonb NOT NULL DEFAULT '{}',
    -- What was delivered from outside, by the name of the step that waits for it: {"approved": {"value", "at"}}. In the
    -- key's own row, so that a delivery and the commit that begins the wait cannot miss each other.
    ADD COLUMN events jsonb NOT NULL DEFAULT '{}',
    -- How many holders in a row died with it at this recovery point: what tells a request that kills its process.
    ADD COLUMN deaths integer NOT NULL DEFAULT 0,
    -- The key whose step waits for this one's answer.
    ADD COLUMN parent_id uuid,
    ADD COLUMN parent_event text,
    -- The latest version of the saga that has recorded a step: an earlier one may not be able to read it.
    ADD COLUMN steps_version integer NOT NULL DEFAULT 1;

-- What people did to keys. Written in the same transaction as what was done.
CREATE TABLE waymark.audit (
    id      uuid PRIMARY KEY,
    -- Not a reference: the trail outlives the key.
    key_id  uuid NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    -- Who did it, as the operator's tool knows them.
    actor   text NOT NULL,
    verb    text NOT NULL,
    reason  text NOT NULL,
    -- The key's state before and after, without its values; after is null where the key was removed.
    before  jsonb NOT NULL,
    after   jsonb
);

CREATE INDEX audit_of_key ON waymark.audit (key_id, at);
