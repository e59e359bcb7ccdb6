-- doubled
-- A command causes an event of one type at most once per aggregate; one that was rejected causes
-- none.
SELECT causation_id, format('%s of %s %s times', type, aggregate_id, count(*))
FROM outbox
GROUP BY causation_id, type, aggregate_id
HAVING count(*) > 1
UNION ALL
SELECT c.id::text, format('rejected, and caused %s', o.type)
FROM outbox o
JOIN commands c ON c.id::text = o.causation_id
WHERE c.status = 'rejected'
