package payments

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

const (
	// callBudget bounds all calls of one command to the provider.
	callBudget = 8 * time.Second
	// callTimeout bounds one call.
	callTimeout = 4 * time.Second
	callTries   = 3
	// clockSkew is how far the provider's clock may be from ours.
	clockSkew = 5 * time.Minute
)

// closeSessions makes sure that a checkout cannot be paid any more. It reports whether it
// was paid already, or may still turn out to be (a slow payment method).
func closeSessions(ctx context.Context, provider *stripe.Client, c purchase.Checkout) (paid bool, err error) {
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

// create opens the session, and resolves calls whose outcome is unknown.
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
		// The provider no longer has the customer. With another customer it is another
		// call, which needs another key.
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

	// The provider keeps its failure under the key. Only its list shows whether a
	// session exists all the same.
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
	if err := postgres.UseUpAttempt(ctx, x.cfg.Pool, c.ID, c.Attempt); err != nil {
		return c, err
	}
	c.Attempt++
	return c, nil
}

// createWithKey repeats one call until its outcome is known.
func (x checkouts) createWithKey(
	ctx context.Context, c purchase.Checkout, customer string,
) (session stripe.Session, err error) {
	database, err := postgres.Installation(ctx, x.cfg.Pool)
	if err != nil {
		return session, err
	}
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
			// Other systems may sell through the same account.
			purchase.MarkerKey: purchase.Marker(database, x.cfg.PublicURL),
		},
	}
	if c.OrganizationID != "" {
		params.Metadata["organizationId"] = c.OrganizationID
	}
	err = retryCall(ctx, func(ctx context.Context) (err error) {
		session, err = x.cfg.Stripe.CreateCheckout(ctx, params)
		return err
	}, func(err error) bool { return errors.Is(err, stripe.ErrRejected) || errors.Is(err, stripe.ErrDeclined) })
	return session, err
}

// retry makes a call that may happen more than once without harm. It is repeated with the
// same key while its outcome is unknown, and with the next key after a failure that the
// provider may have stored under the key.
func retry(ctx context.Context, key string, call func(ctx context.Context, key string) error) error {
	number := 1
	return retryCall(ctx, func(ctx context.Context) error {
		numbered := key
		if number > 1 {
			numbered = fmt.Sprintf("%s:%d", key, number)
		}
		err := call(ctx, numbered)

		var failure *stripe.Error
		stored := errors.As(err, &failure) &&
			(failure.HTTPStatus == http.StatusBadRequest || failure.HTTPStatus >= http.StatusInternalServerError)
		if stored {
			number++
		}
		return err
	}, func(err error) bool { return unauthorized(err) || errors.Is(err, stripe.ErrNotFound) })
}

// unauthorized reports whether the provider rejected the API key: a mistake in the
// installation, which says nothing about the call.
func unauthorized(err error) bool {
	var failure *stripe.Error
	return errors.As(err, &failure) &&
		(failure.HTTPStatus == http.StatusUnauthorized || failure.HTTPStatus == http.StatusForbidden)
}

// retryCall calls until there is no error, or one that is final; callTries times at most,
// each for callTimeout, with pauses of 200 ms, 400 ms … between.
func retryCall(ctx context.Context, call func(context.Context) error, final func(error) bool) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = 200 * time.Millisecond
	pauses.Multiplier = 2
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		err := call(limited)
		if err != nil && final(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(callTries))
	return err
}
