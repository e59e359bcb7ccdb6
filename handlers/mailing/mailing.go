// Package mailing delivers the mails that transactions left in the table mails, and makes
// a dead letter of each that its server has rejected for a day.
package mailing

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/domain/mail/smtp"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
)

// letters is the consumer in the dead letters of mails. Their message ids are the mails'.
const letters = "mails"

// Config configures the module.
type Config struct {
	Pool *pgxpool.Pool
	// Sender is nil when no server is configured: mails are for the mailbox page then.
	Sender smtp.Sender
	// Written has a value when a commit left mails.
	Written <-chan struct{}
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// New returns the module.
func New(cfg Config) handlers.Module {
	m := &mailing{cfg}
	mailer := &smtp.Mailer{Pool: cfg.Pool, Sender: cfg.Sender, GiveUp: m.giveUp, Now: cfg.Now, Log: cfg.Log}
	return handlers.Module{
		Name: "mail",
		Jobs: []jobs.Job{
			{
				Name:    "mail.deliver",
				Every:   time.Second,
				Timeout: smtp.DeliverTimeout,
				Run:     mailer.DeliverDue,
				Wake:    cfg.Written,
			},
			{Name: "mail.retry_letters", Every: 5 * time.Second, Run: m.retryRequested},
		},
	}
}

type mailing struct{ cfg Config }

// giveUp writes the dead letter of a mail, in the transaction that gives it up. It names
// the mail by its id only: what a person is called and where they live in the network can
// be erased in the table mails alone.
func (m *mailing) giveUp(ctx context.Context, tx pgx.Tx, mail postgres.DueMail, cause error) error {
	return commands.DeadLetter{
		Consumer:  letters,
		MessageID: mail.ID,
		Type:      string(mail.Template),
		Body:      []byte(mail.ID),
		Cause:     errors.New(strings.ReplaceAll(cause.Error(), mail.Recipient, "the recipient")),
		Attempts:  mail.Attempts,
	}.Write(ctx, tx)
}

func (m *mailing) retryRequested(ctx context.Context) (retried int, err error) {
	return commands.RetryLetters(ctx, m.cfg.Pool, []string{letters}, m.retry)
}

var errNothingToSend = errors.New("the mail was erased, or held a link that is no longer kept: " +
	"have its recipient ask for a new one, and discard the letter")

// retry makes a mail due again, with all its attempts.
func (m *mailing) retry(ctx context.Context, letter commands.Letter) (final bool, err error) {
	restarted, err := postgres.Restart(ctx, m.cfg.Pool, letter.MessageID, m.cfg.Now().UTC())
	if err == nil && !restarted {
		return true, errNothingToSend
	}
	return false, err
}
