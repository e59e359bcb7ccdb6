-- +goose Up

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
-- A slug is unique among the organizations that are not deleted; serves the public pages.
CREATE UNIQUE INDEX organizations_slug ON organizations (slug) WHERE deleted_at IS NULL;
-- GET /api/organizations of the platform's owner: sortBy createdAt (the default) and name.
CREATE INDEX organizations_by_created ON organizations (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX organizations_by_name ON organizations (lower(name), id) WHERE deleted_at IS NULL;
-- GET /api/organizations?search=
CREATE INDEX organizations_search ON organizations USING gin (name gin_trgm_ops, slug gin_trgm_ops)
    WHERE deleted_at IS NULL;

-- organization_memberships: a removed member who is invited again keeps the row.
CREATE TABLE organization_memberships (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id       uuid        NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id               text        NOT NULL REFERENCES users ON DELETE CASCADE,
    role                  varchar(50) NOT NULL DEFAULT 'member'
                          CHECK (role IN ('owner', 'admin', 'creator', 'subscriber', 'member')),
    status                varchar(50) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive', 'invited')),
    invited_by            text REFERENCES users ON DELETE SET NULL,
    -- When the present membership began; created_at is when the first one did.
    joined_at             timestamptz,
    invited_at            timestamptz,
    invitation_expires_at timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, user_id)
);
-- Serves the organizations of a user: GET /api/organizations, my-organizations, the library.
CREATE INDEX memberships_user ON organization_memberships (user_id);
-- Serves the count of who publishes (GET /api/organizations/public/:slug/stats) and the rule
-- that an organization keeps an owner.
CREATE INDEX memberships_active ON organization_memberships (organization_id, role) WHERE status = 'active';
-- GET /api/organizations/:id/members: in the order of joining, by role and status.
CREATE INDEX memberships_listed ON organization_memberships (organization_id, created_at, id) INCLUDE (role, status);
-- GET /api/organizations/public/:slug/members and /creators: the highest role first, then
-- who joined first.
CREATE INDEX memberships_public ON organization_memberships (organization_id,
    array_position(ARRAY['owner', 'admin', 'creator', 'subscriber', 'member'], role::text),
    COALESCE(joined_at, created_at), id)
    INCLUDE (role, joined_at, created_at) WHERE status = 'active';

CREATE TABLE stripe_connect_accounts (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id                 text         NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    organization_id         uuid REFERENCES organizations ON DELETE SET NULL,
    stripe_account_id       varchar(255) NOT NULL UNIQUE,
    status                  varchar(50)  NOT NULL DEFAULT 'onboarding'
                          CHECK (status IN ('onboarding', 'active', 'restricted', 'disabled')),
    charges_enabled         bool         NOT NULL DEFAULT false,
    payouts_enabled         bool         NOT NULL DEFAULT false,
    onboarding_completed_at timestamptz,
    created_at              timestamptz  NOT NULL DEFAULT now(),
    updated_at              timestamptz  NOT NULL DEFAULT now()
);
