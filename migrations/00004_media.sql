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
    -- The ETag of the object that upload-complete examined; it reveals a later overwrite.
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
    -- When the running job last reported; the sweep of stuck jobs reads it.
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
-- GET /api/media: an index per order. The columns after INCLUDE are its filters, so that
-- rows are counted and skipped in the index alone. uploaded_at may be missing, and what
-- has none comes last in both directions: the key replaces it by a far date.
CREATE INDEX media_by_created ON media_items (creator_id, created_at, id)
    INCLUDE (status, media_type) WHERE deleted_at IS NULL;
CREATE INDEX media_by_title ON media_items (creator_id, title, id)
    INCLUDE (status, media_type) WHERE deleted_at IS NULL;
CREATE INDEX media_by_uploaded ON media_items (creator_id, COALESCE(uploaded_at, timestamptz '9999-01-01 00:00Z'), id)
    INCLUDE (uploaded_at, status, media_type) WHERE deleted_at IS NULL;
CREATE INDEX media_by_uploaded_down ON media_items (
    creator_id, COALESCE(uploaded_at, timestamptz '0001-01-01 00:00Z'), id)
    INCLUDE (uploaded_at, status, media_type) WHERE deleted_at IS NULL;
-- Serves the callbacks of a transcoding job.
CREATE INDEX media_job ON media_items (runpod_job_id) WHERE runpod_job_id IS NOT NULL;
-- Serves the sweep of jobs that stopped reporting.
CREATE INDEX media_running ON media_items (transcoding_seen_at) WHERE status = 'transcoding';
-- Serves the search for objects without an item: which item an original belongs to.
CREATE INDEX media_object ON media_items (r2_key);
-- Serves the limits per creator: the jobs that run, and the items that wait for one.
CREATE INDEX media_jobs ON media_items (creator_id, status)
    WHERE status IN ('uploaded', 'transcoding') AND deleted_at IS NULL;

-- media_uploads: uploads of originals in parts, straight to the store.
CREATE TABLE media_uploads (
    id            uuid PRIMARY KEY,
    media_item_id uuid         NOT NULL REFERENCES media_items ON DELETE CASCADE,
    r2_key        varchar(500) NOT NULL,
    -- The store's own name for the upload; null until the store has answered.
    store_id      text,
    size_bytes    bigint       NOT NULL CHECK (size_bytes > 0),
    part_size     bigint       NOT NULL CHECK (part_size >= 5242880),
    part_count    int          NOT NULL CHECK (part_count BETWEEN 1 AND 10000),
    status        varchar(20)  NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'completing', 'completed', 'aborted')),
    created_at    timestamptz  NOT NULL,
    expires_at    timestamptz  NOT NULL
);
-- Serves the look-up of an item's upload.
CREATE INDEX media_uploads_item ON media_uploads (media_item_id, created_at);
-- Serves the sweep of uploads that expired.
CREATE INDEX media_uploads_open ON media_uploads (expires_at) WHERE status IN ('open', 'completing');
-- Serves the removal of rows whose upload ended.
CREATE INDEX media_uploads_over ON media_uploads (created_at) WHERE status IN ('completed', 'aborted');

-- orphan_cleanups: searches for objects in the store that belong to nothing. A row without a start is
-- asked for; one without an end is running.
CREATE TABLE orphan_cleanups (
    id              uuid PRIMARY KEY,
    requested_at    timestamptz NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz,
    scanned         bigint      NOT NULL DEFAULT 0,
    orphans         bigint      NOT NULL DEFAULT 0,
    removed         bigint      NOT NULL DEFAULT 0,
    removed_bytes   bigint      NOT NULL DEFAULT 0,
    aborted_uploads bigint      NOT NULL DEFAULT 0,
    failed          bool        NOT NULL DEFAULT false,
    -- Where an incomplete run ended, and the next one goes on: a bucket ('media' or
    -- 'assets') and the last key that was looked at.
    complete        bool        NOT NULL DEFAULT false,
    next_bucket     text,
    next_key        text
);
-- At most one search waits to start.
CREATE UNIQUE INDEX orphan_cleanups_asked ON orphan_cleanups ((true)) WHERE started_at IS NULL;
-- Serves the newest finished search.
CREATE INDEX orphan_cleanups_finished ON orphan_cleanups (finished_at DESC) WHERE finished_at IS NOT NULL;

-- images: one row per uploaded picture, written before its objects are put. The
-- picture is in use while its owner's column (users.avatar_url,
-- organizations.logo_url, content.thumbnail_url) names it. due_at is when the sweep
-- inspects it next: unreferenced objects are removed, then the row.
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
-- Serves the replacement of an owner's picture.
CREATE INDEX images_owner ON images (owner_id, kind);
-- Serves the sweep of pictures: what is due.
CREATE INDEX images_due ON images (due_at);
