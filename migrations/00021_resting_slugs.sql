-- +goose Up

-- Serves the check whether the slug of a deleted organization still rests.
CREATE INDEX organizations_resting_slug ON organizations (slug, deleted_at) WHERE deleted_at IS NOT NULL;
