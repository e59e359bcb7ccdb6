-- +goose Up

-- images: one row per uploaded picture, written before its objects are put. The
-- picture is in use while its owner's column (users.avatar_url,
-- organizations.logo_url, content.thumbnail_url) names it. due_at is when the sweep
-- looks at it next: objects that nobody refers to go, and the row after them.
CREATE TABLE images (
    id         uuid PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('avatar', 'logo', 'thumbnail')),
    owner_id   text        NOT NULL,
    prefix     text        NOT NULL UNIQUE CHECK (prefix LIKE '%/'),
    address    text        NOT NULL,
    mime_type  text        NOT NULL,
    size_bytes bigint      NOT NULL CHECK (size_bytes > 0),
    digest     text        NOT NULL,
    -- From pending to attached once its objects are there and its owner refers to it;
    -- to sweeping, from which there is no way back, when its objects are being removed.
    status     text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'attached', 'sweeping')),
    created_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL
);
CREATE INDEX images_owner ON images (owner_id, kind);
CREATE INDEX images_due ON images (due_at);

-- The categories of an organization (category_slug, 00012).
CREATE INDEX content_categories_public ON content (organization_id, category_slug, published_at, id) INCLUDE (access_type)
    WHERE status = 'published' AND deleted_at IS NULL AND category_slug IS NOT NULL;
