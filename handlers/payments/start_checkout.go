package payments

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// CheckoutSessions is the payment provider, as far as sessions are concerned.
type CheckoutSessions interface {
	CreateCheckout(ctx context.Context, p stripe.CheckoutParams) (stripe.Session, error)
	RetrieveCheckout(ctx context.Context, id string) (stripe.Session, error)
	ExpireCheckout(ctx context.Context, id string) (stripe.Session, error)
	FindCheckouts(ctx context.Context, reference string, from, to time.Time) ([]stripe.Session, error)
}

// CheckoutProvider is the payment provider, as far as checkouts are concerned.
type CheckoutProvider interface {
	CheckoutSessions
	Customers
}

// checkouts applies the commands of the external context "checkout".
//
// checkout.start first writes a checkout with everything the payment will be
// compared with, then opens the session at the provider under a key that follows
// from it (checkout:{id}:{attempt}), and then writes the session down. A buyer has
// at most one checkout per content item that can still be paid: another request for
// the same offer gets the same session, and when the price changed or the session is
// about to expire, it is closed at the provider before the new one is opened.
//
// When the provider does not answer, the call is repeated within callBudget, and
// then the response is 502: less than the ten seconds that an edge waits. The
// checkout stays "creating", so the client's next try uses the same key and finds
// whatever the provider did meanwhile. Only after a failure that the provider has
// stored under the key, and when it knows no session of this checkout, the next
// key is taken.
type checkouts struct{ cfg Config }

const (
	// callBudget bounds everything that one command asks of the provider.
	callBudget = 8 * time.Second
	// callTimeout bounds one call.
	callTimeout = 4 * time.Second
	callTries   = 3
	// clockSkew is how far the provider's clock may be from ours.
	clockSkew = 5 * time.Minute
)

var errClosedMeanwhile = errors.New("the checkout was closed meanwhile")

// commands returns the external context.
func (x checkouts) commands() commands.External {
	return commands.NewExternal("checkout", 0,
		commands.HandleExternal(purchase.CommandStartCheckout, x.start),
		commands.HandleExternal(purchase.CommandOpenPortal, x.openPortal),
	)
}

