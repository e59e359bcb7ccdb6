-- +goose Up

-- Uploads of originals in parts, straight to the store.
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
CREATE INDEX media_uploads_item ON media_uploads (media_item_id, created_at);
CREATE INDEX media_uploads_open ON media_uploads (expires_at) WHERE status IN ('open', 'completing');
CREATE INDEX media_uploads_over ON media_uploads (created_at) WHERE status IN ('completed', 'aborted');

-- Searches for objects in the store that belong to nothing. A row without a start is
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
CREATE UNIQUE INDEX orphan_cleanups_asked ON orphan_cleanups ((true)) WHERE started_at IS NULL;
CREATE INDEX orphan_cleanups_finished ON orphan_cleanups (finished_at DESC) WHERE finished_at IS NOT NULL;

-- The search asks which item an original belongs to.
CREATE INDEX media_object ON media_items (r2_key);

-- Jobs that run and items that wait for one, by creator.
CREATE INDEX media_jobs ON media_items (creator_id, status) WHERE status IN ('uploaded', 'transcoding') AND deleted_at IS NULL;
