-- doubled
-- A purchase has exactly one event purchase.completed.
SELECT p.id::text, format('%s events', e.n)
FROM purchases p,
     LATERAL (SELECT count(*) AS n FROM outbox
              WHERE aggregate_id = p.id::text AND type = 'purchase.completed') e
WHERE e.n <> 1
