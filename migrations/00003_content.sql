-- +goose Up

CREATE TABLE media_items (
    id                      uuid PRIMARY KEY,
    creator_id              text          NOT NULL REFERENCES users ON DELETE RESTRICT,
    title                   varchar(255)  NOT NULL,
    description             text,
    media_type              varchar(50)   NOT NULL CHECK (media_type IN ('video', 'audio')),
    status                  varchar(50)   NOT NULL DEFAULT 'uploading'
                            CHECK (status IN ('uploading', 'uploaded', 'transcoding', 'ready', 'failed')),
    r2_key                  varchar(500)  NOT NULL,
    file_size_bytes         bigint,
    mime_type               varchar(100),
    -- The ETag of the object that upload-complete examined; a later overwrite shows.
    etag                    text,
    duration_seconds        int,
    width                   int,
    height                  int,
    hls_master_playlist_key varchar(500),
    hls_preview_key         varchar(500),
    thumbnail_key           varchar(500),
    waveform_key            varchar(500),
    waveform_image_key      varchar(500),
    mezzanine_key           varchar(500),
    runpod_job_id           varchar(255),
    transcoding_error       varchar(2000),
    transcoding_error_code  varchar(64),
    transcoding_attempts    int           NOT NULL DEFAULT 0 CHECK (transcoding_attempts BETWEEN 0 AND 3),
    transcoding_priority    int           NOT NULL DEFAULT 2 CHECK (transcoding_priority BETWEEN 0 AND 4),
    transcoding_progress    int CHECK (transcoding_progress BETWEEN 0 AND 100),
    transcoding_step        varchar(50),
    -- The last sign of life of the running job; the stuck-job sweep reads it.
    transcoding_seen_at     timestamptz,
    mezzanine_status        varchar(50) CHECK (mezzanine_status IN ('pending', 'processing', 'ready', 'failed')),
    ready_variants          jsonb,
    loudness_integrated     int,
    loudness_peak           int,
    loudness_range          int,
    uploaded_at             timestamptz,
    version                 bigint        NOT NULL DEFAULT 0,
    created_at              timestamptz   NOT NULL DEFAULT now(),
    updated_at              timestamptz   NOT NULL DEFAULT now(),
    deleted_at              timestamptz,
    CHECK (status <> 'ready' OR hls_master_playlist_key IS NOT NULL)
);
CREATE INDEX media_creator ON media_items (creator_id, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX media_job ON media_items (runpod_job_id) WHERE runpod_job_id IS NOT NULL;
CREATE INDEX media_running ON media_items (transcoding_seen_at) WHERE status = 'transcoding';

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
    view_count        int          NOT NULL DEFAULT 0,
    purchase_count    int          NOT NULL DEFAULT 0,
    version           bigint       NOT NULL DEFAULT 0,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz  NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    CHECK (access_type <> 'paid' OR price_cents > 0),
    CHECK (access_type <> 'free' OR COALESCE(price_cents, 0) = 0)
);
CREATE UNIQUE INDEX content_slug_organization ON content (slug, organization_id)
    WHERE organization_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX content_slug_personal ON content (slug, creator_id)
    WHERE organization_id IS NULL AND deleted_at IS NULL;
CREATE INDEX content_creator ON content (creator_id, created_at DESC, id);
CREATE INDEX content_public ON content (organization_id, published_at DESC, id)
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX content_discover ON content (published_at DESC, id)
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX content_media ON content (media_item_id) WHERE media_item_id IS NOT NULL;
