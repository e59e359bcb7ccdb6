-- lost
-- The stream without repetitions is exactly the outbox, byte for byte.
SELECT o.event_id::text, format('%s %s of %s is not on the stream', o.type, o.version, o.aggregate_id)
FROM outbox o
WHERE NOT EXISTS (SELECT FROM chaos.messages m WHERE m.event_id = o.event_id)
UNION ALL
SELECT m.event_id::text, format('message %s has no row', m.sequence)
FROM chaos.messages m
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = m.event_id)
UNION ALL
SELECT m.event_id::text, format('message %s has another body, aggregate or version', m.sequence)
FROM chaos.messages m
JOIN outbox o ON o.event_id = m.event_id
WHERE m.digest <> encode(sha256(convert_to(o.data::text, 'UTF8')), 'hex')
   OR m.aggregate_id <> o.aggregate_id
   OR m.version <> o.version