// start is the first transaction of checkout.start.
func (x checkouts) start(
	ctx context.Context, tx pgx.Tx, cmd events.Command, start *purchase.StartCheckout, now time.Time,
) (commands.Call, commands.Outcome, error) {
	offer, found, err := postgres.Offer(ctx, tx, start.ContentID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if !found {
		return nil, commands.Outcome{}, purchase.ErrContentNotFound
	}
	buyer, found, err := postgres.CustomerOf(ctx, tx, cmd.ActorID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if !found {
		return nil, commands.Outcome{}, purchase.ErrBuyerNotFound
	}
	owned, err := postgres.Owns(ctx, tx, cmd.ActorID, offer.ID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, commands.Outcome{}, fmt.Errorf("new checkout id: %w", err)
	}
	fresh, err := offer.Buy(id.String(), cmd.ActorID, owned, x.cfg.Rates, *start, now)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	checkout, err := x.claim(ctx, tx, offer, fresh, now)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if checkout.Status == purchase.Open {
		return nil, sessionOutcome(checkout), nil
	}
	closing, err := postgres.Expiring(ctx, tx, checkout.CustomerID, checkout.ContentID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	return x.call(checkout, closing, buyer), commands.Outcome{}, nil
}

// claim returns the checkout that the buyer uses: the one that is there when it is
// usable, else the fresh one. One that is not usable is set aside to be closed.
func (x checkouts) claim(ctx context.Context, tx pgx.Tx, offer purchase.Offer, fresh purchase.Checkout, now time.Time) (purchase.Checkout, error) {
	for range 5 {
		standing, found, err := postgres.OpenCheckout(ctx, tx, fresh.CustomerID, fresh.ContentID)
		if err != nil {
			return fresh, err
		}
		if found && standing.Usable(offer, now) {
			return standing, nil
		}
		if found {
			standing.Status = purchase.Expiring
			if err := postgres.SaveCheckout(ctx, tx, standing, now); err != nil {
				return fresh, err
			}
		}
		// Another transaction may have been quicker; its checkout is then read.
		inserted, err := postgres.InsertCheckout(ctx, tx, fresh)
		if err != nil || inserted {
			return fresh, err
		}
	}
	return fresh, errors.New("the buyer's checkouts change too fast")
}

func sessionOutcome(c purchase.Checkout, facts ...events.Fact) commands.Outcome {
	return commands.OK(CheckoutSession{SessionURL: c.SessionURL, SessionID: c.SessionID}, facts...)
}

// call closes what must be closed and opens the session.
func (x checkouts) call(checkout purchase.Checkout, closing []purchase.Checkout, buyer postgres.Customer) commands.Call {
	return func(ctx context.Context) (commands.Finish, error) {
		ctx, cancel := context.WithTimeout(ctx, callBudget)
		defer cancel()
		for _, old := range closing {
			paid, err := x.close(ctx, old)
			if err != nil {
				x.cfg.Log.Warn("checkout not closed at the provider", "checkout", old.ID, "error", err)
				return nil, purchase.ErrPaymentProcessing
			}
			if paid {
				// The webhook is on its way; nothing is opened beside it.
				return abandon(checkout, commands.Rejected(purchase.ErrAlreadyPurchased)), nil
			}
		}
		session, err := x.create(ctx, checkout, buyer)
		switch {
		case err == nil:
			return opened(checkout.ID, session, closing), nil
		case errors.Is(err, stripe.ErrRejected), errors.Is(err, stripe.ErrDeclined):
			x.cfg.Log.Error("checkout refused by the provider", "checkout", checkout.ID, "error", err)
			return abandon(checkout, commands.Rejected(purchase.ErrPaymentProcessing)), nil
		default:
			x.cfg.Log.Warn("checkout not opened at the provider", "checkout", checkout.ID, "error", err)
			return nil, purchase.ErrPaymentProcessing
		}
	}
}

// abandon ends a checkout that will have no session.
func abandon(checkout purchase.Checkout, outcome commands.Outcome) commands.Finish {
	return func(ctx context.Context, tx pgx.Tx, now time.Time) (commands.Outcome, error) {
		current, found, err := postgres.Checkout(ctx, tx, checkout.ID)
		if err != nil || !found || current.Status != purchase.Creating {
			return outcome, err
		}
		current.Status = purchase.CheckoutFailed
		return outcome, postgres.SaveCheckout(ctx, tx, current, now)
	}
}

// opened writes the session down, and that the closed ones are closed.
func opened(id string, session stripe.Session, closed []purchase.Checkout) commands.Finish {
	return func(ctx context.Context, tx pgx.Tx, now time.Time) (commands.Outcome, error) {
		var facts []events.Fact
		for _, old := range closed {
			current, found, err := postgres.Checkout(ctx, tx, old.ID)
			if err != nil {
				return commands.Outcome{}, err
			}
			next, payloads := current.Expire()
			if !found || len(payloads) == 0 {
				continue // the provider's own report came first
			}
			if err := postgres.SaveCheckout(ctx, tx, next, now); err != nil {
				return commands.Outcome{}, err
			}
			facts = append(facts, events.Facts(next.Tenant(), next.ID, next.Version, payloads...)...)
		}
		current, found, err := postgres.Checkout(ctx, tx, id)
		if err != nil || !found {
			return commands.Outcome{}, errors.Join(err, errClosedMeanwhile)
		}
		next, payloads := current.Start(session.ID, session.URL)
		switch next.Status {
		case purchase.Open:
		case purchase.CheckoutCompleted:
			return commands.Rejected(purchase.ErrAlreadyPurchased, facts...), nil
		default:
			return commands.Outcome{}, errClosedMeanwhile // from the start: there is another one now
		}
		if len(payloads) > 0 {
			if err := postgres.SaveCheckout(ctx, tx, next, now); err != nil {
				return commands.Outcome{}, err
			}
			facts = append(facts, events.Facts(next.Tenant(), next.ID, next.Version, payloads...)...)
		}
		return sessionOutcome(next, facts...), nil
	}
}

// close makes sure that a checkout cannot be paid any more. It reports whether it
// was paid already, or may still turn out to be (a slow payment method).
func (x checkouts) close(ctx context.Context, c purchase.Checkout) (paid bool, err error) {
	return closeSessions(ctx, x.cfg.Stripe, c)
}

func closeSessions(ctx context.Context, provider CheckoutSessions, c purchase.Checkout) (paid bool, err error) {
	ids := []string{c.SessionID}
	if c.SessionID == "" {
		found, err := provider.FindCheckouts(ctx, c.ID, c.CreatedAt.Add(-clockSkew), c.ExpiresAt)
		if err != nil {
			return false, err
		}
		ids = ids[:0]
		for _, s := range found {
			ids = append(ids, s.ID)
		}
	}
	for _, id := range ids {
		_, err := provider.ExpireCheckout(ctx, id)
		if err == nil {
			continue
		}
		if !errors.Is(err, stripe.ErrRejected) {
			return false, err
		}
		session, err := provider.RetrieveCheckout(ctx, id)
		switch {
		case errors.Is(err, stripe.ErrNotFound):
		case err != nil:
			return false, err
		case session.Status == stripe.SessionComplete:
			return true, nil
		case session.Status != stripe.SessionExpired:
			return false, fmt.Errorf("session %s cannot be closed: %w", id, stripe.ErrUnknownOutcome)
		}
	}
	return false, nil
}

// create opens the session, and finds out about calls whose outcome is unknown.
func (x checkouts) create(ctx context.Context, c purchase.Checkout, buyer postgres.Customer) (stripe.Session, error) {
	customer, err := x.customer(ctx, buyer, "")
	if err != nil {
		return stripe.Session{}, err
	}
	session, err := x.createWithKey(ctx, c, customer)
	var failure *stripe.Error
	if !errors.As(err, &failure) {
		return session, err
	}
	switch {
	case failure.Param == "customer" && errors.Is(err, stripe.ErrNotFound):
		// The provider has forgotten the customer. The call is another one with the
		// next customer, and so is its key.
		if c, err = x.nextKey(ctx, c); err != nil {
			return session, err
		}
		if customer, err = x.customer(ctx, buyer, customer); err != nil {
			return session, err
		}
		return x.createWithKey(ctx, c, customer)
	case failure.HTTPStatus < http.StatusInternalServerError:
		return session, err
	}
	// The provider keeps its failure under the key. Whether a session exists all the
	// same, only its list can tell.
	found, lookUp := x.cfg.Stripe.FindCheckouts(ctx, c.ID, c.CreatedAt.Add(-clockSkew), c.ExpiresAt)
	if lookUp != nil {
		return session, err
	}
	for _, s := range found {
		if s.Status == stripe.SessionOpen {
			return s, nil
		}
	}
	if len(found) > 0 {
		return session, err
	}
	next, stored := x.nextKey(ctx, c)
	if stored != nil {
		return session, stored
	}
	return x.createWithKey(ctx, next, customer)
}

// nextKey uses up the key of a checkout's session.
func (x checkouts) nextKey(ctx context.Context, c purchase.Checkout) (purchase.Checkout, error) {
	if _, err := x.cfg.Pool.Exec(ctx, `UPDATE checkouts SET attempt = attempt + 1 WHERE id = $1 AND attempt = $2 AND status = 'creating'`,
		c.ID, c.Attempt); err != nil {
		return c, fmt.Errorf("take the next key: %w", err)
	}
	c.Attempt++
	return c, nil
}

// createWithKey repeats one call until its outcome is known.
func (x checkouts) createWithKey(ctx context.Context, c purchase.Checkout, customer string) (session stripe.Session, err error) {
	params := stripe.CheckoutParams{
		IdempotencyKey:    fmt.Sprintf("checkout:%s:%d", c.ID, c.Attempt),
		ClientReferenceID: c.ID,
		AmountCents:       int64(c.Amount),
		Currency:          c.Currency,
		ProductName:       c.ProductName,
		Description:       c.Description,
		CustomerID:        customer,
		SuccessURL:        c.SuccessURL,
		CancelURL:         c.CancelURL,
		ExpiresAt:         c.ExpiresAt,
		Metadata: map[string]string{
			"contentId":    c.ContentID,
			"customerId":   c.CustomerID,
			"creatorId":    c.CreatorID,
			"contentTitle": c.ProductName,
			"checkoutId":   c.ID,
		},
	}
	if c.OrganizationID != "" {
		params.Metadata["organizationId"] = c.OrganizationID
	}
	err = retryCall(ctx, func(ctx context.Context) (err error) {
		session, err = x.cfg.Stripe.CreateCheckout(ctx, params)
		if errors.Is(err, stripe.ErrRejected) || errors.Is(err, stripe.ErrDeclined) {
			return backoff.Permanent(err)
		}
		return err
	})
	return session, err
}
