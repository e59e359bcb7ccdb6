UPDATE payments SET refunded_cents = 0 WHERE payment_intent = 'pi_2';
-- or
INSERT INTO chaos.refunds (id, intent, amount, status) VALUES ('re_9', 'pi_9', 1, 'succeeded');
-- or
INSERT INTO payment_refunds (payment_intent, refund_id, amount_cents, status, created_at) VALUES ('pi_2', 're_8', 1999, 'failed', now());
