-- wrong
-- What is published has its media, of the same creator and ready, and what is sold has a price.
SELECT c.id::text, format('%s at %s, media %s', c.access_type, c.price_cents, m.status)
FROM content c
LEFT JOIN media_items m ON m.id = c.media_item_id
WHERE c.status = 'published' AND c.deleted_at IS NULL
  AND ((c.access_type = 'paid' AND coalesce(c.price_cents, 0) <= 0)
       OR (c.media_item_id IS NOT NULL
           AND (m.creator_id IS DISTINCT FROM c.creator_id OR m.status <> 'ready' OR m.deleted_at IS NOT NULL))
       OR (c.content_type <> 'written' AND c.media_item_id IS NULL))
