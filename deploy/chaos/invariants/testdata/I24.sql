UPDATE outbox SET type = CASE version WHEN 3 THEN 'media.ready' ELSE 'media.transcoding_started' END
WHERE aggregate_id = '00000000-0000-0000-0000-0000000000d1' AND version IN (3, 4);
