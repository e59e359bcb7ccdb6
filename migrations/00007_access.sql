-- +goose Up

-- content_access: grants. One row per source; access is the union of the live ones.
CREATE TABLE content_access (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         text        NOT NULL REFERENCES users ON DELETE CASCADE,
    content_id      uuid        NOT NULL REFERENCES content ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    access_type     varchar(50) NOT NULL
                          CHECK (access_type IN ('purchased', 'subscription', 'complimentary', 'preview')),
    -- What the grant rests on: the purchase, the subscription, who gave it.
    source_id       text        NOT NULL DEFAULT '',
    expires_at      timestamptz,
    deleted_at      timestamptz,
    revoked_reason  text,
    -- The highest version of the source's events (of the purchase) that had an effect; an
    -- older one that arrives later is ignored.
    source_version  bigint      NOT NULL DEFAULT 0,
    -- The event that put the grant into its state; null for one that no event made.
    source_event_id uuid,
    -- A full refund or a lost dispute, which nothing can take back.
    source_ended    bool        NOT NULL DEFAULT false,
    version         bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, content_id, access_type, source_id)
);
-- Serves the count of who has access to an item.
CREATE INDEX content_access_content ON content_access (content_id) WHERE deleted_at IS NULL;

-- video_playback: how far a user has watched an item.
CREATE TABLE video_playback (
    id               uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id          text        NOT NULL REFERENCES users ON DELETE CASCADE,
    content_id       uuid        NOT NULL REFERENCES content ON DELETE CASCADE,
    position_seconds int         NOT NULL DEFAULT 0 CHECK (position_seconds >= 0),
    duration_seconds int         NOT NULL CHECK (duration_seconds >= 0),
    completed        bool        NOT NULL DEFAULT false,
    version          bigint      NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, content_id)
);

-- library_entries: what a user was given or has begun to watch, in one row per item, with
-- everything that GET /api/access/user/library is ordered and filtered by. It is derived:
-- package domain/access/postgres writes it when a grant or a playback changes, and a
-- reaction when an item does. A page of a library is read together with content and
-- content_access, so that an entry that is out of date for a moment shows nothing that
-- access denies.
CREATE TABLE library_entries (
    user_id         text        NOT NULL REFERENCES users ON DELETE CASCADE,
    content_id      uuid        NOT NULL REFERENCES content ON DELETE CASCADE,
    -- There is a grant that was not revoked; it may have expired.
    granted         bool        NOT NULL,
    -- When the longest grant ends; null when one has no end, or there is none.
    expires_at      timestamptz,
    -- When the item was last given or watched; without a grant also when it was published.
    recent          timestamptz NOT NULL,
    progress        text        NOT NULL DEFAULT 'not_started'
                          CHECK (progress IN ('not_started', 'in_progress', 'completed')),
    -- The item's own: seconds is 0 when it has no length, access_type null when the item is
    -- not published.
    organization_id uuid,
    title           text        NOT NULL,
    seconds         int         NOT NULL,
    content_type    text        NOT NULL,
    access_type     text,
    PRIMARY KEY (user_id, content_id)
);
-- The library: sortBy recent (the default), title and duration.
CREATE INDEX library_recent ON library_entries (user_id, recent, content_id)
    INCLUDE (granted, expires_at, progress, organization_id, content_type, access_type);
CREATE INDEX library_title ON library_entries (user_id, title, content_id)
    INCLUDE (granted, expires_at, progress, organization_id, content_type, access_type);
CREATE INDEX library_seconds ON library_entries (user_id, seconds, content_id)
    INCLUDE (granted, expires_at, progress, organization_id, content_type, access_type);
-- Serves the reaction to a changed item: who has it.
CREATE INDEX library_of_content ON library_entries (content_id, user_id);
