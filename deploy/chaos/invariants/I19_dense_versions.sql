-- reordered
-- The versions of an aggregate are 1 to n without a gap.
SELECT aggregate_id, format('%s events, versions %s to %s', count(*), min(version), max(version))
FROM outbox
GROUP BY aggregate_id
HAVING min(version) <> 1 OR max(version) <> count(*)
