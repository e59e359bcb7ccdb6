-- wrong
-- A request whose body cannot be read leaves no command.
SELECT r.operation::text, format('answered %s, command %s is %s', r.status, c.id, c.status)
FROM chaos.requests r
JOIN commands c ON c.id = r.command
WHERE r.kind = 'malformed'
