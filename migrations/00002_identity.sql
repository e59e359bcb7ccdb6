-- +goose Up

CREATE TABLE users (
    id                 text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9]{1,64}$'),
    name               text        NOT NULL,
    email              text        NOT NULL UNIQUE,
    email_verified     bool        NOT NULL DEFAULT false,
    image              text,
    avatar_url         text,
    role               text        NOT NULL DEFAULT 'customer',
    username           text,
    bio                text,
    social_links       jsonb,
    stripe_customer_id text,
    version            bigint      NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    deleted_at         timestamptz
);
CREATE UNIQUE INDEX users_username ON users (username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_stripe_customer ON users (stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;

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
CREATE INDEX accounts_user ON accounts (user_id);

-- sessions: the token itself is known to the browser only.
CREATE TABLE sessions (
    id         text PRIMARY KEY,
    token_hash bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id    text        NOT NULL REFERENCES users ON DELETE CASCADE,
    ip_address text,
    user_agent text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- verification: single-use tokens, stored as hashes, bound to purpose and address.
CREATE TABLE verification (
    id         text PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('email', 'password-reset')),
    identifier text        NOT NULL,
    value      bytea       NOT NULL UNIQUE CHECK (octet_length(value) = 32),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX verification_identifier ON verification (identifier, purpose);

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
CREATE INDEX mails_due ON mails (next_attempt_at) WHERE status = 'pending';
CREATE INDEX mails_recipient ON mails (recipient, created_at);
CREATE INDEX mails_newest ON mails (created_at);

CREATE TABLE organizations (
    id                              uuid PRIMARY KEY,
    name                            varchar(255) NOT NULL,
    slug                            varchar(255) NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    description                     text,
    logo_url                        text,
    website_url                     text,
    primary_connect_account_user_id text REFERENCES users ON DELETE SET NULL,
    version                         bigint       NOT NULL DEFAULT 0,
    created_at                      timestamptz  NOT NULL DEFAULT now(),
    updated_at                      timestamptz  NOT NULL DEFAULT now(),
    deleted_at                      timestamptz
);
CREATE UNIQUE INDEX organizations_slug ON organizations (slug) WHERE deleted_at IS NULL;

CREATE TABLE organization_memberships (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid        NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id         text        NOT NULL REFERENCES users ON DELETE CASCADE,
    role            varchar(50) NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'creator', 'subscriber', 'member')),
    status          varchar(50) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive', 'invited')),
    invited_by      text REFERENCES users ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, user_id)
);
CREATE INDEX memberships_user ON organization_memberships (user_id);
CREATE INDEX memberships_active ON organization_memberships (organization_id, role) WHERE status = 'active';

CREATE TABLE stripe_connect_accounts (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id                 text         NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    organization_id         uuid REFERENCES organizations ON DELETE SET NULL,
    stripe_account_id       varchar(255) NOT NULL UNIQUE,
    status                  varchar(50)  NOT NULL DEFAULT 'onboarding' CHECK (status IN ('onboarding', 'active', 'restricted', 'disabled')),
    charges_enabled         bool         NOT NULL DEFAULT false,
    payouts_enabled         bool         NOT NULL DEFAULT false,
    onboarding_completed_at timestamptz,
    created_at              timestamptz  NOT NULL DEFAULT now(),
    updated_at              timestamptz  NOT NULL DEFAULT now()
);
