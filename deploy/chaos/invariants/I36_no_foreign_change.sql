-- wrong
-- No change of another creator's item succeeded.
SELECT operation::text, format('%s changed %s, answered %s', actor, subject, status)
FROM chaos.requests
WHERE kind = 'foreign' AND status BETWEEN 200 AND 299
