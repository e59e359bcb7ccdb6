-- +goose Up

-- sessions: when the user last proved the password in the session; NULL for the sign-in itself.
-- Changes that a stolen session must not make require it to be a moment ago, in the transaction
-- of the change.
ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz;
