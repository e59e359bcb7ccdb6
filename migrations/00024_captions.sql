-- +goose Up

-- Which captions an item has: [{language, label, kind, updatedAt}].
ALTER TABLE media_items ADD COLUMN captions jsonb NOT NULL DEFAULT '[]';

-- media_captions: their texts, as WebVTT.
CREATE TABLE media_captions (
    media_item_id uuid        NOT NULL REFERENCES media_items ON DELETE CASCADE,
    language      varchar(35) NOT NULL,
    text          text        NOT NULL,
    PRIMARY KEY (media_item_id, language)
);
