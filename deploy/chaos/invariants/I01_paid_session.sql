-- lost
-- Every session that the provider says is paid has exactly one purchase, or one refund
-- obligation.
SELECT s.id, format('%s purchases, %s obligations', p.n, r.n)
FROM chaos.sessions s,
     LATERAL (SELECT count(*) AS n FROM purchases WHERE stripe_payment_intent_id = s.intent) p,
     LATERAL (SELECT count(*) AS n FROM refund_obligations WHERE payment_intent = s.intent) r
WHERE s.payment = 'paid' AND p.n + r.n <> 1
