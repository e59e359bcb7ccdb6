-- wrong
-- No purchase without a paid session of the same amount, currency, buyer and content.
SELECT p.id::text, format('session %s %s %s %s', s.id, s.payment, s.amount, s.currency)
FROM purchases p
LEFT JOIN chaos.sessions s ON s.intent = p.stripe_payment_intent_id
LEFT JOIN checkouts c ON c.id::text = s.reference
WHERE s.payment IS DISTINCT FROM 'paid'
   OR s.amount <> p.amount_paid_cents
   OR lower(s.currency) <> lower(p.currency)
   OR c.customer_id IS DISTINCT FROM p.customer_id
   OR c.content_id IS DISTINCT FROM p.content_id
