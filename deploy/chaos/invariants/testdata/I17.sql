INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, finished_at)
VALUES ('00000000-0000-0000-0000-0000000000f4', 'creator', 'content.create', '', 'rejected', 400, now());
