-- Orders the jobs of a key by when they are due, and only within a lane. Until now each job waited for all that the key had
-- staged before it, so that a reminder in 30 hours held back a receipt.

ALTER TABLE waymark.jobs
    -- Jobs of one key in one lane are delivered one after the other; null: the lane that is called as the job is.
    ADD COLUMN lane   text,
    -- When the job was first due. Unlike run_at it never changes, so it says what comes first.
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT now();

-- A job that was not tried yet is still due when it was staged to be; the others were due when they were staged.
UPDATE waymark.jobs SET due_at = CASE WHEN attempts = 0 AND NOT dead THEN run_at ELSE created_at END;
