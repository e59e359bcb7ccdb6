-- +goose Up

-- The sound of an item in one file, which podcast apps play.
ALTER TABLE media_items
    ADD COLUMN audio_key   varchar(500),
    ADD COLUMN audio_bytes bigint CHECK (audio_bytes > 0);
