UPDATE commands SET status = 'accepted', envelope = '{}', finished_at = NULL WHERE id = '00000000-0000-0000-0000-0000000000f3';
-- or
DELETE FROM reaction_inbox;
