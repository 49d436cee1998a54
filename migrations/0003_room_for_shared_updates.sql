-- Keys whose phases commit together lie on the same page, and each commit writes all of them anew before one of the old
-- versions can be removed. So half of each page is left free, or most of these updates would have to leave their page, and
-- write to every index. Pages that are there keep what they have.

ALTER TABLE waymark.keys SET (fillfactor = 45);
