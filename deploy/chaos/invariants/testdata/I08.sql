UPDATE outbox SET data = '{"full": false}' WHERE type = 'purchase.refunded' AND aggregate_id = '00000000-0000-0000-0000-0000000000e2';
