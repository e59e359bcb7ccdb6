UPDATE outbox SET type = 'playback.started' WHERE type = 'playback.completed';
-- or
UPDATE outbox SET causation_id = '00000000-0000-0000-0000-0000000000f3' WHERE aggregate_id = '00000000-0000-0000-0000-0000000000c3';
