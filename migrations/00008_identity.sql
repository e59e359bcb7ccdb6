-- +goose Up

-- pending_email waits to be proven; email stays the account's address until then.
-- The two preferences are those that a user can choose: mails that an account or a
-- purchase cannot do without are always sent.
ALTER TABLE users
    ADD COLUMN pending_email   text,
    ADD COLUMN email_marketing bool NOT NULL DEFAULT true,
    ADD COLUMN email_digest    bool NOT NULL DEFAULT true;

-- 'email-change' proves the pending address of one account.
ALTER TABLE verification DROP CONSTRAINT verification_purpose_check;
ALTER TABLE verification ADD CONSTRAINT verification_purpose_check CHECK (purpose IN ('email', 'password-reset', 'email-change'));
ALTER TABLE verification ADD COLUMN user_id text REFERENCES users ON DELETE CASCADE;
CREATE INDEX verification_user ON verification (user_id) WHERE user_id IS NOT NULL;

CREATE INDEX mails_user ON mails (user_id) WHERE user_id IS NOT NULL;

-- What an account asked for under an Idempotency-Key without the bus: the answers
-- say who somebody is, and are removed with the account.
CREATE INDEX commands_of_accounts ON commands (actor_id) WHERE type LIKE 'account.%';
