// Package smtp delivers the mails that transactions left in the table mails.
//
// With a server configured they are sent by SMTP; without one they are only marked
// as sent and can be read on the mailbox page. A mail is claimed for a lease, sent
// outside any transaction, and marked. If the mailer dies in between, the mail is sent
// again when its lease is over: at least once, with the same Message-ID, never lost.
// Bodies that hold a token are blanked once the recipient's server has accepted them.
package smtp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/postgres"
)

// Sender sends a mail to a server.
type Sender interface {
	Send(ctx context.Context, mail mail.Mail) error
}

// Mailer delivers mails.
type Mailer struct {
	Pool *pgxpool.Pool
	// Sender is nil when no server is configured.
	Sender Sender
	// GiveUp is called in the transaction that gives up a mail after its last attempt; nil
	// for nothing.
	GiveUp func(ctx context.Context, tx pgx.Tx, mail postgres.DueMail, cause error) error
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const (
	claimSize = 10
	// lease is longer than one claim can take, so that two mailers do not send the same mail.
	lease       = claimSize*sendTimeout + time.Minute
	sendTimeout = 20 * time.Second
	stopGrace   = 5 * time.Second
	// attempts reach over about a day: 30 s · 2^n, four hours at most.
	attempts     = 12
	firstDelay   = 30 * time.Second
	longestDelay = 4 * time.Hour
)

// DeliverTimeout limits one run of [Mailer.DeliverDue].
const DeliverTimeout = time.Hour

// DeliverDue delivers the mails that are due and returns how many it has tried. A mail that
// the server rejects is not an error: its row records why.
func (m *Mailer) DeliverDue(ctx context.Context) (tried int, err error) {
	if m.Sender == nil {
		n, err := postgres.MarkDueSent(ctx, m.Pool, m.Now().UTC())
		return int(n), err
	}
	for {
		n, err := m.deliverBatch(ctx)
		tried += n
		if err != nil || n < claimSize || ctx.Err() != nil {
			return tried, err
		}
	}
}

// deliverBatch delivers one claim and returns how many mails it had.
func (m *Mailer) deliverBatch(ctx context.Context) (int, error) {
	due, err := postgres.Claim(ctx, m.Pool, claimSize, lease, m.Now().UTC())
	if err != nil {
		return 0, err
	}
	for i, letter := range due {
		if ctx.Err() != nil {
			return i, nil //nolint:nilerr // stopped; the rest is due again when the lease is over
		}
		if err := m.deliver(ctx, letter); err != nil {
			return i, fmt.Errorf("deliver mail %s: %w", letter.ID, err)
		}
	}
	return len(due), nil
}

// deliver sends one mail and records the result. After a stop the sending may go on for
// stopGrace; then it counts as failed, and the mail is sent again later.
func (m *Mailer) deliver(stoppable context.Context, letter postgres.DueMail) error {
	ctx := context.WithoutCancel(stoppable)
	sending, interrupt := context.WithTimeout(ctx, sendTimeout)
	forget := context.AfterFunc(stoppable, func() { time.AfterFunc(stopGrace, interrupt) })
	failure := m.Sender.Send(sending, letter.Mail)
	forget()
	interrupt()

	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	now := m.Now().UTC()
	if failure == nil {
		return postgres.MarkSent(ctx, m.Pool, letter.ID, letter.Template.Secret(), now)
	}
	log := m.Log.With("mail", letter.ID, "template", letter.Template, "attempts", letter.Attempts, "error", failure)
	if letter.Attempts >= attempts {
		log.ErrorContext(ctx, "mail not delivered, attempts exhausted")
		return pgx.BeginFunc(ctx, m.Pool, func(tx pgx.Tx) error {
			if err := postgres.MarkFailed(ctx, tx, letter.ID, failure.Error(), letter.Template.Secret()); err != nil {
				return err
			}
			if m.GiveUp == nil {
				return nil
			}
			return m.GiveUp(ctx, tx, letter, failure)
		})
	}
	log.WarnContext(ctx, "mail not delivered, will be retried")
	return postgres.Postpone(ctx, m.Pool, letter.ID, failure.Error(), now.Add(retryDelay(letter.Attempts)))
}

// retryDelay is the delay after the n-th attempt, from 1.
func retryDelay(n int) time.Duration { return min(firstDelay<<(n-1), longestDelay) }
