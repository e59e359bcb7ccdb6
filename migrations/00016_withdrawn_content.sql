-- +goose Up

-- Serves the closing of checkouts when their item is withdrawn.
CREATE INDEX checkouts_of_content ON checkouts (content_id) WHERE status IN ('creating', 'open', 'expiring');

-- Those who bought an item keep it when it is unpublished: its access type in their library
-- is 'kept' then.
UPDATE library_entries e SET access_type = 'kept'
FROM content c
WHERE c.id = e.content_id AND e.access_type IS NULL AND c.deleted_at IS NULL
  AND c.access_type NOT IN ('team', 'private')
  AND EXISTS (SELECT FROM content_access k WHERE k.user_id = e.user_id AND k.content_id = c.id
                  AND k.access_type = 'purchased' AND k.deleted_at IS NULL);
