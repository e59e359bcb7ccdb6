UPDATE content_access SET source_id = '00000000-0000-0000-0000-0000000000e9' WHERE id = '00000000-0000-0000-0000-0000000000a1';
-- or
INSERT INTO content_access (user_id, content_id, access_type, source_id) VALUES ('buyer', '00000000-0000-0000-0000-0000000000c1', 'purchased', '00000000-0000-0000-0000-0000000000e2');
