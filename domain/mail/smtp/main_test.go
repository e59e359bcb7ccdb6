package smtp_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/domain/mail/smtp"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func newMailer(pool *pgxpool.Pool, sender smtp.Sender, at *clock) *smtp.Mailer {
	return &smtp.Mailer{
		Pool:   pool,
		Sender: sender,
		Now:    at.now,
		Log:    slog.New(slog.DiscardHandler),
	}
}

// addMail stores a mail that is due at noon.
func addMail(t *testing.T, pool *pgxpool.Pool, template mail.Template) mail.Mail {
	t.Helper()
	m := mail.Mail{
		ID:        uuid.NewString(),
		Template:  template,
		Recipient: "ada@example.org",
		SourceID:  uuid.NewString(),
		Subject:   "Grüße",
		Text:      "the text\n",
		HTML:      "<p>the page</p>",
		Created:   noon,
	}
	if err := pgx.BeginFunc(
		t.Context(), pool, func(tx pgx.Tx) error { return postgres.Insert(t.Context(), tx, m) }); err != nil {
		t.Fatal(err)
	}
	return m
}

// row is the stored state of a mail.
type row struct {
	Status   string
	Text     string
	HTML     string
	Attempts int
	Error    string
	Next     time.Time
	SentAt   *time.Time
}

func readMail(t *testing.T, pool *pgxpool.Pool, id string) row {
	t.Helper()
	var r row
	err := pool.QueryRow(t.Context(),
		`SELECT status, text_body, html_body, attempts, COALESCE(error, ''), next_attempt_at, sent_at FROM mails
			WHERE id = $1`, id).
		Scan(&r.Status, &r.Text, &r.HTML, &r.Attempts, &r.Error, &r.Next, &r.SentAt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deliver(t *testing.T, m *smtp.Mailer) int {
	t.Helper()
	n, err := m.DeliverDue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
