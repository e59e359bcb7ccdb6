INSERT INTO chaos.requests (operation, kind, actor, key, payload, subject, started_at, ended_at, status, resource, value)
SELECT operation, kind, actor, key, payload, subject, started_at, ended_at, status, '00000000-0000-0000-0000-0000000000c3', value
FROM chaos.requests WHERE kind = 'create' AND status = 201;
-- or
UPDATE chaos.requests SET status = 409 WHERE kind = 'create' AND status = 0;
-- or
UPDATE chaos.requests SET status = 201 WHERE kind = 'reused';
