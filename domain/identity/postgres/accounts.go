// Package postgres keeps users, sessions, verifications, limits, mails and
// organizations in Postgres.
//
// What carries credentials is written by functions that take a transaction: the
// edge composes them with the outbox rows into one commit (accounts.go,
// sessions.go, limits.go, mails.go). What is asked for by a command is read and
// written by functions that queue on a batch (users.go, organizations.go).
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/codex-platform/codex/domain/identity"
)

// Querier is a pool or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// UserColumns are the columns that ScanUser reads, from a table or alias named u.
const UserColumns = `u.id, u.name, u.email, u.email_verified, u.image, u.avatar_url, u.role, u.username, u.bio, u.social_links,
	u.version, u.created_at, u.updated_at`

// ScanUser reads UserColumns, and after them the columns that more points to.
func ScanUser(row pgx.Row, more ...any) (identity.User, error) {
	var u identity.User
	err := row.Scan(append([]any{
		&u.ID, &u.Name, &u.Email, &u.EmailVerified, &u.Image, &u.AvatarURL, &u.Role, &u.Username, &u.Bio, &u.Links,
		&u.Version, &u.CreatedAt, &u.UpdatedAt,
	}, more...)...)
	return u, err
}

// InsertUser writes a new account and its password. An address that is taken is
// refused with identity.ErrEmailInUse; the transaction is lost then.
func InsertUser(ctx context.Context, tx pgx.Tx, u identity.User, passwordHash, accountID string) error {
	_, err := tx.Exec(ctx, `
INSERT INTO users (id, name, email, email_verified, role, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		u.ID, u.Name, u.Email, u.EmailVerified, u.Role, u.Version, u.CreatedAt, u.UpdatedAt)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "users_email_key" {
		return identity.ErrEmailInUse
	}
	if err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	_, err = tx.Exec(ctx, `
INSERT INTO accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
VALUES ($1, $2, 'credential', $2, $3, $4, $4)`, accountID, u.ID, passwordHash, u.CreatedAt)
	if err != nil {
		return fmt.Errorf("insert account: %w", err)
	}
	return nil
}

// EmailTaken reports whether an account has this address.
func EmailTaken(ctx context.Context, db Querier, email string) (bool, error) {
	var taken bool
	if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM users WHERE email = $1)`, email).Scan(&taken); err != nil {
		return false, fmt.Errorf("look up the address: %w", err)
	}
	return taken, nil
}

// Credentials returns the account of an address and the hash of its password. Both
// are zero when there is no such account, or it has no password.
func Credentials(ctx context.Context, db Querier, email string) (identity.User, string, error) {
	var hash string
	u, err := ScanUser(db.QueryRow(ctx, `SELECT `+UserColumns+`, a.password
FROM users u JOIN accounts a ON a.user_id = u.id AND a.provider_id = 'credential'
WHERE u.email = $1 AND u.deleted_at IS NULL AND a.password IS NOT NULL`, email), &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.User{}, "", nil
	}
	if err != nil {
		return identity.User{}, "", fmt.Errorf("look up the credentials: %w", err)
	}
	return u, hash, nil
}

// ReplaceHash stores a stronger hash of the same password, unless the password was
// changed meanwhile.
func ReplaceHash(ctx context.Context, tx pgx.Tx, userID, old, replacement string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE accounts SET password = $3, updated_at = $4
WHERE user_id = $1 AND provider_id = 'credential' AND password = $2`, userID, old, replacement, now)
	if err != nil {
		return fmt.Errorf("replace the hash: %w", err)
	}
	return nil
}

// UserByEmail returns a live account by its address, locked when lock is set. It
// reports false when there is none.
func UserByEmail(ctx context.Context, db Querier, email string, lock bool) (identity.User, bool, error) {
	sql := `SELECT ` + UserColumns + ` FROM users u WHERE u.email = $1 AND u.deleted_at IS NULL`
	if lock {
		sql += ` FOR UPDATE`
	}
	u, err := ScanUser(db.QueryRow(ctx, sql, email))
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.User{}, false, nil
	}
	if err != nil {
		return identity.User{}, false, fmt.Errorf("look up the user: %w", err)
	}
	return u, true, nil
}

// SaveVerified writes that an address is proven.
func SaveVerified(ctx context.Context, tx pgx.Tx, u identity.User) error {
	_, err := tx.Exec(ctx, `UPDATE users SET email_verified = $2, version = $3, updated_at = $4 WHERE id = $1`,
		u.ID, u.EmailVerified, u.Version, u.UpdatedAt)
	if err != nil {
		return fmt.Errorf("save the verified user: %w", err)
	}
	return nil
}

// InsertVerification writes a proof that waits in a mail.
func InsertVerification(ctx context.Context, tx pgx.Tx, v identity.Verification) error {
	_, err := tx.Exec(ctx, `
INSERT INTO verification (id, purpose, identifier, value, expires_at, created_at) VALUES ($1, 'email', $2, $3, $4, $5)`,
		v.ID, v.Email, v.Hash[:], v.ExpiresAt, v.CreatedAt)
	if err != nil {
		return fmt.Errorf("insert verification: %w", err)
	}
	return nil
}

// TakeVerification uses a token up and returns the address it proves. The
// address's other tokens are used up with it. It reports false when the token is
// wrong, was used, or is too old.
func TakeVerification(ctx context.Context, tx pgx.Tx, token identity.Token, now time.Time) (email string, found bool, err error) {
	hash := token.Hash()
	err = tx.QueryRow(ctx, `DELETE FROM verification WHERE value = $1 AND purpose = 'email' AND expires_at > $2 RETURNING identifier`,
		hash[:], now).Scan(&email)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM verification WHERE identifier = $1 AND purpose = 'email'`, email)
	}
	if err != nil {
		return "", false, fmt.Errorf("take the verification: %w", err)
	}
	return email, true, nil
}
