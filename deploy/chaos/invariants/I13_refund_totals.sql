-- lost
-- What is recorded as refunded is what the provider gave back, or is giving back: the
-- refunds that did not fail, and what the charge reported beyond those that are known by
-- their ids.
SELECT coalesce(p.payment_intent, r.intent), format('recorded %s, given back %s', p.amount, r.amount)
FROM (
    SELECT p.payment_intent, greatest(0, p.refunded_cents - coalesce(sum(s.amount_cents), 0)) + coalesce(
               sum(s.amount_cents) FILTER (WHERE s.status IN ('pending', 'succeeded')), 0) AS amount
    FROM payments p LEFT JOIN payment_refunds s USING (payment_intent)
    GROUP BY p.payment_intent
) p
FULL JOIN (
    SELECT intent, sum(amount) AS amount FROM chaos.refunds WHERE status IN ('pending', 'succeeded') GROUP BY intent
) r ON r.intent = p.payment_intent
WHERE coalesce(p.amount, 0) <> coalesce(r.amount, 0)
