-- +goose Up

-- commands is inbox mark, idempotency record and operation resource in one row.
-- A row is 'accepted' when an edge promised to have it applied (202), and terminal
-- ('applied' or 'rejected') once its transaction committed.
CREATE TABLE commands (
    id              uuid PRIMARY KEY,
    actor_id        text        NOT NULL,
    type            text        NOT NULL,
    payload_hash    text        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('accepted', 'applied', 'rejected')),
    -- The whole command, kept only while it is not terminal, for the sweeper.
    envelope        json,
    response_status int,
    response_body   json,
    created_at      timestamptz NOT NULL DEFAULT now(),
    swept_at        timestamptz,
    finished_at     timestamptz,
    CHECK ((status = 'accepted') = (finished_at IS NULL)),
    CHECK (status <> 'accepted' OR envelope IS NOT NULL)
) WITH (fillfactor = 90);
-- Serves the sweep of accepted commands that are due again, the oldest first.
CREATE INDEX commands_unfinished ON commands (created_at) WHERE status = 'accepted';
-- Serves the removal of commands after seven days.
CREATE INDEX commands_by_age ON commands USING brin (created_at);
-- Serves the erasure of an account: the stored answers to what it asked for without the
-- bus name the person.
CREATE INDEX commands_of_accounts ON commands (actor_id) WHERE type LIKE 'account.%';

-- outbox is the durable journal of events. position orders the rows of one
-- aggregate as they were committed (the aggregate's row lock sees to that);
-- between aggregates it promises nothing.
CREATE SEQUENCE outbox_position;
CREATE TABLE outbox (
    position       bigint      NOT NULL DEFAULT nextval('outbox_position'),
    day            date        NOT NULL,
    event_id       uuid        NOT NULL,
    type           text        NOT NULL,
    tenant         text        NOT NULL,
    aggregate_id   text        NOT NULL,
    version        bigint      NOT NULL CHECK (version > 0),
    causation_id   text        NOT NULL,
    correlation_id text        NOT NULL,
    actor_id       text        NOT NULL,
    traceparent    text        NOT NULL DEFAULT '',
    data           json        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    published_at   timestamptz,
    PRIMARY KEY (aggregate_id, version, day)
) PARTITION BY RANGE (day);
-- Serves the relay: what it has to publish, in order.
CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
-- Takes the rows of a day whose partition was not created in time.
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;

-- outbox_prepare makes the partitions of the coming days; a name that contains a date
-- cannot be written in plain SQL.
-- +goose StatementBegin
CREATE FUNCTION outbox_prepare(from_day date, days int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d date;
BEGIN
    FOR i IN 0 .. days - 1 LOOP
        d := from_day + i;
        IF to_regclass('outbox_' || to_char(d, 'YYYYMMDD')) IS NULL
           AND NOT EXISTS (SELECT 1 FROM outbox_default WHERE day = d) THEN
            EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L) '
                || 'WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01)',
                'outbox_' || to_char(d, 'YYYYMMDD'), d, d + 1);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd
SELECT outbox_prepare((now() AT TIME ZONE 'utc')::date - 1, 9);

-- relay_state remembers what the relay last knew of the event stream, so that it
-- notices when the stream lost something.
CREATE TABLE relay_state (
    singleton      bool PRIMARY KEY DEFAULT true CHECK (singleton),
    stream_created timestamptz,
    last_sequence  bigint NOT NULL DEFAULT 0
);
INSERT INTO relay_state DEFAULT VALUES;

-- reaction_inbox: a reaction handled this event, in the transaction of its effect.
CREATE TABLE reaction_inbox (
    reaction     text        NOT NULL,
    event_id     uuid        NOT NULL,
    causation_id text        NOT NULL,
    handled_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reaction, event_id)
);
-- Serves a request that waits for the reaction to what it caused.
CREATE INDEX reaction_inbox_by_cause ON reaction_inbox (causation_id, reaction);
-- Serves the removal of old marks.
CREATE INDEX reaction_inbox_by_age ON reaction_inbox USING brin (handled_at);

-- dead_letters: commands and events that were given up, with the error.
CREATE TABLE dead_letters (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    consumer    text        NOT NULL,
    message_id  text        NOT NULL,
    type        text        NOT NULL,
    body        bytea       NOT NULL,
    error       text        NOT NULL,
    attempts    int         NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    UNIQUE (consumer, message_id)
);
