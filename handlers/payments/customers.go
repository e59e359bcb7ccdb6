package payments

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// Customers is the payment provider, as far as its record of a buyer is concerned.
type Customers interface {
	CreateCustomer(ctx context.Context, email, userID, idempotencyKey string) (string, error)
	PortalURL(ctx context.Context, customerID, returnURL, idempotencyKey string) (string, error)
}

// A buyer has one customer at the provider, which all their checkouts share, so that
// its portal shows them all. It is made on first use and kept in the buyer's row; one
// that the provider has forgotten is replaced. That a call whose outcome is lost may
// leave a second, unused customer behind does no harm.

// customer returns the buyer's customer, and makes it when there is none. stale is one
// that turned out not to exist.
func (x checkouts) customer(ctx context.Context, b postgres.Customer, stale string) (string, error) {
	if b.StripeID != "" && b.StripeID != stale {
		return b.StripeID, nil
	}
	key, email, made := "codex:resolve-customer:"+b.UserID, b.Email, ""
	if stale != "" {
		key += ":" + stale
	}
	err := retry(ctx, key, func(ctx context.Context, key string) (err error) {
		made, err = x.cfg.Stripe.CreateCustomer(ctx, email, b.UserID, key)
		var failure *stripe.Error
		if errors.As(err, &failure) && failure.Param == "email" {
			email = "" // it only fills in a field of the page
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make customer: %w", err)
	}
	return postgres.KeepCustomer(ctx, x.cfg.Pool, b.UserID, stale, made)
}

// retry makes a call that may happen more than once without harm: it is repeated with
// the same key while its outcome is unknown, and with the next one after an answer that
// the provider may have kept under the key.
func retry(ctx context.Context, key string, call func(ctx context.Context, key string) error) error {
	number := 1
	return retryCall(ctx, func(ctx context.Context) error {
		numbered := key
		if number > 1 {
			numbered = fmt.Sprintf("%s:%d", key, number)
		}
		err := call(ctx, numbered)
		var failure *stripe.Error
		switch {
		case errors.Is(err, stripe.ErrNotFound):
			return backoff.Permanent(err)
		case !errors.As(err, &failure):
			return err
		case failure.HTTPStatus == http.StatusUnauthorized, failure.HTTPStatus == http.StatusForbidden:
			return backoff.Permanent(err)
		case failure.HTTPStatus == http.StatusBadRequest, failure.HTTPStatus >= http.StatusInternalServerError:
			number++
		}
		return err
	})
}

// retryCall makes a call, each attempt within callTimeout, callTries times at most and
// 200 ms, 400 ms … apart. A backoff.Permanent error ends it.
func retryCall(ctx context.Context, call func(context.Context) error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.Multiplier = 200*time.Millisecond, 2
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return struct{}{}, call(ctx)
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(callTries))
	return err
}

// openPortal is the first transaction of checkout.portal.
func (x checkouts) openPortal(
	ctx context.Context, tx pgx.Tx, cmd events.Command, open *purchase.OpenPortal, _ time.Time,
) (commands.Call, commands.Outcome, error) {
	buyer, found, err := postgres.CustomerOf(ctx, tx, cmd.ActorID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if !found {
		return nil, commands.Outcome{}, purchase.ErrBuyerNotFound
	}
	return func(ctx context.Context) (commands.Finish, error) {
		ctx, cancel := context.WithTimeout(ctx, callBudget)
		defer cancel()
		url, err := x.portal(ctx, buyer, open.ReturnURL, "portal:"+cmd.ID)
		if err != nil {
			x.cfg.Log.Warn("portal not opened at the provider", "command", cmd.ID, "error", err)
			return nil, purchase.ErrPaymentProcessing
		}
		return func(context.Context, pgx.Tx, time.Time) (commands.Outcome, error) {
			return commands.OK(Portal{URL: url}), nil
		}, nil
	}, commands.Outcome{}, nil
}

// portal opens a session of the portal and returns its address.
func (x checkouts) portal(ctx context.Context, b postgres.Customer, returnURL, key string) (url string, err error) {
	stale := ""
	for range 2 {
		customer, err := x.customer(ctx, b, stale)
		if err != nil {
			return "", err
		}
		err = retry(ctx, key+":"+customer, func(ctx context.Context, key string) (err error) {
			url, err = x.cfg.Stripe.PortalURL(ctx, customer, returnURL, key)
			return err
		})
		if !errors.Is(err, stripe.ErrNotFound) {
			return url, err
		}
		stale = customer
	}
	return "", errors.New("the provider forgets its customers")
}
