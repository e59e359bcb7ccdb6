UPDATE chaos.consumers SET pending = 1;
-- or
INSERT INTO dead_letters (consumer, message_id, type, body, error, attempts)
VALUES ('access', 'm1', 'purchase.completed', '', 'broken', 8);
