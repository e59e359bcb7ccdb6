DROP INDEX purchases_one_live;
UPDATE purchases SET status = 'completed', content_id = '00000000-0000-0000-0000-0000000000c1' WHERE id = '00000000-0000-0000-0000-0000000000e2';
