-- lost
-- What is recorded as refunded is what the provider gave back.
SELECT coalesce(p.payment_intent, r.intent), format('recorded %s, given back %s', p.refunded_cents, r.amount)
FROM payments p
FULL JOIN (SELECT intent, sum(amount) AS amount FROM chaos.refunds WHERE status = 'succeeded' GROUP BY intent) r
  ON r.intent = p.payment_intent
WHERE coalesce(p.refunded_cents, 0) <> coalesce(r.amount, 0)
