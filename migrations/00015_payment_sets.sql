-- +goose Up

-- payment_refunds and payment_disputes: what was reported of each refund and each dispute of
-- a payment. The status of the purchase, what is owed and the access are derived from them.
CREATE TABLE payment_refunds (
    payment_intent text        NOT NULL REFERENCES payments,
    refund_id      text        NOT NULL,
    -- 0 while only a total was reported that contains it (payments.refunded_cents).
    amount_cents   bigint      NOT NULL CHECK (amount_cents >= 0),
    status         text        NOT NULL CHECK (status IN ('pending', 'succeeded', 'cancelled', 'failed')),
    reason         text,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (payment_intent, refund_id)
);
CREATE TABLE payment_disputes (
    payment_intent text   NOT NULL REFERENCES payments,
    -- Empty for one that was reported without an id.
    dispute_id     text   NOT NULL,
    -- 0 when it was not reported, which means all.
    amount_cents   bigint NOT NULL CHECK (amount_cents >= 0),
    status         text   NOT NULL CHECK (status IN ('inquiry', 'inquiry_closed', 'open', 'lost', 'won')),
    reason         text,
    opened_at      timestamptz,
    closed_at      timestamptz,
    PRIMARY KEY (payment_intent, dispute_id)
);

-- What was known before: the id of the newest refund, whose own amount was not kept, and the
-- newest dispute. refunded_cents stays what it was, the highest total that was reported; the
-- other columns of refunds and disputes are for the version before, until they are removed.
INSERT INTO payment_refunds (payment_intent, refund_id, amount_cents, status, reason, created_at)
SELECT payment_intent, refund_id, 0, 'succeeded', refund_reason, COALESCE(refunded_at, created_at)
FROM payments WHERE refund_id IS NOT NULL;
INSERT INTO payment_disputes (payment_intent, dispute_id, amount_cents, status, reason, opened_at, closed_at)
SELECT payment_intent, COALESCE(dispute_id, ''), 0, dispute_status, dispute_reason, disputed_at, dispute_closed_at
FROM payments WHERE dispute_status IS NOT NULL;

ALTER TABLE payments
    -- A refund failed, or a dispute was decided late, after the item was bought again.
    ADD COLUMN superseded       bool NOT NULL DEFAULT false,
    -- Set for a payment that is not of this installation; paid_at stays null.
    ADD COLUMN foreign_at       timestamptz,
    ADD COLUMN foreign_reason   text,
    ADD COLUMN foreign_amount   bigint,
    ADD COLUMN foreign_currency text,
    -- When the refunds, of which only a total is known, are read from the provider next.
    ADD COLUMN look_up_at       timestamptz,
    ADD COLUMN look_ups         int NOT NULL DEFAULT 0;
CREATE INDEX payments_look_up ON payments (look_up_at) WHERE look_up_at IS NOT NULL;
-- Serves the list of payments that are not of this installation.
CREATE INDEX payments_without_sale ON payments (created_at) WHERE paid_at IS NULL;

-- Refunds of which more is known than the newest one's id are read from the provider.
UPDATE payments SET look_up_at = now() WHERE refunded_cents > 0 AND paid_at IS NOT NULL;

-- installation: the id of this database, from which the marker in the metadata of sessions
-- follows.
CREATE TABLE installation (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    id        uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;
