-- +goose Up

-- checkouts: written before the payment provider is called, with everything that
-- the completion is compared with: price, currency and rates are frozen here.
CREATE TABLE checkouts (
    id                uuid PRIMARY KEY,
    customer_id       text         NOT NULL REFERENCES users,
    content_id        uuid         NOT NULL REFERENCES content,
    organization_id   uuid REFERENCES organizations,
    creator_id        text         NOT NULL REFERENCES users,
    amount_cents      int          NOT NULL CHECK (amount_cents > 0),
    currency          varchar(3)   NOT NULL,
    platform_bps      int          NOT NULL CHECK (platform_bps BETWEEN 0 AND 10000),
    organization_bps  int          NOT NULL CHECK (organization_bps BETWEEN 0 AND 10000),
    success_url       text         NOT NULL,
    cancel_url        text         NOT NULL,
    -- What the buyer sees at the provider is frozen too: the provider rejects an idempotency
    -- key that is used again with other parameters.
    product_name      text         NOT NULL DEFAULT '',
    description       text         NOT NULL DEFAULT '',
    -- 'expiring': replaced by another checkout, and being closed at the provider.
    status            varchar(20)  NOT NULL
                          CHECK (status IN ('creating', 'open', 'expiring', 'completed', 'expired', 'failed')),
    -- How many idempotency keys were used: the provider's response to one may be lost.
    attempt           int          NOT NULL DEFAULT 1,
    stripe_session_id varchar(255) UNIQUE,
    session_url       text,
    expires_at        timestamptz  NOT NULL,
    version           bigint       NOT NULL DEFAULT 0,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz  NOT NULL DEFAULT now()
);
-- A buyer has at most one open checkout of an item; serves its look-up.
CREATE UNIQUE INDEX checkouts_one_open ON checkouts (customer_id, content_id) WHERE status IN ('creating', 'open');
-- Serves the reconciliation of checkouts whose time is over.
CREATE INDEX checkouts_waiting ON checkouts (expires_at) WHERE status IN ('creating', 'open', 'expiring');
-- Serves the replacement of a checkout: those of a buyer that are being closed.
CREATE INDEX checkouts_expiring ON checkouts (customer_id, content_id) WHERE status = 'expiring';

-- stripe_events: every webhook with a valid signature, stored unchanged before the 200.
CREATE TABLE stripe_events (
    event_id     text PRIMARY KEY,
    type         text        NOT NULL,
    api_version  text        NOT NULL DEFAULT '',
    created      timestamptz NOT NULL,
    payload      bytea       NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    result       text
);
-- Serves the sweep of events that were not processed.
CREATE INDEX stripe_events_open ON stripe_events (received_at) WHERE processed_at IS NULL;

-- stripe_watermark: up to when the provider's list of events was compared with
-- stripe_events, and who does it at present.
CREATE TABLE stripe_watermark (
    singleton  bool PRIMARY KEY DEFAULT true CHECK (singleton),
    seen_until timestamptz,
    claimed_at timestamptz
);
INSERT INTO stripe_watermark DEFAULT VALUES;

-- payments: what is known of one payment intent, in whatever order it arrived.
-- The purchase's status and the buyer's grant are derived from these facts.
CREATE TABLE payments (
    payment_intent  text PRIMARY KEY,
    -- The id the purchase has, or will have.
    purchase_id     uuid        NOT NULL UNIQUE,
    -- Set by the completed checkout session.
    paid_at         timestamptz,
    outcome         text CHECK (outcome IN ('purchase', 'duplicate', 'amount_mismatch', 'unfulfillable')),
    customer_id     text,
    content_id      uuid,
    amount_cents    int CHECK (amount_cents >= 0),
    currency        varchar(3),
    -- Set by refunds: the total refunded so far.
    refunded_cents  int         NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),
    refunded_at     timestamptz,
    refund_id       text,
    refund_reason   text,
    -- Set by disputes.
    dispute_id      text,
    dispute_reason  text,
    disputed_at     timestamptz,
    dispute_closed_at timestamptz,
    dispute_status  text CHECK (dispute_status IN ('open', 'won', 'lost')),
    version         bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((paid_at IS NULL) = (outcome IS NULL))
);

CREATE TABLE purchases (
    id                         uuid PRIMARY KEY,
    customer_id                text         NOT NULL REFERENCES users ON DELETE RESTRICT,
    content_id                 uuid         NOT NULL REFERENCES content ON DELETE RESTRICT,
    organization_id            uuid REFERENCES organizations ON DELETE RESTRICT,
    checkout_id                uuid REFERENCES checkouts,
    amount_paid_cents          int          NOT NULL CHECK (amount_paid_cents >= 0),
    currency                   varchar(3)   NOT NULL DEFAULT 'gbp',
    platform_fee_cents         int          NOT NULL DEFAULT 0 CHECK (platform_fee_cents >= 0),
    organization_fee_cents     int          NOT NULL DEFAULT 0 CHECK (organization_fee_cents >= 0),
    creator_payout_cents       int          NOT NULL DEFAULT 0 CHECK (creator_payout_cents >= 0),
    platform_agreement_id      uuid,
    creator_org_agreement_id   uuid,
    stripe_payment_intent_id   varchar(255) NOT NULL UNIQUE,
    status                     varchar(50)  NOT NULL
                          CHECK (status IN ('pending', 'completed', 'partially_refunded', 'refunded', 'failed')),
    purchased_at               timestamptz,
    refunded_at                timestamptz,
    disputed_at                timestamptz,
    refund_reason              text,
    refund_amount_cents        int CHECK (refund_amount_cents BETWEEN 0 AND amount_paid_cents),
    stripe_refund_id           text,
    dispute_reason             text,
    stripe_dispute_id          text,
    created_at                 timestamptz  NOT NULL DEFAULT now(),
    updated_at                 timestamptz  NOT NULL DEFAULT now(),
    CHECK (platform_fee_cents + organization_fee_cents + creator_payout_cents = amount_paid_cents),
    CHECK (organization_id IS NOT NULL OR organization_fee_cents = 0)
);
-- At most one live purchase of a content item by one buyer.
CREATE UNIQUE INDEX purchases_one_live ON purchases (customer_id, content_id)
    WHERE status IN ('completed', 'partially_refunded');
-- GET /purchases: the newest first, all or of a status.
CREATE INDEX purchases_customer ON purchases (customer_id, created_at, id);
CREATE INDEX purchases_customer_status ON purchases (customer_id, status, created_at, id);
-- Serves GET /purchases?contentId= and the check before sold content is deleted.
CREATE INDEX purchases_content ON purchases (content_id);
-- Serves the sales of an organization, the newest first.
CREATE INDEX purchases_organization ON purchases (organization_id, created_at DESC) WHERE organization_id IS NOT NULL;

-- refund_obligations: payments that have to be refunded.
CREATE TABLE refund_obligations (
    purchase_id      uuid PRIMARY KEY REFERENCES payments (purchase_id),
    payment_intent   text        NOT NULL,
    amount_cents     int         NOT NULL CHECK (amount_cents > 0),
    currency         varchar(3)  NOT NULL,
    reason           text        NOT NULL,
    stripe_refund_id text,
    -- The number in the idempotency key: the provider repeats a stored failure for as long
    -- as it keeps the key.
    key_number       int         NOT NULL DEFAULT 1,
    attempts         int         NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT now(),
    last_error       text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    paid_at          timestamptz
);
-- Serves the worker that refunds: what is due.
CREATE INDEX refund_obligations_due ON refund_obligations (next_attempt_at) WHERE paid_at IS NULL;
