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
    status            varchar(20)  NOT NULL CHECK (status IN ('creating', 'open', 'completed', 'expired', 'failed')),
    -- How many idempotency keys were used: the provider's answer to one may be lost for good.
    attempt           int          NOT NULL DEFAULT 1,
    stripe_session_id varchar(255) UNIQUE,
    session_url       text,
    expires_at        timestamptz  NOT NULL,
    version           bigint       NOT NULL DEFAULT 0,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    updated_at        timestamptz  NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX checkouts_one_open ON checkouts (customer_id, content_id) WHERE status IN ('creating', 'open');
CREATE INDEX checkouts_waiting ON checkouts (expires_at) WHERE status IN ('creating', 'open');

-- stripe_events: every webhook with a valid signature, as it came, before the 200.
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
CREATE INDEX stripe_events_open ON stripe_events (received_at) WHERE processed_at IS NULL;

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
    -- Set by refunds: the total given back so far.
    refunded_cents  int         NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),
    refunded_at     timestamptz,
    refund_id       text,
    refund_reason   text,
    -- Set by disputes.
    dispute_id      text,
    dispute_reason  text,
    disputed_at     timestamptz,
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
    status                     varchar(50)  NOT NULL CHECK (status IN ('pending', 'completed', 'partially_refunded', 'refunded', 'failed')),
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
CREATE INDEX purchases_customer ON purchases (customer_id, created_at DESC, id);
CREATE INDEX purchases_content ON purchases (content_id);
CREATE INDEX purchases_organization ON purchases (organization_id, created_at DESC) WHERE organization_id IS NOT NULL;

-- refund_obligations: a payment that must be given back, until it was.
CREATE TABLE refund_obligations (
    purchase_id      uuid PRIMARY KEY REFERENCES payments (purchase_id),
    payment_intent   text        NOT NULL,
    amount_cents     int         NOT NULL CHECK (amount_cents > 0),
    currency         varchar(3)  NOT NULL,
    reason           text        NOT NULL,
    stripe_refund_id text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    paid_at          timestamptz
);
CREATE INDEX refund_obligations_open ON refund_obligations (created_at) WHERE paid_at IS NULL;

-- content_access: grants. One row per source; access is the union of the live ones.
CREATE TABLE content_access (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         text        NOT NULL REFERENCES users ON DELETE CASCADE,
    content_id      uuid        NOT NULL REFERENCES content ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    access_type     varchar(50) NOT NULL CHECK (access_type IN ('purchased', 'subscription', 'complimentary', 'preview')),
    -- What the grant rests on: the purchase, the subscription, who gave it.
    source_id       text        NOT NULL DEFAULT '',
    expires_at      timestamptz,
    deleted_at      timestamptz,
    revoked_reason  text,
    version         bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, content_id, access_type, source_id)
);
CREATE INDEX content_access_library ON content_access (user_id, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX content_access_content ON content_access (content_id) WHERE deleted_at IS NULL;

CREATE TABLE video_playback (
    id               uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id          text        NOT NULL REFERENCES users ON DELETE CASCADE,
    content_id       uuid        NOT NULL REFERENCES content ON DELETE CASCADE,
    position_seconds int         NOT NULL DEFAULT 0 CHECK (position_seconds >= 0),
    duration_seconds int         NOT NULL CHECK (duration_seconds >= 0),
    completed        bool        NOT NULL DEFAULT false,
    version          bigint      NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, content_id)
);
CREATE INDEX playback_recent ON video_playback (user_id, updated_at DESC);
