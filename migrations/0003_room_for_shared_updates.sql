-- Keys whose phases commit together lie on the same page, and each commit writes all of them anew before one of the old
-- versions can be removed. So most of each page is left free, or these updates would have to leave their page, and write
-- to every index: with 16 keys at a time one in five did at 70 %, one in twelve at 45 %, one in a hundred at 30 %. A table
-- of answered requests is not larger for it, since the longer row with the answer fills up the page. Pages that are there
-- keep what they have.

ALTER TABLE waymark.keys SET (fillfactor = 30);
