-- stuck
-- Every payment that had to be refunded was refunded, in its amount.
SELECT o.purchase_id::text, format('%s owed since %s, given back %s', p.amount_cents, o.created_at, r.amount)
FROM refund_obligations o
JOIN payments p USING (payment_intent)
LEFT JOIN (SELECT intent, sum(amount) AS amount FROM chaos.refunds WHERE status = 'succeeded' GROUP BY intent) r
       ON r.intent = o.payment_intent
WHERE o.paid_at IS NULL OR r.amount IS DISTINCT FROM p.amount_cents
