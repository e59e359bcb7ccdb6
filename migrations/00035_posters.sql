-- +goose Up

-- The poster that a creator chose for a media item. The picture is in use while the column has its
-- address; without one, the poster is what the transcoder made.
ALTER TABLE media_items ADD COLUMN poster_url text;

ALTER TABLE images
    DROP CONSTRAINT images_kind_check,
    ADD CONSTRAINT images_kind_check CHECK (kind IN ('avatar', 'logo', 'thumbnail', 'cover', 'poster'));
