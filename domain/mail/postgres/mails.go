// Package postgres keeps mails until they are delivered, in the table mails.
package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail"
)

const insertMail = `
INSERT INTO mails (id, template, recipient, user_id, source_id, subject, text_body, html_body, next_attempt_at, created_at)
VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6, $7, $8, $9, $9)
ON CONFLICT (template, recipient, source_id) DO NOTHING`

// InsertMail writes a mail for the mailer to deliver. A mail of the same template
// to the same recipient about the same source exists only once.
func InsertMail(ctx context.Context, tx pgx.Tx, m mail.Mail) error {
	_, err := tx.Exec(ctx, insertMail,
		m.ID, m.Template, m.Recipient, m.UserID, m.SourceID, m.Subject, m.Text, m.HTML, m.Created)
	if err != nil {
		return fmt.Errorf("insert mail: %w", err)
	}
	return nil
}

// QueueMails queues the writes of mails for the mailer to deliver. A mail of the
// same template to the same recipient about the same source exists only once.
func QueueMails(b *pgx.Batch, mails []mail.Mail) {
	for _, m := range mails {
		b.Queue(insertMail, m.ID, m.Template, m.Recipient, m.UserID, m.SourceID, m.Subject, m.Text, m.HTML, m.Created)
	}
}

// DueMail is a mail that a mailer has claimed.
type DueMail struct {
	mail.Mail
	// Attempts counts this one.
	Attempts int
}

// ClaimMails claims up to limit due mails for lease, oldest first; what another
// mailer has claimed is passed over. When the lease is over and the mail is still
// not settled, its claimant died and it is due again.
func ClaimMails(
	ctx context.Context, pool *pgxpool.Pool, limit int, lease time.Duration, now time.Time,
) ([]DueMail, error) {
	rows, err := pool.Query(ctx, `
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
		err := row.Scan(&d.ID, &d.Template, &d.Recipient, &d.UserID, &d.SourceID, &d.Subject, &d.Text, &d.HTML,
			&d.Created, &d.Attempts)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	return due, nil
}

// MailSent settles a mail. With forget its bodies are blanked: what they held is
// with the recipient now.
func MailSent(ctx context.Context, pool *pgxpool.Pool, id string, forget bool, now time.Time) error {
	_, err := pool.Exec(ctx, `
UPDATE mails SET status = 'sent', sent_at = $2, error = NULL,
       text_body = CASE WHEN $3 THEN '' ELSE text_body END, html_body = CASE WHEN $3 THEN '' ELSE html_body END
WHERE id = $1 AND status = 'pending'`, id, now, forget)
	if err != nil {
		return fmt.Errorf("settle a mail: %w", err)
	}
	return nil
}

// MailPostponed notes why a mail was not delivered and when it is due again.
func MailPostponed(ctx context.Context, pool *pgxpool.Pool, id, why string, due time.Time) error {
	_, err := pool.Exec(ctx, `
UPDATE mails SET error = left($2, 1000), next_attempt_at = $3 WHERE id = $1 AND status = 'pending'`, id, why, due)
	if err != nil {
		return fmt.Errorf("postpone a mail: %w", err)
	}
	return nil
}

// MailFailed gives a mail up. Its bodies are blanked with forget.
func MailFailed(ctx context.Context, pool *pgxpool.Pool, id, why string, forget bool) error {
	_, err := pool.Exec(ctx, `
UPDATE mails SET status = 'failed', error = left($2, 1000),
       text_body = CASE WHEN $3 THEN '' ELSE text_body END, html_body = CASE WHEN $3 THEN '' ELSE html_body END
WHERE id = $1 AND status = 'pending'`, id, why, forget)
	if err != nil {
		return fmt.Errorf("give a mail up: %w", err)
	}
	return nil
}

// ShowMails settles every due mail without sending it: it can be read in the
// mailbox. It returns how many.
func ShowMails(ctx context.Context, pool *pgxpool.Pool, now time.Time) (int64, error) {
	tag, err := pool.Exec(ctx, `UPDATE mails SET status = 'sent', sent_at = $1, attempts = attempts + 1
WHERE status = 'pending' AND next_attempt_at <= $1`, now)
	if err != nil {
		return 0, fmt.Errorf("show mails: %w", err)
	}
	return tag.RowsAffected(), nil
}
