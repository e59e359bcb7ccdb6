-- lost
-- The last event of a purchase that says which access it gives says what its row says.
SELECT p.id::text, format('%s, disputed %s; the last event says %s', p.status, p.disputed_at, e.access)
FROM purchases p
LEFT JOIN LATERAL (
    SELECT o.data ->> 'access' AS access FROM outbox o
    WHERE o.aggregate_id = p.id::text AND o.data ->> 'access' IS NOT NULL
    ORDER BY o.version DESC LIMIT 1) e ON true
WHERE coalesce(e.access, 'open') <> CASE WHEN p.status = 'refunded' THEN 'ended'
                                         WHEN p.disputed_at IS NOT NULL THEN 'suspended'
                                         ELSE 'open' END
