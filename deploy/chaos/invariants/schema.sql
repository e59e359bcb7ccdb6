-- What others know, as the checker loads it. The platform's own tables are in schema public.
DROP SCHEMA IF EXISTS chaos CASCADE;
CREATE SCHEMA chaos;

-- requests: the clients' journal, a row per attempt. status 0 is no response.
CREATE TABLE chaos.requests (
    operation  uuid        NOT NULL,
    kind       text        NOT NULL,
    actor      text        NOT NULL,
    key        text        NOT NULL,
    -- The command that actor and key stand for; null without a key.
    command    uuid,
    payload    text        NOT NULL,
    subject    text        NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL,
    status     int         NOT NULL,
    resource   text        NOT NULL,
    value      bigint      NOT NULL
);
CREATE INDEX ON chaos.requests (kind, actor, subject);
CREATE INDEX ON chaos.requests (command);

-- sessions, refunds and deliveries: what the payment provider believes.
CREATE TABLE chaos.sessions (
    id        text PRIMARY KEY,
    payment   text   NOT NULL,
    amount    bigint NOT NULL,
    currency  text   NOT NULL,
    reference text   NOT NULL,
    intent    text   NOT NULL
);
CREATE TABLE chaos.refunds (
    id     text PRIMARY KEY,
    intent text   NOT NULL,
    amount bigint NOT NULL,
    status text   NOT NULL
);
CREATE TABLE chaos.deliveries (
    event_id text NOT NULL,
    endpoint text NOT NULL,
    status   text NOT NULL
);

-- messages: the event stream, in its order. digest is the SHA-256 of the body, in hex.
CREATE TABLE chaos.messages (
    sequence     bigint NOT NULL,
    event_id     uuid   NOT NULL,
    aggregate_id text   NOT NULL,
    version      bigint NOT NULL,
    digest       text   NOT NULL
);
CREATE INDEX ON chaos.messages (event_id);

-- consumers: how much each durable consumer has before it.
CREATE TABLE chaos.consumers (
    name    text   NOT NULL,
    pending bigint NOT NULL,
    unacked bigint NOT NULL
);

-- objects: the keys in the bucket of media.
CREATE TABLE chaos.objects (key text PRIMARY KEY);
