-- +goose Up

-- Whether an item can be watched before it is ready: the playlist of hls_master_playlist_key names the
-- renditions that are there.
ALTER TABLE media_items ADD COLUMN playable boolean NOT NULL DEFAULT false;
