-- wrong
-- No change of another creator's item succeeded, at once or after a 202.
SELECT r.operation::text, format('%s changed %s, answered %s, command %s', r.actor, r.subject, r.status, c.status)
FROM chaos.requests r
LEFT JOIN commands c ON c.id = r.command
WHERE r.kind = 'foreign' AND (r.status IN (200, 201, 204) OR c.status = 'applied')
