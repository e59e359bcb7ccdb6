-- reordered
-- The events of a media item follow each other as its states do.
WITH states AS (
    SELECT aggregate_id, version, type,
           lag(type) OVER (PARTITION BY aggregate_id ORDER BY version) AS before
    FROM outbox
    WHERE type IN ('media.registered', 'media.uploaded', 'media.transcoding_started', 'media.ready',
                   'media.failed', 'media.retried')
)
SELECT aggregate_id, format('version %s is %s after %s', version, type, coalesce(before, 'nothing'))
FROM states
WHERE (type, coalesce(before, '')) NOT IN (
    ('media.registered', ''),
    ('media.uploaded', 'media.registered'),
    ('media.uploaded', 'media.retried'),
    ('media.transcoding_started', 'media.uploaded'),
    ('media.transcoding_started', 'media.retried'),
    ('media.ready', 'media.transcoding_started'),
    ('media.failed', 'media.registered'),
    ('media.failed', 'media.uploaded'),
    ('media.failed', 'media.transcoding_started'),
    ('media.retried', 'media.failed'))
