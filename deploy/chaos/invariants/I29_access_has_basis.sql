-- wrong
-- Access was allowed only to who has, or had, a grant of the item.
SELECT r.operation::text, format('%s was allowed to see %s', r.actor, r.subject)
FROM chaos.requests r
WHERE r.kind = 'decision' AND r.status = 200 AND r.value = 1
  AND NOT EXISTS (SELECT FROM content_access a WHERE a.user_id = r.actor AND a.content_id::text = r.subject)
