-- lost
-- The library has an entry for every active grant and no granted entry without one; the
-- statistics of an item repeat its state.
SELECT a.user_id || ' ' || a.content_id, 'no granted entry in the library'
FROM content_access a
WHERE a.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM library_entries l
                  WHERE l.user_id = a.user_id AND l.content_id = a.content_id AND l.granted)
UNION ALL
SELECT l.user_id || ' ' || l.content_id, 'an entry in the library without a grant'
FROM library_entries l
WHERE l.granted
  AND NOT EXISTS (SELECT FROM content_access a
                  WHERE a.user_id = l.user_id AND a.content_id = l.content_id AND a.deleted_at IS NULL)
UNION ALL
SELECT c.id::text, format('the item is %s, its statistics say %s', c.status, s.status)
FROM content c
LEFT JOIN content_stats s ON s.content_id = c.id
WHERE s.status IS DISTINCT FROM c.status
