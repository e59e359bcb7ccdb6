-- +goose Up

-- The media that a published item had before its present one, and until when it was: who plays it
-- goes on.
ALTER TABLE content
    ADD COLUMN replaced_media_id uuid,
    ADD COLUMN replaced_at timestamptz;
