-- wrong
-- The shares of a sale sum to its amount, none is negative, and no more is refunded than was
-- paid.
SELECT id::text, format('%s + %s + %s of %s, refunded %s', platform_fee_cents, organization_fee_cents,
                        creator_payout_cents, amount_paid_cents, refund_amount_cents)
FROM purchases
WHERE platform_fee_cents + organization_fee_cents + creator_payout_cents <> amount_paid_cents
   OR least(platform_fee_cents, organization_fee_cents, creator_payout_cents) < 0
   OR coalesce(refund_amount_cents, 0) NOT BETWEEN 0 AND amount_paid_cents
   OR (organization_id IS NULL AND organization_fee_cents <> 0)
