-- +goose Up

-- From when, and from how many per cent on, a job is measured, and when it is expected to end.
ALTER TABLE media_items
    ADD COLUMN transcoding_since          timestamptz,
    ADD COLUMN transcoding_since_progress int CHECK (transcoding_since_progress BETWEEN 0 AND 100),
    ADD COLUMN transcoding_ends_at        timestamptz;

-- transcoding_jobs: the queue of the platform's own transcoders, one row per item, of its latest
-- job. A claim is one attempt of one worker; it is lost when its lease has run out and another
-- worker has claimed the job.
CREATE TABLE transcoding_jobs (
    media_item_id uuid         PRIMARY KEY REFERENCES media_items ON DELETE CASCADE,
    job_id        varchar(255) NOT NULL,
    -- The data of the event media.transcoding_started.
    job           jsonb        NOT NULL,
    -- Long jobs have places of their own; by the size of the original until its duration is known.
    long          boolean      NOT NULL,
    -- The time of the start, later for a lower priority: jobs of one length are claimed in this order.
    due_at        timestamptz  NOT NULL,
    -- Not claimed before: the pause after a failure, or while there is no space.
    not_before    timestamptz  NOT NULL DEFAULT now(),
    -- The most bytes that the job needs in a work directory; 0 until it was examined.
    space_bytes   bigint       NOT NULL DEFAULT 0 CHECK (space_bytes >= 0),
    claim         uuid,
    leased_until  timestamptz,
    -- Failures of the platform's own, and workers that died, since a rendition was finished.
    failures      int          NOT NULL DEFAULT 0,
    crashes       int          NOT NULL DEFAULT 0,
    -- The finished renditions in the store: [{name, recipe, files: [{rel, contentType, size, sha256}]}].
    renditions    jsonb        NOT NULL DEFAULT '[]',
    finished_at   timestamptz
);

CREATE INDEX transcoding_jobs_open ON transcoding_jobs (long DESC, due_at) WHERE finished_at IS NULL;
CREATE INDEX transcoding_jobs_leased ON transcoding_jobs (leased_until) WHERE leased_until IS NOT NULL;
CREATE UNIQUE INDEX transcoding_jobs_job ON transcoding_jobs (job_id);
