DELETE FROM commands WHERE id = '00000000-0000-0000-0000-0000000000f1';
-- or
UPDATE commands SET status = 'accepted', envelope = '{}', finished_at = NULL WHERE id = '00000000-0000-0000-0000-0000000000f1';
-- or
UPDATE chaos.requests SET resource = '00000000-0000-0000-0000-0000000000c9' WHERE kind = 'create' AND status = 201;
