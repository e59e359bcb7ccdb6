-- stuck
-- At rest consumers are idle, and nothing is given up: this load has nothing that would have to
-- be.
SELECT name, format('%s pending, %s not acknowledged', pending, unacked)
FROM chaos.consumers
WHERE pending > 0 OR unacked > 0
UNION ALL
SELECT consumer || ' ' || message_id, format('%s given up after %s attempts: %s', type, attempts, error)
FROM dead_letters
WHERE resolved_at IS NULL
