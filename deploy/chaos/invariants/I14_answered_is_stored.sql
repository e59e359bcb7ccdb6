-- lost
-- Every successful answer to a request with a key, 202 included, rests on a command that is
-- applied or rejected with a response, and what it says was created exists.
SELECT r.operation::text, format('%s %s answered %s, command %s', r.kind, r.subject, r.status,
                                 coalesce(c.status, 'missing'))
FROM chaos.requests r
LEFT JOIN commands c ON c.id = r.command
WHERE r.status BETWEEN 200 AND 299 AND r.command IS NOT NULL
  AND (c.status IS NULL OR c.status = 'accepted' OR c.response_status IS NULL)
UNION ALL
SELECT r.operation::text, format('item %s (%s) does not exist', r.resource, r.subject)
FROM chaos.requests r
WHERE r.kind = 'create' AND r.status = 201
  AND NOT EXISTS (SELECT FROM content c WHERE c.id::text = r.resource AND c.slug = r.subject)
