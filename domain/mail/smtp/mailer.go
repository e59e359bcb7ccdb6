// Package smtp delivers the mails that transactions left in the table mails.
//
// With a server configured they are sent by SMTP; without one they are only marked
// as sent and can be read on the mailbox page. A mail is claimed for a lease, sent
// outside any transaction, and settled. A mailer that dies in between leaves a
// mail that is sent a second time when its lease is over: at least once, with the
// same Message-ID, never lost. Bodies that hold a token are blanked once they are
// with the recipient's server.
package smtp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/postgres"
)

// Sender hands a mail to a server.
type Sender interface {
	Send(ctx context.Context, mail mail.Mail) error
}

// Mailer delivers mails.
type Mailer struct {
	Pool *pgxpool.Pool
	// Sender is nil when no server is configured.
	Sender Sender
	Now    func() time.Time
	Log    *slog.Logger
}

const (
	claimSize = 10
	// lease is longer than one claim can take, so that no two mailers send the same.
	lease       = claimSize*sendTimeout + time.Minute
	sendTimeout = 20 * time.Second
	// attempts reach over about a day: 30 s · 2^n, four hours at most.
	attempts    = 12
	firstPause  = 30 * time.Second
	longestWait = 4 * time.Hour
)

// DeliverTimeout limits one run of [Mailer.DeliverDue].
const DeliverTimeout = time.Hour

// DeliverDue delivers the mails that are due and returns how many it looked at. That a mail
// was rejected by the server is noted in its row and is no error.
func (m *Mailer) DeliverDue(ctx context.Context) (delivered int, err error) {
	for {
		n, err := m.deliverSome(ctx)
		delivered += n
		if err != nil || n < claimSize || ctx.Err() != nil {
			return delivered, err
		}
	}
}

// deliverSome delivers one claim at most and returns how many were claimed.
func (m *Mailer) deliverSome(ctx context.Context) (int, error) {
	now := m.Now().UTC()
	if m.Sender == nil {
		n, err := postgres.ShowMails(ctx, m.Pool, now)
		return int(min(n, claimSize-1)), err
	}
	due, err := postgres.ClaimMails(ctx, m.Pool, claimSize, lease, now)
	if err != nil {
		return 0, err
	}
	for _, mail := range due {
		if ctx.Err() != nil {
			return len(due), nil //nolint:nilerr // stopped; the rest is due again when the lease is over
		}
		if err := m.deliver(context.WithoutCancel(ctx), mail); err != nil {
			return len(due), err
		}
	}
	return len(due), nil
}

func (m *Mailer) deliver(ctx context.Context, mail postgres.DueMail) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	failure := m.Sender.Send(ctx, mail.Mail)
	cancel()
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now := m.Now().UTC()
	log := m.Log.With("mail", mail.ID, "template", mail.Template, "attempts", mail.Attempts, "error", failure)
	switch {
	case failure == nil:
		return postgres.MailSent(ctx, m.Pool, mail.ID, mail.Template.Secret(), now)
	case mail.Attempts >= attempts:
		log.ErrorContext(ctx, "mail given up")
		return postgres.MailFailed(ctx, m.Pool, mail.ID, failure.Error(), mail.Template.Secret())
	default:
		m.Log.WarnContext(ctx, "mail postponed", "mail", mail.ID, "template", mail.Template, "attempts", mail.Attempts, "error", failure)
		if err := postgres.MailPostponed(ctx, m.Pool, mail.ID, failure.Error(), now.Add(retryDelay(mail.Attempts))); err != nil {
			return fmt.Errorf("mail %s: %w", mail.ID, err)
		}
		return nil
	}
}

// retryDelay is how long a mail waits after its n-th attempt, from 1.
func retryDelay(n int) time.Duration { return min(firstPause<<(n-1), longestWait) }
