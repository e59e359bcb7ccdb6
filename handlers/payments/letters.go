package payments

import (
	"context"

	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/commands"
)

// letterRetry tries the dead letters of this package again that an operator requested.
type letterRetry struct {
	cfg      Config
	ingester *eventIngester
}

func (l *letterRetry) retryRequested(ctx context.Context) (retried int, err error) {
	consumers := []string{webhookLetters, refundLetters, erasureLetters}
	return commands.RetryLetters(ctx, l.cfg.Pool, consumers, l.retry)
}

// retry makes a refund or an erasure due again, with all its attempts, and ingests an event
// again that can perhaps be read now. Final says that the letter would fail in the same way.
func (l *letterRetry) retry(ctx context.Context, letter commands.Letter) (final bool, err error) {
	now := l.cfg.Now().UTC()
	switch letter.Consumer {
	case refundLetters:
		_, err = postgres.RestartRefund(ctx, l.cfg.Pool, letter.MessageID, now)
		return false, err
	case erasureLetters:
		_, err = postgres.RestartErasure(ctx, l.cfg.Pool, letter.MessageID, now)
		return false, err
	}

	event, err := stripe.DecodeEvent(letter.Body)
	if err != nil {
		return true, err
	}
	if _, result, cause := l.ingester.report(event); result == unreadable {
		return true, cause
	}
	if err := postgres.ReopenEvent(ctx, l.cfg.Pool, event.ID, unreadable); err != nil {
		return false, err
	}
	_, err = l.ingester.ingest(ctx, event)
	return false, err
}
