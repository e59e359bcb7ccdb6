-- lost
-- Every live purchase that is not disputed has exactly one active grant of its own.
SELECT p.id::text, format('%s active grants', g.n)
FROM purchases p,
     LATERAL (SELECT count(*) AS n FROM content_access a
              WHERE a.user_id = p.customer_id AND a.content_id = p.content_id AND a.access_type = 'purchased'
                AND a.source_id = p.id::text AND a.deleted_at IS NULL) g
WHERE p.status IN ('completed', 'partially_refunded') AND p.disputed_at IS NULL AND g.n <> 1
