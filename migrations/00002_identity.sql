-- +goose Up

-- Searches for a part of a name or an address (LIKE '%…%') use trigram indexes.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE users (
    id                 text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9]{1,64}$'),
    name               text        NOT NULL,
    email              text        NOT NULL UNIQUE,
    email_verified     bool        NOT NULL DEFAULT false,
    -- A new address that is not verified yet; email stays the account's until then.
    pending_email      text,
    image              text,
    avatar_url         text,
    role               text        NOT NULL DEFAULT 'customer',
    username           text,
    bio                text,
    social_links       jsonb,
    stripe_customer_id text,
    -- The preferences that a user can choose; mails about the account and about purchases
    -- are always sent.
    email_marketing    bool        NOT NULL DEFAULT true,
    email_digest       bool        NOT NULL DEFAULT true,
    version            bigint      NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    deleted_at         timestamptz
);
-- A username is unique among the users that are not deleted.
CREATE UNIQUE INDEX users_username ON users (username) WHERE deleted_at IS NULL;
-- Serves the look-up of the buyer that an event of the payment provider names.
CREATE UNIQUE INDEX users_stripe_customer ON users (stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;
-- Serves the search for members and customers by a part of the name or the address.
CREATE INDEX users_search ON users USING gin (name gin_trgm_ops, email gin_trgm_ops) WHERE deleted_at IS NULL;

-- accounts: how a user proves who they are. Only the credential provider exists yet.
CREATE TABLE accounts (
    id          text PRIMARY KEY,
    account_id  text        NOT NULL,
    provider_id text        NOT NULL,
    user_id     text        NOT NULL REFERENCES users ON DELETE CASCADE,
    -- argon2id in PHC string form.
    password    text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider_id, account_id)
);
-- Serves sign-in and the change of a password.
CREATE INDEX accounts_user ON accounts (user_id);

-- sessions: the token itself is known to the browser only.
CREATE TABLE sessions (
    id         text PRIMARY KEY,
    token_hash bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id    text        NOT NULL REFERENCES users ON DELETE CASCADE,
    ip_address text,
    user_agent text,
    -- The browser keeps the session when it closes ("remember me").
    persistent bool        NOT NULL DEFAULT true,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- Serves the list of a user's sessions, and their end.
CREATE INDEX sessions_user ON sessions (user_id);
-- Serves the removal of expired sessions.
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- verification: single-use tokens, stored as hashes, bound to purpose and address.
-- 'email-change' verifies the pending address of one account.
CREATE TABLE verification (
    id         text PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('email', 'password-reset', 'email-change')),
    identifier text        NOT NULL,
    user_id    text REFERENCES users ON DELETE CASCADE,
    value      bytea       NOT NULL UNIQUE CHECK (octet_length(value) = 32),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Serves the replacement of an address's earlier tokens.
CREATE INDEX verification_identifier ON verification (identifier, purpose);
-- Serves the erasure of an account.
CREATE INDEX verification_user ON verification (user_id) WHERE user_id IS NOT NULL;

-- mails: written in the transaction that caused them, delivered by the mailer.
-- In development they are the mailbox page.
CREATE TABLE mails (
    id              uuid PRIMARY KEY,
    template        text        NOT NULL,
    recipient       text        NOT NULL,
    user_id         text,
    source_id       text        NOT NULL,
    subject         text        NOT NULL,
    text_body       text        NOT NULL,
    html_body       text        NOT NULL,
    status          text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
    attempts        int         NOT NULL DEFAULT 0,
    error           text,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz,
    UNIQUE (template, recipient, source_id)
);
-- Serves the mailer: what is due.
CREATE INDEX mails_due ON mails (next_attempt_at) WHERE status = 'pending';
-- Serves the mailbox page of one address.
CREATE INDEX mails_recipient ON mails (recipient, created_at);
-- Serves the mailbox page of all addresses.
CREATE INDEX mails_newest ON mails (created_at);
-- Serves the erasure of an account.
CREATE INDEX mails_user ON mails (user_id) WHERE user_id IS NOT NULL;

-- customer_erasures: customers whom the payment provider has to delete, because their
-- account is deleted here. The row is removed once the provider has answered.
CREATE TABLE customer_erasures (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    stripe_customer_id text        NOT NULL UNIQUE,
    attempts           int         NOT NULL DEFAULT 0,
    next_attempt_at    timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now()
);
-- Serves the worker that asks the provider: what is due.
CREATE INDEX customer_erasures_due ON customer_erasures (next_attempt_at);
