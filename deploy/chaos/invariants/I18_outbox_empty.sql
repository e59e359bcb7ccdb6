-- stuck
-- At rest every event is published.
SELECT event_id::text, format('%s %s of %s', type, version, occurred_at)
FROM outbox
WHERE published_at IS NULL
