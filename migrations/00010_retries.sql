-- +goose Up

-- commands: which attempt may call the outside, and when a command that could not be
-- applied is tried again. All are NULL for a command that was applied at once.
ALTER TABLE commands
    -- The attempt that calls the outside now, and until when no other one may begin.
    ADD COLUMN lease        uuid,
    ADD COLUMN leased_until timestamptz,
    -- How often the command was put off, and when the sweeper publishes it next.
    ADD COLUMN postponed    int,
    ADD COLUMN due_at       timestamptz,
    -- True while no client was given a 202 for the command.
    ADD COLUMN provisional  bool;

-- dead_letters: what it takes to try a message again.
ALTER TABLE dead_letters
    -- What the message is: a command, an event, or something that only an operator resolves.
    ADD COLUMN kind       text CHECK (kind IN ('command', 'event')),
    -- The headers of an event; its body is the data alone.
    ADD COLUMN headers    json,
    -- When an operator requested that its consumer tries it again.
    ADD COLUMN retry_at   timestamptz,
    ADD COLUMN resolution text CHECK (resolution IN ('retried', 'handled', 'discarded'));
-- Serves the list of what is open; there should be few.
CREATE INDEX dead_letters_open ON dead_letters (created_at) WHERE resolved_at IS NULL;
