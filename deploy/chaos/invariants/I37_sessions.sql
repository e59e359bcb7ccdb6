-- wrong
-- No session of a deleted account; tokens are kept as hashes of 32 bytes.
SELECT s.id, format('token of %s bytes, account deleted %s', octet_length(s.token_hash), u.deleted_at)
FROM sessions s
LEFT JOIN users u ON u.id = s.user_id
WHERE octet_length(s.token_hash) <> 32 OR u.deleted_at IS NOT NULL
