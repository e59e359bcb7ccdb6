package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

const (
	// giveUpAfter is the end of waiting for recovery.
	giveUpAfter = 90 * time.Second
	// holdAtMost is how long a fault that the others should bridge lasts when they do not.
	holdAtMost = 20 * time.Second
	// promptly is the age from which on something that waits counts as stuck, and the longest
	// time of a write that works.
	promptly = 2 * time.Second
	// steadily is how long the platform must be found working: longer than promptly, because
	// until then nothing that got stuck is old enough to be seen.
	steadily = 3 * time.Second
	// restWithin is how long everything may take to come to rest without load.
	restWithin = 30 * time.Second
)

var errNoRecovery = errors.New("the platform did not recover")

// recovered waits until the platform has worked steadily, and returns how long after since that
// began.
func (h *harness) recovered(ctx context.Context, since time.Time, limit time.Duration) (time.Duration, error) {
	var began time.Time // zero while it does not work
	err := until(ctx, limit+steadily, 100*time.Millisecond, func(ctx context.Context) error {
		asked := time.Now()
		if err := h.works(ctx); err != nil {
			began = time.Time{}
			return err
		}
		if began.IsZero() {
			began = asked
		}
		if time.Since(began) < steadily {
			return errors.New("it works, but not for long")
		}
		return nil
	})
	if err != nil {
		return time.Since(since), fmt.Errorf("%w: %w", errNoRecovery, err)
	}
	return began.Sub(since), nil
}

// works is nil when a write is answered promptly and nothing waits that should not.
func (h *harness) works(ctx context.Context) error {
	write, cancel := context.WithTimeout(ctx, promptly)
	defer cancel()
	slug := "probe-" + uuid.NewString()
	r, err := h.load.prober.try(write, call{
		kind:    kindProbe,
		method:  http.MethodPost,
		path:    "/api/content",
		key:     slug,
		subject: slug,
		body:    map[string]any{"title": "Probe", "slug": slug, "contentType": "written", "contentBody": "Words."},
	}, uuid.NewString())
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if r.status != http.StatusCreated {
		return fmt.Errorf("write: %s", r)
	}
	return h.backlog(ctx, promptly)
}

// backlog is nil when nothing older than age waits in the tables.
func (h *harness) backlog(ctx context.Context, age time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var events, commands, grants int
	err := h.pool.QueryRow(ctx, `
SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL AND occurred_at <= now() - $1::interval),
       (SELECT count(*) FROM commands WHERE status = 'accepted' AND created_at <= now() - $1::interval),
       (SELECT count(*) FROM purchases p
        WHERE p.created_at <= now() - $1::interval AND NOT EXISTS (
            SELECT FROM content_access a
            WHERE a.user_id = p.customer_id AND a.content_id = p.content_id AND a.access_type = 'purchased'
              AND a.source_id = p.id::text))`, age).Scan(&events, &commands, &grants)
	if err != nil {
		return err
	}
	if events+commands+grants > 0 {
		return fmt.Errorf("%d events, %d commands and %d grants wait", events, commands, grants)
	}
	return nil
}

// atRest waits until everything that was caused has happened. What has not when the time is
// over is for the invariants to name.
func (h *harness) atRest(ctx context.Context) error {
	return until(ctx, restWithin, 200*time.Millisecond, func(ctx context.Context) error {
		if err := h.backlog(ctx, 0); err != nil {
			return err
		}
		var media, webhooks int
		err := h.pool.QueryRow(ctx, `
SELECT (SELECT count(*) FROM media_items WHERE status IN ('uploaded', 'transcoding') AND deleted_at IS NULL),
       (SELECT count(*) FROM stripe_events WHERE processed_at IS NULL)`).Scan(&media, &webhooks)
		if err != nil {
			return err
		}
		pending, err := h.deliveries(ctx, "&status=pending")
		if err != nil {
			return err
		}
		if media+webhooks+len(pending) > 0 {
			return fmt.Errorf("%d media, %d stored and %d undelivered webhooks are not finished",
				media, webhooks, len(pending))
		}
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		consumers, err := h.consumers(ctx)
		if err != nil {
			return err
		}
		for _, c := range consumers {
			if c.NumPending > 0 || c.NumAckPending > 0 {
				return fmt.Errorf("consumer %s: %d pending, %d not acknowledged", c.Name, c.NumPending, c.NumAckPending)
			}
		}
		return nil
	})
}
