-- +goose Up

-- podcast_feeds: the private feed of a user for the items of an organization. Its address has a
-- token, which is computed from id and serial and stored nowhere; another serial is another address.
CREATE TABLE podcast_feeds (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         text        NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid        NOT NULL REFERENCES organizations ON DELETE CASCADE,
    serial          int         NOT NULL CHECK (serial > 0),
    revoked_at      timestamptz,
    version         bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (user_id, organization_id)
);
