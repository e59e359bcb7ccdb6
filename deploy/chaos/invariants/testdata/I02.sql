UPDATE chaos.sessions SET payment = 'unpaid' WHERE id = 'cs_1';
-- or
UPDATE purchases SET content_id = '00000000-0000-0000-0000-0000000000c3' WHERE id = '00000000-0000-0000-0000-0000000000e2';
-- or
UPDATE chaos.sessions SET amount = 1 WHERE id = 'cs_1';
