-- +goose Up

-- commands: a response that shows a resource is not stored. Its row names the resource, which
-- is read again, for the user who asks, whenever the response is given again. Rows from before
-- keep their bodies.
ALTER TABLE commands
    -- What the reader of the command's responses finds the resource by.
    ADD COLUMN resource_id text,
    -- Until when a body that opens something, such as an address with a token, is kept.
    ADD COLUMN body_until  timestamptz;
-- Serves the removal of such bodies.
CREATE INDEX commands_short_lived ON commands (body_until) WHERE body_until IS NOT NULL;
