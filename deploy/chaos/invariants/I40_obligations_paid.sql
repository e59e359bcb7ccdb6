-- stuck
-- Every refund obligation was paid, in its amount.
SELECT o.purchase_id::text, format('%s owed since %s, given back %s', o.amount_cents, o.created_at, r.amount)
FROM refund_obligations o
LEFT JOIN (SELECT intent, sum(amount) AS amount FROM chaos.refunds WHERE status = 'succeeded' GROUP BY intent) r
       ON r.intent = o.payment_intent
WHERE o.paid_at IS NULL OR r.amount IS DISTINCT FROM o.amount_cents
