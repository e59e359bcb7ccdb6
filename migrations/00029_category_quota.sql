-- +goose Up

-- Serves the quota of categories: the count of a creator's.
CREATE INDEX categories_creator ON categories (creator_id) WHERE deleted_at IS NULL;
