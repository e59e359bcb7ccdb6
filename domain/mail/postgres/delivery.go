package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/postgres"
)

// DueMail is a mail that a mailer has claimed.
type DueMail struct {
	mail.Mail
	// Attempts counts this one.
	Attempts int
}

// Claim claims up to limit due mails for the duration of lease, oldest first; mails that
// another mailer has claimed are skipped. A mail that is still pending when its lease is
// over is due again: the mailer that claimed it has died.
func Claim(ctx context.Context, db postgres.Queryer, limit int, lease time.Duration, now time.Time) ([]DueMail, error) {
	rows, err := db.Query(ctx, `
UPDATE mails m SET attempts = m.attempts + 1, next_attempt_at = $2
FROM (SELECT id FROM mails WHERE status = 'pending' AND next_attempt_at <= $1
      ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED) due
WHERE m.id = due.id
RETURNING m.id, m.template, m.recipient, COALESCE(m.user_id, ''), m.source_id, m.subject, m.text_body, m.html_body,
          m.created_at, m.attempts`,
		now, now.Add(lease), limit)
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (DueMail, error) {
		var d DueMail
		err := row.Scan(append(fields(&d.Mail), &d.Attempts)...)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	return due, nil
}

// MarkSent records the delivery of a mail. Its bodies are blanked with forget.
func MarkSent(ctx context.Context, db postgres.Execer, id string, forget bool, now time.Time) error {
	_, err := db.Exec(ctx, `
UPDATE mails SET status = 'sent', sent_at = $2, error = NULL,
       text_body = CASE WHEN $3 THEN '' ELSE text_body END, html_body = CASE WHEN $3 THEN '' ELSE html_body END
WHERE id = $1 AND status = 'pending'`, id, now, forget)
	if err != nil {
		return fmt.Errorf("mark mail sent: %w", err)
	}
	return nil
}

// Postpone records why a mail was not delivered and when it is due again.
func Postpone(ctx context.Context, db postgres.Execer, id, reason string, due time.Time) error {
	_, err := db.Exec(ctx, `
UPDATE mails SET error = left($2, 1000), next_attempt_at = $3 WHERE id = $1 AND status = 'pending'`, id, reason, due)
	if err != nil {
		return fmt.Errorf("postpone mail: %w", err)
	}
	return nil
}

// MarkFailed records that a mail will not be delivered. Its bodies are blanked with forget.
func MarkFailed(ctx context.Context, db postgres.Execer, id, reason string, forget bool) error {
	_, err := db.Exec(ctx, `
UPDATE mails SET status = 'failed', error = left($2, 1000),
       text_body = CASE WHEN $3 THEN '' ELSE text_body END, html_body = CASE WHEN $3 THEN '' ELSE html_body END
WHERE id = $1 AND status = 'pending'`, id, reason, forget)
	if err != nil {
		return fmt.Errorf("mark mail failed: %w", err)
	}
	return nil
}

// Restart makes a mail due that was given up, with all its attempts. It reports false when
// there is none, or when its bodies were blanked.
func Restart(ctx context.Context, db postgres.Execer, id string, now time.Time) (bool, error) {
	tag, err := db.Exec(ctx, `
UPDATE mails SET status = 'pending', attempts = 0, next_attempt_at = $2
WHERE id::text = $1 AND status = 'failed' AND text_body <> ''`, id, now)
	if err != nil {
		return false, fmt.Errorf("restart mail: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// MarkDueSent marks every due mail as sent, without a delivery, and returns how many. The
// mailbox page shows them.
func MarkDueSent(ctx context.Context, db postgres.Execer, now time.Time) (int64, error) {
	tag, err := db.Exec(ctx, `UPDATE mails SET status = 'sent', sent_at = $1, attempts = attempts + 1
WHERE status = 'pending' AND next_attempt_at <= $1`, now)
	if err != nil {
		return 0, fmt.Errorf("mark due mails sent: %w", err)
	}
	return tag.RowsAffected(), nil
}
