-- +goose Up

-- What of an item's media viewers may download.
ALTER TABLE content ADD COLUMN download varchar(20) NOT NULL DEFAULT 'none' CHECK (download IN ('none', 'original'));

ALTER TABLE content_stats ADD COLUMN download_count int NOT NULL DEFAULT 0;
