-- +goose Up

-- rate_limits counts hits in fixed windows, atomically and for all processes. A key
-- names what is limited and hashes whom; no address and no e-mail stands here.
CREATE TABLE rate_limits (
    key       text PRIMARY KEY,
    hits      int         NOT NULL CHECK (hits > 0),
    resets_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX rate_limits_over ON rate_limits (resets_at);

-- persistent: the browser keeps the session when it closes ("remember me").
ALTER TABLE sessions ADD COLUMN persistent bool NOT NULL DEFAULT true;
