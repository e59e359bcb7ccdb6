-- +goose Up

-- What else the transcoder makes: small pictures for seeking,
-- {key, intervalSeconds, tileWidth, tileHeight, columns, rows, tiles}, and the waveform in few points.
ALTER TABLE media_items
    ADD COLUMN storyboard            jsonb,
    ADD COLUMN waveform_overview_key varchar(500);
