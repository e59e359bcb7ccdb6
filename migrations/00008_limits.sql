-- +goose Up

-- rate_limits counts hits in fixed windows, atomically and for all processes. A key
-- names what is limited and hashes whom; no address and no e-mail stands here.
CREATE TABLE rate_limits (
    key       text PRIMARY KEY,
    hits      int         NOT NULL CHECK (hits > 0),
    resets_at timestamptz NOT NULL
) WITH (fillfactor = 70);
-- Serves the removal of windows that are over.
CREATE INDEX rate_limits_over ON rate_limits (resets_at);

-- rate_leases counts requests in fixed windows, for all edges together. A key hashes
-- what is limited and whom; no address and no id of a person stands here.
--
-- Unlogged: a statement that writes only here waits for no sync. After a crash of the
-- database the windows start again. The limits of password guessing are in
-- rate_limits, which is logged.
CREATE UNLOGGED TABLE rate_leases (
    key       bytea PRIMARY KEY,
    used      int         NOT NULL CHECK (used > 0),
    granted   int         NOT NULL CHECK (granted >= 0 AND granted <= used),
    resets_at timestamptz NOT NULL
) WITH (fillfactor = 50);
-- Serves the removal of windows that are over.
CREATE INDEX rate_leases_over ON rate_leases (resets_at);

-- worker_nonces: signed requests of other programs that were accepted. A signature is
-- valid for a few minutes and, when it changes something, once.
CREATE TABLE worker_nonces (
    nonce      text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
-- Serves the removal of nonces that expired.
CREATE INDEX worker_nonces_over ON worker_nonces (expires_at);
