DELETE FROM chaos.messages WHERE aggregate_id = '00000000-0000-0000-0000-0000000000a1';
-- or
INSERT INTO chaos.messages (sequence, event_id, aggregate_id, version, digest)
VALUES (99, gen_random_uuid(), '00000000-0000-0000-0000-0000000000c9', 1, '');
-- or
UPDATE chaos.messages SET digest = 'x' WHERE sequence = 1;
