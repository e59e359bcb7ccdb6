-- +goose Up

-- A slug is taken once per scope: an organization, or the creator of a personal item
-- (no user's id looks like a UUID). What is deleted has no scope.
--
-- The scope is a column of its own, so that a slug can be looked up through this index
-- alone. The planner takes a table that it has no statistics of for tiny: by creator and
-- slug it would read any index of the creator's content, or one that holds all that is
-- not deleted, and keep that plan while the table grows.
ALTER TABLE content ADD COLUMN slug_scope text
    GENERATED ALWAYS AS (CASE WHEN deleted_at IS NULL THEN COALESCE(organization_id::text, creator_id) END) STORED;
DROP INDEX content_slug_organization;
DROP INDEX content_slug_personal;
CREATE UNIQUE INDEX content_slug ON content (slug_scope, slug);
