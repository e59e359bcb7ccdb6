-- doubled
-- No active purchase grant without its purchase, and no two of a user for an item.
SELECT a.id::text, 'no purchase ' || a.source_id
FROM content_access a
WHERE a.access_type = 'purchased' AND a.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM purchases p WHERE p.id::text = a.source_id)
UNION ALL
SELECT user_id || ' ' || content_id, format('%s active grants', count(*))
FROM content_access
WHERE access_type = 'purchased' AND deleted_at IS NULL
GROUP BY user_id, content_id
HAVING count(*) > 1
