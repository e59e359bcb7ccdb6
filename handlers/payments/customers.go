package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// portalKept is how long the address of a portal's session is kept for a repeated request. The
// provider lets it be opened for five minutes.
const portalKept = 5 * time.Minute

// A buyer has one customer at the provider, which all their checkouts share, so that
// its portal shows them all. It is created on first use and stored in the buyer's row; one
// that the provider no longer has is replaced. A call whose response is lost may leave a
// second, unused customer behind, which does no harm.

// customer returns the buyer's customer, and creates it when there is none. stale is one
// that the provider no longer has, or "".
func (x checkouts) customer(ctx context.Context, b postgres.Customer, stale string) (string, error) {
	if b.StripeID != "" && b.StripeID != stale {
		return b.StripeID, nil
	}
	key, email, created := "codex:resolve-customer:"+b.UserID, b.Email, ""
	if stale != "" {
		key += ":" + stale
	}
	err := retry(ctx, key, func(ctx context.Context, key string) (err error) {
		created, err = x.cfg.Stripe.CreateCustomer(ctx, email, b.UserID, key)
		var failure *stripe.Error
		if errors.As(err, &failure) && failure.Param == "email" {
			email = "" // it only fills in a field of the page
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("create customer: %w", err)
	}
	return postgres.KeepCustomer(ctx, x.cfg.Pool, b.UserID, stale, created)
}

// openPortal is the first transaction of [purchase.OpenPortal].
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
		if errors.Is(err, purchase.ErrBuyerNotFound) { // deleted meanwhile
			return nil, purchase.ErrBuyerNotFound
		}
		if err != nil {
			x.cfg.Log.Warn("portal not opened at the provider", "command", cmd.ID, "error", err)
			return nil, purchase.ErrPaymentProcessing
		}
		return func(context.Context, pgx.Tx, time.Time) (commands.Outcome, error) {
			return commands.OK(Portal{URL: url}).For(portalKept), nil
		}, nil
	}, commands.Outcome{}, nil
}

// portal opens a session of the portal and returns its URL.
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
	return "", errors.New("the provider does not keep the customers that it creates")
}
