UPDATE chaos.requests SET status = 200 WHERE kind = 'foreign';
-- or
UPDATE commands SET status = 'applied' WHERE id = '00000000-0000-0000-0000-0000000000f3';
