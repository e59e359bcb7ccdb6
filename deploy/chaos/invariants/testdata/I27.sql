UPDATE outbox SET type = 'media.transcoding_started', data = '{"attempt": 1}' WHERE type = 'media.ready';
-- or
UPDATE outbox SET data = '{"attempt": 4}' WHERE type = 'media.transcoding_started';
