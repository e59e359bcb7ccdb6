-- lost
-- The version of a row is that of its last event.
WITH rows AS (
    SELECT id::text, version FROM content
    UNION ALL SELECT id::text, version FROM media_items
    UNION ALL SELECT id::text, version FROM content_access
    UNION ALL SELECT id::text, version FROM video_playback
    UNION ALL SELECT id, version FROM users
    UNION ALL SELECT id::text, version FROM organizations
    UNION ALL SELECT id::text, version FROM checkouts
    UNION ALL SELECT purchase_id::text, version FROM payments
), last AS (
    SELECT aggregate_id, max(version) AS version FROM outbox GROUP BY aggregate_id
)
SELECT rows.id, format('row %s, last event %s', rows.version, last.version)
FROM rows
LEFT JOIN last ON last.aggregate_id = rows.id
WHERE rows.version <> coalesce(last.version, 0)
