-- +goose Up

-- 'expiring': replaced by another checkout, and being closed at the provider. It is
-- outside checkouts_one_open, so the replacement can be written in the same
-- transaction. What the buyer sees at the provider is frozen like the price: the
-- provider refuses an idempotency key that comes back with other parameters.
ALTER TABLE checkouts DROP CONSTRAINT checkouts_status_check;
ALTER TABLE checkouts ADD CONSTRAINT checkouts_status_check
    CHECK (status IN ('creating', 'open', 'expiring', 'completed', 'expired', 'failed'));
ALTER TABLE checkouts ADD COLUMN product_name text NOT NULL DEFAULT '';
ALTER TABLE checkouts ADD COLUMN description text NOT NULL DEFAULT '';
DROP INDEX checkouts_waiting;
CREATE INDEX checkouts_waiting ON checkouts (expires_at) WHERE status IN ('creating', 'open', 'expiring');
CREATE INDEX checkouts_expiring ON checkouts (customer_id, content_id) WHERE status = 'expiring';

ALTER TABLE payments ADD COLUMN dispute_closed_at timestamptz;

-- When an obligation is tried next, and the number in its idempotency key: the
-- provider repeats a stored failure for as long as it keeps the key.
ALTER TABLE refund_obligations ADD COLUMN attempts int NOT NULL DEFAULT 0;
ALTER TABLE refund_obligations ADD COLUMN key_number int NOT NULL DEFAULT 1;
ALTER TABLE refund_obligations ADD COLUMN next_attempt_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE refund_obligations ADD COLUMN last_error text;
DROP INDEX refund_obligations_open;
CREATE INDEX refund_obligations_due ON refund_obligations (next_attempt_at) WHERE paid_at IS NULL;

-- How far the list of the provider's events was compared with stripe_events, and
-- who is at it.
CREATE TABLE stripe_watermark (
    singleton  bool PRIMARY KEY DEFAULT true CHECK (singleton),
    seen_until timestamptz,
    claimed_at timestamptz
);
INSERT INTO stripe_watermark DEFAULT VALUES;
