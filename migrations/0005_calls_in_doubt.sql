-- What is known of the foreign call that comes next.

ALTER TABLE waymark.keys
    -- The recovery point at which a call was made whose outcome is not known, as of the moment at which the key was given
    -- back. It counts only while the key is at that point, so a step's commit need not clear it. A key that was not given back
    -- needs no such mark: its holder died or lost the lease, and deaths says so.
    ADD COLUMN doubtful_point text;

-- Nothing is known of the attempts that were made before this migration.
UPDATE waymark.keys SET doubtful_point = recovery_point WHERE NOT done AND locked_by IS NULL AND attempts > 0;
