-- +goose Up

-- rate_leases counts requests in fixed windows, for all edges together. A key hashes
-- what is limited and whom; no address and no id of a person stands here.
--
-- Unlogged: a statement that writes only here waits for no sync. After a crash of the
-- database the windows begin anew. What limits guessing at passwords stands in
-- rate_limits, which is logged.
CREATE UNLOGGED TABLE rate_leases (
    key       bytea PRIMARY KEY,
    used      int         NOT NULL CHECK (used > 0),
    granted   int         NOT NULL CHECK (granted >= 0 AND granted <= used),
    resets_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX rate_leases_over ON rate_leases (resets_at);
