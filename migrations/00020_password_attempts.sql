-- +goose Up

-- The end of a block after too many attempts; see domain/postgres/ratelimit. It grows with
-- the attempts that follow.
ALTER TABLE rate_limits ADD COLUMN blocked_until timestamptz;

-- 'email-undo' gives an account the address back that a change has replaced.
ALTER TABLE verification DROP CONSTRAINT verification_purpose_check;
ALTER TABLE verification ADD CONSTRAINT verification_purpose_check
    CHECK (purpose IN ('email', 'password-reset', 'email-change', 'email-undo'));
