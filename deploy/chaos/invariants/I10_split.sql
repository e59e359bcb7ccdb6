-- wrong
-- The platform gets its rate of the amount, the organization its rate of the rest, both rounded
-- up, and the creator what is left.
WITH expected AS (
    SELECT p.id, p.platform_fee_cents, p.organization_fee_cents, platform.cents AS platform,
           CASE WHEN p.organization_id IS NULL THEN 0
                ELSE ceil((p.amount_paid_cents - platform.cents) * c.organization_bps / 10000.0) END AS organization
    FROM purchases p
    JOIN checkouts c ON c.id = p.checkout_id,
         LATERAL (SELECT ceil(p.amount_paid_cents * c.platform_bps / 10000.0) AS cents) platform
)
SELECT id::text, format('%s and %s, expected %s and %s', platform_fee_cents, organization_fee_cents,
                        platform, organization)
FROM expected
WHERE platform_fee_cents <> platform OR organization_fee_cents <> organization
