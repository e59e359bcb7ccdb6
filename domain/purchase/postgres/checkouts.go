// Package postgres keeps checkouts, payments and purchases in Postgres. Its
// functions queue statements on a batch, so that a whole set of commands is read in
// one round trip and written in another, or run one statement in a transaction.
//
// Checkouts are locked first, then payments, by id within each. The lock of a payment's row
// covers its purchase.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/domain/purchase"
)

const checkoutColumns = `id, customer_id, content_id, COALESCE(organization_id::text, ''), creator_id,
	product_name, description, amount_cents, currency, platform_bps, organization_bps,
	success_url, cancel_url, status, attempt, COALESCE(stripe_session_id, ''), COALESCE(session_url, ''),
	created_at, expires_at, version`

func scanCheckout(row pgx.CollectableRow) (purchase.Checkout, error) {
	var c purchase.Checkout
	err := row.Scan(&c.ID, &c.CustomerID, &c.ContentID, &c.OrganizationID, &c.CreatorID,
		&c.ProductName, &c.Description, &c.Amount, &c.Currency, &c.Rates.Platform, &c.Rates.Organization,
		&c.SuccessURL, &c.CancelURL, &c.Status, &c.Attempt, &c.SessionID, &c.SessionURL,
		&c.CreatedAt, &c.ExpiresAt, &c.Version)
	return c, err
}

// Sessions select checkouts by their ids and by the ids of their sessions.
type Sessions struct {
	CheckoutIDs, SessionIDs []string
}

// sessionSQL selects the checkouts of Sessions, which are the parameters $1 and $2.
const sessionSQL = `(id = ANY($1::uuid[]) OR stripe_session_id = ANY($2::text[]))`

// QueueCheckouts queues the read of checkouts, locked.
func QueueCheckouts(b *pgx.Batch, s Sessions, found map[string]purchase.Checkout) {
	b.Queue(`SELECT `+checkoutColumns+` FROM checkouts WHERE `+sessionSQL+` ORDER BY id FOR UPDATE`,
		s.CheckoutIDs, s.SessionIDs).Query(func(rows pgx.Rows) error {
		items, err := pgx.CollectRows(rows, scanCheckout)
		for _, c := range items {
			found[c.ID] = c
		}
		return err
	})
}

// Checkout reads one checkout, locked. It reports false when there is none.
func Checkout(ctx context.Context, tx pgx.Tx, id string) (purchase.Checkout, bool, error) {
	return one(ctx, tx, `SELECT `+checkoutColumns+` FROM checkouts WHERE id = $1 FOR UPDATE`, id)
}

// OpenCheckout reads the checkout of a buyer and a content item that can still be
// paid, locked. It reports false when there is none.
func OpenCheckout(ctx context.Context, tx pgx.Tx, customerID, contentID string) (purchase.Checkout, bool, error) {
	return one(ctx, tx, `
SELECT `+checkoutColumns+` FROM checkouts
WHERE customer_id = $1 AND content_id = $2 AND status IN ('creating', 'open') FOR UPDATE`, customerID, contentID)
}

func one(ctx context.Context, tx pgx.Tx, sql string, args ...any) (purchase.Checkout, bool, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return purchase.Checkout{}, false, fmt.Errorf("read checkout: %w", err)
	}
	c, err := pgx.CollectOneRow(rows, scanCheckout)
	if errors.Is(err, pgx.ErrNoRows) {
		return purchase.Checkout{}, false, nil
	}
	if err != nil {
		return purchase.Checkout{}, false, fmt.Errorf("read checkout: %w", err)
	}
	return c, true, nil
}

// Expiring reads the checkouts of a buyer and a content item that are being closed.
func Expiring(ctx context.Context, tx pgx.Tx, customerID, contentID string) ([]purchase.Checkout, error) {
	rows, err := tx.Query(ctx, `
SELECT `+checkoutColumns+` FROM checkouts
WHERE customer_id = $1 AND content_id = $2 AND status = 'expiring' ORDER BY id`, customerID, contentID)
	if err != nil {
		return nil, fmt.Errorf("read expiring checkouts: %w", err)
	}
	return pgx.CollectRows(rows, scanCheckout)
}

// CloseCheckouts marks the checkouts of a content item, or those of a buyer, that were made
// before a time and can still be paid, and returns all of them that are being closed. An empty
// id selects none.
func CloseCheckouts(
	ctx context.Context, tx pgx.Tx, contentID, customerID string, before, now time.Time,
) ([]purchase.Checkout, error) {
	const chosen = `(content_id = NULLIF($1, '')::uuid OR customer_id = NULLIF($2, ''))`
	if _, err := tx.Exec(ctx, `
UPDATE checkouts SET status = 'expiring', updated_at = $3
WHERE id IN (
    SELECT id FROM checkouts WHERE `+chosen+` AND status IN ('creating', 'open') AND created_at < $4
    ORDER BY id FOR UPDATE)`,
		contentID, customerID, now, before); err != nil {
		return nil, fmt.Errorf("mark checkouts to be closed: %w", err)
	}
	rows, err := tx.Query(ctx, `
SELECT `+checkoutColumns+` FROM checkouts WHERE `+chosen+` AND status = 'expiring' ORDER BY id`, contentID, customerID)
	if err != nil {
		return nil, fmt.Errorf("read closing checkouts: %w", err)
	}
	closing, err := pgx.CollectRows(rows, scanCheckout)
	if err != nil {
		return nil, fmt.Errorf("read closing checkouts: %w", err)
	}
	return closing, nil
}

