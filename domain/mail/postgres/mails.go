// Package postgres keeps mails until they are delivered. It is the only package with SQL
// on the table mails.
package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/postgres"
)

const insertMail = `
INSERT INTO mails (id, template, recipient, user_id, source_id, subject, text_body, html_body,
                   next_attempt_at, created_at)
VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6, $7, $8, $9, $9)
ON CONFLICT (template, recipient, source_id) DO NOTHING`

func insertArguments(m mail.Mail) []any {
	return []any{m.ID, m.Template, m.Recipient, m.UserID, m.SourceID, m.Subject, m.Text, m.HTML, m.Created}
}

// Insert writes a mail for the mailer to deliver. A mail of the same template to the same
// recipient about the same source is written only once.
func Insert(ctx context.Context, tx pgx.Tx, m mail.Mail) error {
	if _, err := tx.Exec(ctx, insertMail, insertArguments(m)...); err != nil {
		return fmt.Errorf("insert mail: %w", err)
	}
	return nil
}

// QueueInsert queues the writes of [Insert].
func QueueInsert(b *pgx.Batch, mails []mail.Mail) {
	for _, m := range mails {
		b.Queue(insertMail, insertArguments(m)...)
	}
}

// InsertForUser is [Insert] for a mail whose user may not exist: with an empty UserID the
// mail is removed again in the same transaction. The statements are the same in both
// cases, because the time they take must not reveal whether the user exists.
func InsertForUser(ctx context.Context, tx pgx.Tx, m mail.Mail) error {
	b := &pgx.Batch{}
	b.Queue(insertMail, insertArguments(m)...)
	b.Queue(`DELETE FROM mails WHERE id = $1 AND user_id IS NULL`, m.ID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("insert mail for a user: %w", err)
	}
	return nil
}

// QueueErase queues the removal of a user's mails, sent or not: those to the user and those
// to the addresses of the user.
func QueueErase(b *pgx.Batch, userID string, addresses []string) {
	b.Queue(`DELETE FROM mails WHERE user_id = $1`, userID)
	b.Queue(`DELETE FROM mails WHERE recipient = ANY($1::text[])`, addresses)
}

// Stored is a mail and its delivery.
type Stored struct {
	mail.Mail
	// Status is pending, sent or failed.
	Status string
	SentAt *time.Time
}

// Newest returns the newest mails, at most limit, and how many there are: those to one
// recipient, or with "" all.
func Newest(ctx context.Context, db postgres.DB, recipient string, limit int) ([]Stored, int64, error) {
	var total int64
	err := db.QueryRow(ctx, `SELECT count(*) FROM mails WHERE $1 = '' OR recipient = $1`, recipient).Scan(&total)
	if err != nil {
		return nil, 0, fmt.Errorf("count mails: %w", err)
	}
	rows, err := db.Query(ctx, `
SELECT id, template, recipient, COALESCE(user_id, ''), source_id, subject, text_body, html_body, created_at,
       status, sent_at
FROM mails WHERE $1 = '' OR recipient = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, recipient, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("read mails: %w", err)
	}
	mails, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Stored, error) {
		var s Stored
		err := row.Scan(append(fields(&s.Mail), &s.Status, &s.SentAt)...)
		return s, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read mails: %w", err)
	}
	return mails, total, nil
}

// fields are the targets of a mail's columns.
func fields(m *mail.Mail) []any {
	return []any{&m.ID, &m.Template, &m.Recipient, &m.UserID, &m.SourceID, &m.Subject, &m.Text, &m.HTML, &m.Created}
}
