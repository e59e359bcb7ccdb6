UPDATE outbox SET data = '{"full": false, "access": "open"}' WHERE type = 'purchase.refunded' AND aggregate_id = '00000000-0000-0000-0000-0000000000e2';
-- or
UPDATE purchases SET disputed_at = now() WHERE id = '00000000-0000-0000-0000-0000000000e1';
-- or
UPDATE purchases SET status = 'completed' WHERE id = '00000000-0000-0000-0000-0000000000e2';
