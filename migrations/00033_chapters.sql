-- +goose Up

-- What else an item has: {edited, list: [{startTime, title}]}, and what of its file was left out:
-- [{code, stream, message}].
ALTER TABLE media_items
    ADD COLUMN chapters jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN notes    jsonb NOT NULL DEFAULT '[]';
