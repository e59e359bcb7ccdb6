-- stuck
-- At rest every accepted command has its outcome, and every purchase event the mark of the
-- reaction that grants access.
SELECT id::text, format('%s is accepted since %s', type, created_at)
FROM commands
WHERE status = 'accepted'
UNION ALL
SELECT o.event_id::text, format('%s of %s has no mark', o.type, o.aggregate_id)
FROM outbox o
WHERE o.type IN ('purchase.completed', 'purchase.refunded', 'purchase.refund_failed', 'purchase.disputed',
                 'purchase.dispute_closed')
  AND NOT EXISTS (SELECT FROM reaction_inbox i WHERE i.reaction = 'access' AND i.event_id = o.event_id)
