UPDATE outbox SET type = 'purchase.completed' WHERE type = 'purchase.refunded' AND aggregate_id = '00000000-0000-0000-0000-0000000000e2';
-- or
DELETE FROM outbox WHERE type = 'purchase.completed' AND aggregate_id = '00000000-0000-0000-0000-0000000000e1';
