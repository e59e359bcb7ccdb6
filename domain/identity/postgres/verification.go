package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/postgres"
)

// InsertVerification writes a verification whose token is mailed. It returns
// [identity.ErrUserNotFound] for a deleted account; a deletion waits for the end of the
// transaction.
func InsertVerification(ctx context.Context, tx pgx.Tx, v identity.Verification) error {
	tag, err := tx.Exec(ctx, `
INSERT INTO verification (id, purpose, user_id, identifier, value, expires_at, created_at)
SELECT $1, $2, id, $4, $5, $6, $7 FROM users WHERE id = $3 AND deleted_at IS NULL FOR KEY SHARE`,
		v.ID, v.Purpose, v.UserID, v.Email, v.Hash[:], v.ExpiresAt, v.CreatedAt)
	if err != nil {
		return fmt.Errorf("insert verification: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return identity.ErrUserNotFound
	}
	return nil
}

const verificationColumns = `id, purpose, user_id, identifier, expires_at, created_at`

func scanVerification(row pgx.Row) (identity.Verification, bool, error) {
	var v identity.Verification
	err := row.Scan(&v.ID, &v.Purpose, &v.UserID, &v.Email, &v.ExpiresAt, &v.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.Verification{}, false, nil
	}
	return v, err == nil, err
}

// PeekVerification returns the verification of a token, without using it up. It reports
// false when the token is wrong, for another purpose, was used, or has expired.
func PeekVerification(
	ctx context.Context, db postgres.DB, token identity.Token, now time.Time, purposes ...identity.Purpose,
) (identity.Verification, bool, error) {
	hash := token.Hash()
	v, found, err := scanVerification(db.QueryRow(ctx, `SELECT `+verificationColumns+` FROM verification
WHERE value = $1 AND purpose = ANY($2::text[]) AND expires_at > $3 AND user_id IS NOT NULL`, hash[:], purposes, now))
	if err != nil {
		return identity.Verification{}, false, fmt.Errorf("look up the verification: %w", err)
	}
	return v, found, nil
}

// TakeVerification uses a token up and returns its verification. The account's other tokens
// for the same purpose are used up with it; of those that undo changes of address only the
// later ones, so that undoing a change of a thief's leaves the owner's token. It reports false
// as [PeekVerification] does. The account is locked before its tokens, in the order of all
// writers.
func TakeVerification(
	ctx context.Context, tx pgx.Tx, token identity.Token, now time.Time, purposes ...identity.Purpose,
) (identity.Verification, bool, error) {
	v, found, err := PeekVerification(ctx, tx, token, now, purposes...)
	if err != nil || !found {
		return v, false, err
	}
	if _, err := tx.Exec(ctx, `SELECT FROM users WHERE id = $1 FOR UPDATE`, v.UserID); err != nil {
		return v, false, fmt.Errorf("lock the account: %w", err)
	}
	tag, err := tx.Exec(ctx, `DELETE FROM verification WHERE id = $1`, v.ID)
	if err != nil {
		return v, false, fmt.Errorf("take the verification: %w", err)
	}
	if tag.RowsAffected() == 0 { // used by a concurrent request
		return identity.Verification{}, false, nil
	}
	if v.Purpose != identity.UndoEmail {
		return v, true, DropVerifications(ctx, tx, v.UserID, v.Purpose)
	}
	_, err = tx.Exec(ctx, `DELETE FROM verification WHERE user_id = $1 AND purpose = $2 AND created_at >= $3`,
		v.UserID, v.Purpose, v.CreatedAt)
	if err != nil {
		return v, false, fmt.Errorf("drop later undo tokens: %w", err)
	}
	return v, true, nil
}

// DropVerifications invalidates an account's tokens for these purposes.
func DropVerifications(ctx context.Context, tx pgx.Tx, userID string, purposes ...identity.Purpose) error {
	_, err := tx.Exec(ctx, `DELETE FROM verification WHERE user_id = $1 AND purpose = ANY($2::text[])`, userID, purposes)
	if err != nil {
		return fmt.Errorf("drop verifications: %w", err)
	}
	return nil
}

// InsertForAccount writes a verification for the live account that has its address, and
// returns it with the account's id; to verify an address, only while that is not verified.
// Where there is no such account the row is written without an address and removed again in
// the same transaction, and is returned without an address and an id: the statements are
// the same in both cases, because the time they take must not reveal which accounts exist.
func InsertForAccount(ctx context.Context, tx pgx.Tx, v identity.Verification) (identity.Verification, error) {
	b := &pgx.Batch{}
	b.Queue(`
INSERT INTO verification (id, purpose, user_id, identifier, value, expires_at, created_at)
SELECT $1, $2, u.id, COALESCE(u.email, ''), $4, $5, $6
FROM (SELECT) AS asked LEFT JOIN LATERAL (
    SELECT id, email FROM users
    WHERE email = $3 AND deleted_at IS NULL AND NOT ($2 = 'email' AND email_verified) FOR KEY SHARE) u ON true
RETURNING COALESCE(user_id, ''), identifier`,
		v.ID, v.Purpose, v.Email, v.Hash[:], v.ExpiresAt, v.CreatedAt).
		QueryRow(func(row pgx.Row) error { return row.Scan(&v.UserID, &v.Email) })
	b.Queue(`DELETE FROM verification WHERE id = $1 AND user_id IS NULL`, v.ID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return identity.Verification{}, fmt.Errorf("insert for an account: %w", err)
	}
	return v, nil
}
