-- wrong
-- A second after the only grant was revoked, access is denied.
SELECT r.operation::text, format('%s was allowed to see %s', r.actor, r.subject)
FROM chaos.requests r
WHERE r.kind = 'decision' AND r.status = 200 AND r.value = 1
  AND EXISTS (SELECT FROM content_access a WHERE a.user_id = r.actor AND a.content_id::text = r.subject)
  AND NOT EXISTS (SELECT FROM content_access a
                  WHERE a.user_id = r.actor AND a.content_id::text = r.subject
                    AND (a.deleted_at IS NULL OR a.deleted_at > r.started_at - interval '1 second'))