// InsertCheckout writes a new checkout. It reports false when another transaction wrote
// one of the same buyer and content item that can still be paid.
func InsertCheckout(ctx context.Context, tx pgx.Tx, c purchase.Checkout) (bool, error) {
	tag, err := tx.Exec(ctx, `
INSERT INTO checkouts (id, customer_id, content_id, organization_id, creator_id, product_name, description,
    amount_cents, currency, platform_bps, organization_bps, success_url, cancel_url, status, attempt,
    expires_at, created_at, updated_at)
VALUES ($1, $2, $3, NULLIF($4, '')::uuid, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
ON CONFLICT (customer_id, content_id) WHERE status IN ('creating', 'open') DO NOTHING`,
		c.ID, c.CustomerID, c.ContentID, c.OrganizationID, c.CreatorID, c.ProductName, c.Description,
		c.Amount, c.Currency, c.Rates.Platform, c.Rates.Organization, c.SuccessURL, c.CancelURL, c.Status, c.Attempt,
		c.ExpiresAt, c.CreatedAt)
	if err != nil {
		return false, fmt.Errorf("insert checkout: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

const saveCheckoutSQL = `
UPDATE checkouts SET status = $2, stripe_session_id = NULLIF($3, ''), session_url = NULLIF($4, ''),
    version = $5, updated_at = $6
WHERE id = $1`

// QueueSaveCheckout queues the write of a checkout's status and session.
func QueueSaveCheckout(b *pgx.Batch, c purchase.Checkout, now time.Time) {
	b.Queue(saveCheckoutSQL, c.ID, c.Status, c.SessionID, c.SessionURL, c.Version, now)
}

// SaveCheckout is QueueSaveCheckout for one transaction.
func SaveCheckout(ctx context.Context, tx pgx.Tx, c purchase.Checkout, now time.Time) error {
	if _, err := tx.Exec(ctx, saveCheckoutSQL, c.ID, c.Status, c.SessionID, c.SessionURL, c.Version, now); err != nil {
		return fmt.Errorf("save checkout: %w", err)
	}
	return nil
}

// UseUpAttempt makes a checkout that has no session yet use the next idempotency key,
// unless another process did.
func UseUpAttempt(ctx context.Context, db postgres.Execer, id string, attempt int) error {
	_, err := db.Exec(ctx, `
UPDATE checkouts SET attempt = attempt + 1
WHERE id = $1 AND attempt = $2 AND status = 'creating'`, id, attempt)
	if err != nil {
		return fmt.Errorf("use up the attempt: %w", err)
	}
	return nil
}

// OpenCheckouts reads those of the given checkouts whose end is not recorded.
func OpenCheckouts(ctx context.Context, db postgres.Queryer, s Sessions) ([]purchase.Checkout, error) {
	rows, err := db.Query(ctx, `
SELECT `+checkoutColumns+` FROM checkouts
WHERE `+sessionSQL+` AND status IN ('creating', 'open', 'expiring')`, s.CheckoutIDs, s.SessionIDs)
	if err != nil {
		return nil, fmt.Errorf("read open checkouts: %w", err)
	}
	return pgx.CollectRows(rows, scanCheckout)
}

// ClaimOverdue returns checkouts whose end was not reported: those that ended, or were
// marked to be closed, before a time. Those that were not claimed for longest come first,
// and none is claimed twice at the same now: so all get their turn, also when some fail
// every time.
func ClaimOverdue(
	ctx context.Context, db postgres.Queryer, before, now time.Time, limit int,
) ([]purchase.Checkout, error) {
	rows, err := db.Query(ctx, `
UPDATE checkouts SET checked_at = $2
WHERE id IN (
    SELECT id FROM checkouts
    WHERE status IN ('creating', 'open', 'expiring')
      AND (expires_at < $1 OR status = 'expiring' AND updated_at < $1)
      AND (checked_at IS NULL OR checked_at < $2)
    ORDER BY checked_at NULLS FIRST, expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING `+checkoutColumns, before, now, limit)
	if err != nil {
		return nil, fmt.Errorf("claim overdue checkouts: %w", err)
	}
	overdue, err := pgx.CollectRows(rows, scanCheckout)
	if err != nil {
		return nil, fmt.Errorf("claim overdue checkouts: %w", err)
	}
	return overdue, nil
}
