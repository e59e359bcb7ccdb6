-- wrong
-- A refunded purchase has no active grant of its own.
SELECT p.id::text, 'grant ' || a.id
FROM purchases p
JOIN content_access a ON a.access_type = 'purchased' AND a.source_id = p.id::text AND a.deleted_at IS NULL
WHERE p.status = 'refunded'
