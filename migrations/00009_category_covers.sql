-- +goose Up

-- images.kind: covers of categories are pictures, too. Such a picture is in use while
-- categories.cover_image_key of a category that is not deleted names it.
ALTER TABLE images
    DROP CONSTRAINT images_kind_check,
    ADD CONSTRAINT images_kind_check CHECK (kind IN ('avatar', 'logo', 'thumbnail', 'cover'));
