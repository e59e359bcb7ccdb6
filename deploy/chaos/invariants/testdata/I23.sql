DELETE FROM library_entries WHERE content_id = '00000000-0000-0000-0000-0000000000c1';
-- or
UPDATE library_entries SET granted = true WHERE content_id = '00000000-0000-0000-0000-0000000000c2';
-- or
UPDATE content_stats SET status = 'draft' WHERE content_id = '00000000-0000-0000-0000-0000000000c1';
