-- +goose Up

CREATE TABLE content (
    id                uuid PRIMARY KEY,
    creator_id        text         NOT NULL REFERENCES users ON DELETE RESTRICT,
    organization_id   uuid REFERENCES organizations ON DELETE SET NULL,
    media_item_id     uuid REFERENCES media_items ON DELETE SET NULL,
    title             varchar(500) NOT NULL,
    slug              varchar(500) NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    description       text,
    thumbnail_url     text,
    content_body      text,
    content_body_json jsonb,
    content_type      varchar(50)  NOT NULL CHECK (content_type IN ('video', 'audio', 'written')),
    category          varchar(100),
    -- The category as addresses have it; null when there is none.
    category_slug     varchar(120),
    tags              jsonb        NOT NULL DEFAULT '[]',
    access_type       varchar(50)  NOT NULL DEFAULT 'free'
                      CHECK (access_type IN ('free', 'paid', 'followers', 'subscribers', 'team', 'members', 'private')),
    -- The older name of access_type, as the client gave it; null when it gave none.
    visibility        varchar(50) CHECK (visibility IN ('public', 'private', 'members_only', 'purchased_only')),
    price_cents       int CHECK (price_cents >= 0),
    minimum_tier_id   uuid,
    shader_preset     varchar(50),
    shader_config     jsonb,
    status            varchar(50)  NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
    published_at      timestamptz,
    featured          bool         NOT NULL DEFAULT false,
    version           bigint       NOT NULL DEFAULT 0,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz  NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    -- A slug is unique per scope: an organization, or the creator of a personal item (no
    -- user's id looks like a UUID). What is deleted has no scope. The scope is a column of its
    -- own, so that a slug is looked up through this index alone.
    slug_scope        text
                      GENERATED ALWAYS AS (
                          CASE WHEN deleted_at IS NULL THEN COALESCE(organization_id::text, creator_id) END) STORED,
    CHECK (access_type <> 'paid' OR price_cents > 0),
    CHECK (access_type <> 'free' OR COALESCE(price_cents, 0) = 0)
);
-- Serves the look-up of items by address, and check-slug.
CREATE UNIQUE INDEX content_slug ON content (slug_scope, slug);
-- Serves the refusal to delete media that published items use, and the library entries that
-- follow an item's media.
CREATE INDEX content_media ON content (media_item_id) WHERE media_item_id IS NOT NULL;

-- An index per order of each list. The columns after INCLUDE are the list's filters, so
-- that rows are counted and skipped in the index alone; filters that are not among them
-- (search, featured, and category outside the default order) read the rows.

-- GET /api/content, a creator's own items: sortBy createdAt (the default), updatedAt,
-- publishedAt and title; viewCount and purchaseCount stand in content_stats. published_at
-- may be missing, and what has none comes last in both directions: the key replaces it by a
-- far date.
CREATE INDEX content_by_created ON content (creator_id, created_at, id)
    INCLUDE (status, content_type, access_type, organization_id, category)
    WHERE deleted_at IS NULL;
CREATE INDEX content_by_updated ON content (creator_id, updated_at, id)
    INCLUDE (status, content_type, access_type, organization_id)
    WHERE deleted_at IS NULL;
CREATE INDEX content_by_published ON content (creator_id, COALESCE(published_at, timestamptz '9999-01-01 00:00Z'), id)
    INCLUDE (published_at, status, content_type, access_type, organization_id) WHERE deleted_at IS NULL;
CREATE INDEX content_by_published_down ON content (
    creator_id, COALESCE(published_at, timestamptz '0001-01-01 00:00Z'), id)
    INCLUDE (published_at, status, content_type, access_type, organization_id) WHERE deleted_at IS NULL;
CREATE INDEX content_by_title ON content (creator_id, title, id)
    INCLUDE (status, content_type, access_type, organization_id)
    WHERE deleted_at IS NULL;

-- GET /api/content/public (newest, oldest, title), GET /api/content/browse (publishedAt,
-- createdAt, updatedAt, title) and the organizations' part of GET /api/access/user/library
-- (recent, title): what is published in an organization.
CREATE INDEX content_public ON content (organization_id, published_at, id)
    INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_title ON content (organization_id, title, id)
    INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_created ON content (organization_id, created_at, id)
    INCLUDE (content_type, access_type, creator_id, category)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_updated ON content (organization_id, updated_at, id)
    INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
-- GET /api/content/public?category= and GET /api/content/public/categories.
CREATE INDEX content_public_category ON content (organization_id, category_slug, published_at, id)
    INCLUDE (content_type, access_type)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL AND category_slug IS NOT NULL;
-- GET /api/organizations/public/:slug/creators: how much each has published, and the newest.
CREATE INDEX content_public_creator ON content (organization_id, creator_id, published_at, id) INCLUDE (access_type)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
-- GET /api/content/public/discover: newest, oldest and title, over all creators.
CREATE INDEX content_discover ON content (published_at, id) INCLUDE (content_type)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL AND access_type <> 'private';
CREATE INDEX content_discover_title ON content (title, id) INCLUDE (content_type)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL AND access_type <> 'private';

-- search= of all lists of content, and of libraries.
CREATE INDEX content_search ON content USING gin (title gin_trgm_ops, description gin_trgm_ops)
    WHERE deleted_at IS NULL;

-- content_stats: how often an item was viewed and bought. They change more often than the
-- item, whose indexes they would all write again. The row is made with the item; the other
-- columns repeat the item's, so that lists in the order of the counts are read and counted
-- here alone.
CREATE TABLE content_stats (
    content_id      uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    view_count      int         NOT NULL DEFAULT 0,
    purchase_count  int         NOT NULL DEFAULT 0,
    creator_id      text        NOT NULL,
    organization_id uuid,
    content_type    varchar(50) NOT NULL,
    access_type     varchar(50) NOT NULL,
    status          varchar(50) NOT NULL,
    published_at    timestamptz,
    deleted_at      timestamptz
) WITH (fillfactor = 80);
-- GET /api/content: sortBy viewCount and purchaseCount.
CREATE INDEX content_stats_views ON content_stats (creator_id, view_count, content_id)
    INCLUDE (status, content_type, access_type, organization_id) WHERE deleted_at IS NULL;
CREATE INDEX content_stats_purchases ON content_stats (creator_id, purchase_count, content_id)
    INCLUDE (status, content_type, access_type, organization_id) WHERE deleted_at IS NULL;
-- GET /api/content/browse: sortBy viewCount and purchaseCount.
CREATE INDEX content_stats_public_views ON content_stats (organization_id, view_count, content_id)
    INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_stats_public_purchases ON content_stats (organization_id, purchase_count, content_id)
    INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;

-- categories: of an organization, or of a creator's personal items (organization_id null).
CREATE TABLE categories (
    id              uuid PRIMARY KEY,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    creator_id      text         NOT NULL REFERENCES users ON DELETE RESTRICT,
    name            varchar(100) NOT NULL,
    slug            varchar(120) NOT NULL,
    description     varchar(500),
    icon            varchar(64),
    cover_image_key varchar(500),
    sort_order      int          NOT NULL DEFAULT 0,
    version         bigint       NOT NULL DEFAULT 0,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
-- A slug is unique per scope among the categories that are not deleted; serves the
-- look-up by address.
CREATE UNIQUE INDEX categories_organization_slug ON categories (organization_id, slug)
    WHERE organization_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX categories_personal_slug ON categories (creator_id, slug)
    WHERE organization_id IS NULL AND deleted_at IS NULL;
-- GET /api/categories: an organization's, or a creator's own, in their order.
CREATE INDEX categories_organization ON categories (organization_id, sort_order, name, id) WHERE deleted_at IS NULL;
CREATE INDEX categories_personal ON categories (creator_id, sort_order, name, id)
    WHERE organization_id IS NULL AND deleted_at IS NULL;

-- content_categories: which items are in which categories.
CREATE TABLE content_categories (
    content_id  uuid NOT NULL REFERENCES content ON DELETE CASCADE,
    category_id uuid NOT NULL REFERENCES categories ON DELETE CASCADE,
    PRIMARY KEY (content_id, category_id)
);
-- Serves the items of a category, and their count.
CREATE INDEX content_categories_category ON content_categories (category_id, content_id);
