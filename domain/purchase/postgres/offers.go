package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/domain/purchase"
)

// Offer reads a content item to be bought, locked against changes: when it is withdrawn
// afterwards, the checkout is there to be closed. It reports false when there is none.
func Offer(ctx context.Context, tx pgx.Tx, contentID string) (purchase.Offer, bool, error) {
	var o purchase.Offer
	var price *int64
	err := tx.QueryRow(ctx, `
SELECT id, creator_id, COALESCE(organization_id::text, ''), deleted_at IS NOT NULL, title, COALESCE(description, ''),
       status = 'published', access_type, price_cents, currency
FROM content WHERE id = $1 FOR SHARE`, contentID).
		Scan(&o.ID, &o.CreatorID, &o.OrganizationID, &o.Deleted, &o.Title, &o.Description,
			&o.Published, &o.AccessType, &price, &o.Currency)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, false, nil
	}
	if err != nil {
		return o, false, fmt.Errorf("read offer: %w", err)
	}
	if price != nil {
		o.HasPrice, o.Price = true, money.Cents(*price)
	}
	return o, true, nil
}

// Customer is a buyer with their customer at the payment provider.
type Customer struct {
	UserID, Email string
	// StripeID is empty before the first use.
	StripeID string
}

// CustomerOf reads a buyer. It reports false when the account was deleted.
func CustomerOf(ctx context.Context, tx pgx.Tx, userID string) (c Customer, found bool, err error) {
	err = tx.QueryRow(ctx, `
SELECT id, email, COALESCE(stripe_customer_id, '') FROM users WHERE id = $1 AND deleted_at IS NULL
FOR KEY SHARE`, userID).
		Scan(&c.UserID, &c.Email, &c.StripeID)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("read buyer: %w", err)
	}
	return c, true, nil
}

// Owns reports whether a buyer owns a content item.
func Owns(ctx context.Context, tx pgx.Tx, userID, contentID string) (owned bool, err error) {
	err = tx.QueryRow(ctx, `
SELECT EXISTS (
    SELECT FROM purchases
    WHERE customer_id = $1 AND content_id = $2 AND status IN ('completed', 'partially_refunded'))`,
		userID, contentID).Scan(&owned)
	if err != nil {
		return false, fmt.Errorf("read ownership: %w", err)
	}
	return owned, nil
}

// KeepCustomer stores the provider's customer of a buyer in place of a stale one, "" for
// none, and returns the stored one: another process may have stored another, or the
// account may be deleted ([purchase.ErrBuyerNotFound]). A customer that is not stored is
// to be erased at the provider.
func KeepCustomer(
	ctx context.Context, db postgres.RowQueryer, userID, stale, created string,
) (kept string, err error) {
	err = db.QueryRow(ctx, `
WITH kept AS (
    UPDATE users SET stripe_customer_id =
        CASE WHEN COALESCE(stripe_customer_id, '') = $2 THEN $3 ELSE stripe_customer_id END
    WHERE id = $1 AND deleted_at IS NULL RETURNING stripe_customer_id
), unused AS (
    INSERT INTO customer_erasures (stripe_customer_id)
    SELECT $3 WHERE NOT EXISTS (SELECT FROM kept WHERE stripe_customer_id = $3)
    ON CONFLICT (stripe_customer_id) DO NOTHING
)
SELECT stripe_customer_id FROM kept`, userID, stale, created).Scan(&kept)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", purchase.ErrBuyerNotFound
	}
	if err != nil {
		return "", fmt.Errorf("keep customer: %w", err)
	}
	return kept, nil
}

// QueueContent queues the read of content items by their ids and by their checkouts.
func QueueContent(b *pgx.Batch, ids []string, s Sessions, found map[string]purchase.Content) {
	b.Queue(`
SELECT id, creator_id, COALESCE(organization_id::text, ''), deleted_at IS NOT NULL, access_type,
       price_cents IS NOT NULL, COALESCE(price_cents, 0), currency
FROM content
WHERE id = ANY($3::uuid[] || ARRAY(SELECT content_id FROM checkouts WHERE `+sessionSQL+`))`,
		s.CheckoutIDs, s.SessionIDs, ids).Query(func(rows pgx.Rows) error {
		var c purchase.Content
		targets := []any{
			&c.ID, &c.CreatorID, &c.OrganizationID, &c.Deleted, &c.AccessType, &c.HasPrice, &c.Price, &c.Currency,
		}
		_, err := pgx.ForEachRow(rows, targets, func() error {
			found[c.ID] = c
			return nil
		})
		return err
	})
}

// QueueInstallation queues the read of the id of the database.
func QueueInstallation(b *pgx.Batch, id *string) {
	b.Queue(`SELECT id::text FROM installation`).QueryRow(func(row pgx.Row) error { return row.Scan(id) })
}

// Installation returns the id of the database.
func Installation(ctx context.Context, db postgres.RowQueryer) (id string, err error) {
	if err := db.QueryRow(ctx, `SELECT id::text FROM installation`).Scan(&id); err != nil {
		return "", fmt.Errorf("read the installation: %w", err)
	}
	return id, nil
}

// QueueBuyers queues the read of the accounts of buyers, by their ids and by their
// checkouts: those that exist are in found, with false for a deleted one. A deletion waits for
// the end of the transaction.
func QueueBuyers(b *pgx.Batch, ids []string, s Sessions, found map[string]bool) {
	b.Queue(`
SELECT u.id, u.deleted_at IS NULL
FROM (SELECT DISTINCT id FROM unnest($3::text[] || ARRAY(SELECT customer_id FROM checkouts WHERE `+sessionSQL+`))
      AS named (id) ORDER BY id) AS w
CROSS JOIN LATERAL (SELECT id, deleted_at FROM users WHERE id = w.id LIMIT 1 FOR KEY SHARE) u`,
		s.CheckoutIDs, s.SessionIDs, ids).Query(func(rows pgx.Rows) error {
		var id string
		var active bool
		_, err := pgx.ForEachRow(rows, []any{&id, &active}, func() error {
			found[id] = active
			return nil
		})
		return err
	})
}

// Ownership is a buyer and a content item.
type Ownership struct{ CustomerID, ContentID string }

// QueueLive queues the read of the payment intents through which buyers own content: by
// pairs, by checkouts, and for the sales of payments.
func QueueLive(b *pgx.Batch, pairs []Ownership, s Sessions, intents []string, found map[Ownership]string) {
	customers, contents := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		customers[i], contents[i] = p.CustomerID, p.ContentID
	}
	b.Queue(`
SELECT customer_id, content_id, stripe_payment_intent_id FROM purchases
WHERE status IN ('completed', 'partially_refunded') AND (customer_id, content_id) IN (
    SELECT customer, content FROM unnest($3::text[], $4::uuid[]) AS pairs (customer, content)
    UNION ALL SELECT customer_id, content_id FROM checkouts WHERE `+sessionSQL+`
    UNION ALL SELECT customer_id, content_id FROM payments
        WHERE payment_intent = ANY($5::text[]) AND outcome = 'purchase')`,
		s.CheckoutIDs, s.SessionIDs, customers, contents, intents).Query(func(rows pgx.Rows) error {
		var o Ownership
		var intent string
		_, err := pgx.ForEachRow(rows, []any{&o.CustomerID, &o.ContentID, &intent}, func() error {
			found[o] = intent
			return nil
		})
		return err
	})
}
