// Package postgres keeps users, sessions and verifications in Postgres.
//
// Requests with credentials are written by functions that take a transaction: the edge
// composes them with the outbox rows into one commit (accounts.go, sessions.go,
// verification.go). Commands are read and written by functions that queue on a batch
// (users.go, erasure.go).
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

// UserColumns are the columns that ScanUser reads, from a table or alias named u.
const UserColumns = `u.id, u.name, u.email, u.email_verified, u.pending_email, u.image, u.avatar_url, u.role,
	u.username, u.bio, u.social_links, u.email_marketing, u.email_digest, u.version, u.created_at, u.updated_at`

// ScanUser reads UserColumns, and after them the columns that more points to.
func ScanUser(row pgx.Row, more ...any) (identity.User, error) {
	var u identity.User
	err := row.Scan(append([]any{
		&u.ID, &u.Name, &u.Email, &u.EmailVerified, &u.PendingEmail, &u.Image, &u.AvatarURL, &u.Role, &u.Username, &u.Bio,
		&u.Links, &u.Preferences.Marketing, &u.Preferences.Digest, &u.Version, &u.CreatedAt, &u.UpdatedAt,
	}, more...)...)
	return u, err
}

// InsertUser writes a new account and its password. It returns [identity.ErrEmailInUse] for
// an address that is taken; the transaction has failed then.
func InsertUser(ctx context.Context, tx pgx.Tx, u identity.User, passwordHash, accountID string) error {
	_, err := tx.Exec(ctx, `
INSERT INTO users (id, name, email, email_verified, image, role, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		u.ID, u.Name, u.Email, u.EmailVerified, u.Image, u.Role, u.Version, u.CreatedAt, u.UpdatedAt)
	if postgres.IsUniqueViolation(err, "users_email_key") {
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

// EmailTaken reports whether another account than the user's ("" for a sign-up) has this
// address, or may get it back by undoing a change.
func EmailTaken(ctx context.Context, db postgres.DB, email, userID string, now time.Time) (bool, error) {
	var taken bool
	err := db.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM users WHERE email = $1)
    OR EXISTS (SELECT FROM verification
               WHERE identifier = $1 AND purpose = 'email-undo' AND expires_at > $3 AND user_id <> $2)`,
		email, userID, now).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("look up the address: %w", err)
	}
	return taken, nil
}

// Credentials returns the account of an address and the hash of its password. Both
// are zero when there is no such account, or it has no password.
func Credentials(ctx context.Context, db postgres.DB, email string) (identity.User, string, error) {
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
// changed concurrently.
func ReplaceHash(ctx context.Context, tx pgx.Tx, userID, old, replacement string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE accounts SET password = $3, updated_at = $4
WHERE user_id = $1 AND provider_id = 'credential' AND password = $2`, userID, old, replacement, now)
	if err != nil {
		return fmt.Errorf("replace the hash: %w", err)
	}
	return nil
}

// SetPassword stores the hash of another password. It reports false when the account
// has none to replace.
func SetPassword(ctx context.Context, tx pgx.Tx, userID, hash string, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `UPDATE accounts SET password = $2, updated_at = $3
WHERE user_id = $1 AND provider_id = 'credential' AND password IS NOT NULL`, userID, hash, now)
	if err != nil {
		return false, fmt.Errorf("set the password: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// UserByEmail returns a live account by its address, locked when lock is set. It
// reports false when there is none.
func UserByEmail(ctx context.Context, db postgres.DB, email string, lock bool) (identity.User, bool, error) {
	return oneUser(ctx, db, `u.email = $1`, email, lock)
}

// UserByID returns a live account, locked when lock is set. It reports false when
// there is none.
func UserByID(ctx context.Context, db postgres.DB, id string, lock bool) (identity.User, bool, error) {
	return oneUser(ctx, db, `u.id = $1`, id, lock)
}

func oneUser(ctx context.Context, db postgres.DB, where, key string, lock bool) (identity.User, bool, error) {
	sql := `SELECT ` + UserColumns + ` FROM users u WHERE ` + where + ` AND u.deleted_at IS NULL`
	if lock {
		sql += ` FOR UPDATE`
	}
	u, err := ScanUser(db.QueryRow(ctx, sql, key))
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.User{}, false, nil
	}
	if err != nil {
		return identity.User{}, false, fmt.Errorf("look up the user: %w", err)
	}
	return u, true, nil
}

// UsernameTaken reports whether another live account has this username.
func UsernameTaken(ctx context.Context, db postgres.DB, username, userID string) (bool, error) {
	var taken bool
	err := db.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM users WHERE username = $1 AND id <> $2 AND deleted_at IS NULL)`, username, userID).
		Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("look up the username: %w", err)
	}
	return taken, nil
}

// SaveUser writes the data of an account. It returns [identity.ErrUsernameTaken] or
// [identity.ErrEmailTaken] when another account has taken the username or the address in the
// meantime; the transaction has failed then.
func SaveUser(ctx context.Context, tx pgx.Tx, u identity.User) error {
	_, err := tx.Exec(
		ctx,
		`
UPDATE users SET name = $2, email = $3, email_verified = $4, pending_email = $5, image = $6, role = $7,
       username = $8, bio = $9, social_links = $10, version = $11, updated_at = $12
WHERE id = $1`,
		u.ID,
		u.Name,
		u.Email,
		u.EmailVerified,
		u.PendingEmail,
		u.Image,
		u.Role,
		u.Username,
		u.Bio,
		u.Links,
		u.Version,
		u.UpdatedAt,
	)
	switch {
	case postgres.IsUniqueViolation(err, "users_username"):
		return identity.ErrUsernameTaken
	case postgres.IsUniqueViolation(err, "users_email_key"):
		return identity.ErrEmailTaken
	case err != nil:
		return fmt.Errorf("save the user: %w", err)
	}
	return nil
}
