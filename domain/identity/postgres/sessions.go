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

// InsertSession writes a session; of its token only the hash.
func InsertSession(ctx context.Context, tx pgx.Tx, s identity.Session, token identity.Token) error {
	hash := token.Hash()
	_, err := tx.Exec(ctx, `
INSERT INTO sessions (id, token_hash, user_id, ip_address, user_agent, persistent, expires_at, created_at, updated_at,
                      authenticated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		s.ID, hash[:], s.UserID, s.Address, s.UserAgent, s.Persistent, s.ExpiresAt, s.CreatedAt, s.UpdatedAt,
		s.AuthenticatedAt)
	if err != nil {
		return fmt.Errorf("insert session: %w", err)
	}
	return nil
}

// DeleteSessions ends a user's sessions, all but the one with id except ("" for none),
// and returns them.
func DeleteSessions(ctx context.Context, tx pgx.Tx, userID, except string) ([]identity.Session, error) {
	rows, err := tx.Query(ctx, `
DELETE FROM sessions s WHERE s.user_id = $1 AND s.id <> $2 RETURNING `+sessionColumns, userID, except)
	if err != nil {
		return nil, fmt.Errorf("delete sessions: %w", err)
	}
	return collectSessions(rows)
}

// DeleteOwnSession ends the session of a user that has this id, or the token with this
// hash. It reports false when the user has no such session.
func DeleteOwnSession(
	ctx context.Context, tx pgx.Tx, userID, id string, hash [32]byte,
) (identity.Session, bool, error) {
	s, err := scanSession(tx.QueryRow(ctx, `DELETE FROM sessions s
WHERE s.user_id = $1 AND (s.id = $2 OR s.token_hash = $3) RETURNING `+sessionColumns, userID, id, hash[:]))
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.Session{}, false, nil
	}
	if err != nil {
		return identity.Session{}, false, fmt.Errorf("delete session: %w", err)
	}
	return s, true, nil
}

// Sessions returns a user's live sessions, the last used first.
func Sessions(ctx context.Context, db postgres.DB, userID string, now time.Time) ([]identity.Session, error) {
	rows, err := db.Query(ctx, `SELECT `+sessionColumns+` FROM sessions s
WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.updated_at DESC, s.id`, userID, now)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return collectSessions(rows)
}

func collectSessions(rows pgx.Rows) ([]identity.Session, error) {
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (identity.Session, error) { return scanSession(row) })
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return list, nil
}

// RotateSession gives a session another token; the old one is invalid.
func RotateSession(ctx context.Context, tx pgx.Tx, id string, token identity.Token, now time.Time) error {
	hash := token.Hash()
	_, err := tx.Exec(ctx, `UPDATE sessions SET token_hash = $2, updated_at = $3 WHERE id = $1`, id, hash[:], now)
	if err != nil {
		return fmt.Errorf("rotate session: %w", err)
	}
	return nil
}

const sessionColumns = `s.id, s.user_id, COALESCE(s.ip_address, ''), COALESCE(s.user_agent, ''), s.persistent,
	s.expires_at, s.created_at, s.updated_at, COALESCE(s.authenticated_at, s.created_at)`

func scanSession(row pgx.Row) (identity.Session, error) {
	var s identity.Session
	err := row.Scan(sessionFields(&s)...)
	return s, err
}

func sessionFields(s *identity.Session) []any {
	return []any{
		&s.ID, &s.UserID, &s.Address, &s.UserAgent, &s.Persistent, &s.ExpiresAt, &s.CreatedAt, &s.UpdatedAt,
		&s.AuthenticatedAt,
	}
}

// Session returns a session and its user. It reports false when either does not exist.
func Session(ctx context.Context, db postgres.DB, id string) (identity.Session, identity.User, bool, error) {
	var s identity.Session
	u, err := ScanUser(db.QueryRow(ctx, `SELECT `+UserColumns+`, `+sessionColumns+`
FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND u.deleted_at IS NULL`, id), sessionFields(&s)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.Session{}, identity.User{}, false, nil
	}
	if err != nil {
		return identity.Session{}, identity.User{}, false, fmt.Errorf("read session: %w", err)
	}
	return s, u, true, nil
}

// Reauthenticated records that the user of a session has proved the password in it.
func Reauthenticated(ctx context.Context, db postgres.DB, id string, now time.Time) error {
	_, err := db.Exec(ctx, `UPDATE sessions SET authenticated_at = $2 WHERE id = $1`, id, now)
	if err != nil {
		return fmt.Errorf("record the re-authentication of a session: %w", err)
	}
	return nil
}

// ExtendSession moves the end of a session to a later time. Of several concurrent requests
// one writes; it reports whether this one did.
func ExtendSession(ctx context.Context, db postgres.DB, s identity.Session, end, now time.Time) (bool, error) {
	tag, err := db.Exec(ctx, `UPDATE sessions SET expires_at = $3, updated_at = $4 WHERE id = $1 AND expires_at = $2`,
		s.ID, s.ExpiresAt, end, now)
	if err != nil {
		return false, fmt.Errorf("extend session: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
