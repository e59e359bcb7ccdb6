-- doubled
-- The same key with the same payload always has the same resource and never conflicts with
-- itself; with another payload it never succeeds.
SELECT actor || ' ' || key, format('%s resources', count(DISTINCT resource))
FROM chaos.requests
WHERE key <> '' AND kind <> 'reused' AND status IN (200, 201)
GROUP BY actor, key, payload
HAVING count(DISTINCT resource) > 1
UNION ALL
SELECT actor || ' ' || key, 'the creation conflicts with itself'
FROM chaos.requests
WHERE kind = 'create' AND status = 409
UNION ALL
SELECT actor || ' ' || key, format('another payload was answered %s', status)
FROM chaos.requests
WHERE kind = 'reused' AND status BETWEEN 200 AND 299
