-- lost
-- A fully refunded purchase has exactly one event purchase.refunded that is full, after
-- purchase.completed.
SELECT p.id::text, format('%s full refunds', e.n)
FROM purchases p,
     LATERAL (SELECT count(*) AS n FROM outbox r
              WHERE r.aggregate_id = p.id::text AND r.type = 'purchase.refunded' AND (r.data ->> 'full')::bool
                AND r.version > (SELECT min(version) FROM outbox c
                                 WHERE c.aggregate_id = p.id::text AND c.type = 'purchase.completed')) e
WHERE p.status = 'refunded' AND e.n <> 1
