-- +goose Up

-- When the reconciliation last asked the provider about a checkout whose end was not
-- reported: those that wait longest come first.
ALTER TABLE checkouts ADD COLUMN checked_at timestamptz;

-- Why a payment is refunded, for the operator: what was expected and what was paid. It
-- names no person.
ALTER TABLE refund_obligations ADD COLUMN detail text;
