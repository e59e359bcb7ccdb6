-- +goose Up

-- customer_erasures: customers whom the payment provider has to forget, because no
-- account has them any more. The provider's id is all that is left here of a deleted
-- account, and it goes once the provider has answered.
CREATE TABLE customer_erasures (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    stripe_customer_id text        NOT NULL UNIQUE,
    attempts           int         NOT NULL DEFAULT 0,
    next_attempt_at    timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX customer_erasures_due ON customer_erasures (next_attempt_at);
