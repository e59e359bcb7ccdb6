package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/payments"
)

type paymentsCmd struct {
	Reconcile  reconcileCmd  `cmd:"" help:"Repair now what lost webhooks should have reported."`
	Mismatches mismatchesCmd `cmd:"" help:"List the payments that did not become purchases, and why."`
	Foreign    foreignCmd    `cmd:"" help:"List the payments of others in the Stripe account, and why."`
	Webhooks   webhooksCmd   `cmd:"" help:"List the events that the webhook endpoints at Stripe have to be subscribed to."`
}

type webhooksCmd struct{}

// webhookEndpoints are the endpoints with the events that belong there. Each endpoint takes all
// of them, so one with its secret is enough.
var webhookEndpoints = []struct {
	path, secret string
	events       []string
}{
	{"booking", "STRIPE_WEBHOOK_SECRET_BOOKING", stripe.CheckoutEvents},
	{"payment", "STRIPE_WEBHOOK_SECRET_PAYMENT", stripe.RefundEvents},
	{"dispute", "STRIPE_WEBHOOK_SECRET_DISPUTE", stripe.DisputeEvents},
}

// Run prints the events by endpoint.
func (webhooksCmd) Run(a *app) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENDPOINT\tSECRET\tEVENT")
	for _, e := range webhookEndpoints {
		for _, event := range e.events {
			fmt.Fprintf(w, "/webhooks/stripe/%s\t%s\t%s\n", e.path, e.secret, event)
		}
	}
	return w.Flush()
}

type reconcileCmd struct{}

// reconcileTimeout bounds the round.
const reconcileTimeout = 10 * time.Minute

// Run does one round of the reconciliation and prints what it repaired.
func (reconcileCmd) Run(a *app) error {
	ctx, cancel := context.WithTimeout(a.ctx, reconcileTimeout)
	defer cancel()
	return withRunning(a, func(p *platform, provider *stripe.Client) error {
		repaired, err := payments.Reconcile(ctx, p.paymentsConfig(provider))
		fmt.Fprintf(a.out, "repaired: %d lost events, %d stored events, %d payments of open checkouts, %d ended checkouts\n",
			repaired.Events, repaired.Commands, repaired.Payments, repaired.Checkouts)
		return err
	})
}

type mismatchesCmd struct {
	Limit int `help:"How many, the newest first." default:"100"`
}

// Run prints the payments that did not become purchases.
func (m mismatchesCmd) Run(a *app) error {
	return withRunning(a, func(p *platform, _ *stripe.Client) error {
		list, err := postgres.Mismatches(a.ctx, p.pool, m.Limit)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TIME\tPAYMENT INTENT\tPAID\tOUTCOME\tREASON\tREFUND\tLAST ERROR")
		for _, x := range list {
			fmt.Fprintf(w, "%s\t%s\t%d %s\t%s\t%s\t%s\t%s\n", x.At.UTC().Format(time.RFC3339), x.Intent,
				x.AmountCents, x.Currency, x.Reason, x.Detail, x.Refund, x.LastError)
		}
		return w.Flush()
	})
}

type foreignCmd struct {
	Limit int `help:"How many, the newest first." default:"100"`
}

// Run prints the payments that are left alone: those of another installation or another
// system, and those of which only refunds or disputes were reported.
func (f foreignCmd) Run(a *app) error {
	return withRunning(a, func(p *platform, _ *stripe.Client) error {
		list, total, err := postgres.ForeignPayments(a.ctx, p.pool, f.Limit)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TIME\tPAYMENT INTENT\tAMOUNT\tREASON")
		for _, x := range list {
			fmt.Fprintf(w, "%s\t%s\t%d %s\t%s\n", x.At.UTC().Format(time.RFC3339), x.Intent, x.Amount, x.Currency, x.Reason)
		}
		fmt.Fprintf(w, "%d of %d\n", len(list), total)
		return w.Flush()
	})
}

// withRunning calls use with the connections of an installation that runs: the configured
// one, or that of codex up in the data directory.
func withRunning(a *app, use func(*platform, *stripe.Client) error) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	if err := cfg.fillRunning(); err != nil {
		return err
	}
	provider, err := stripe.New(stripe.Config{SecretKey: string(cfg.StripeKey), BackendURL: cfg.StripeBackend})
	if err != nil {
		return err
	}
	defer provider.Close()
	p, err := connect(a.ctx, cfg, a.log)
	if err != nil {
		return err
	}
	defer p.close()
	return use(p, provider)
}

// fillRunning fills in what codex up fills in when it starts.
func (c *config) fillRunning() (err error) {
	if c.DatabaseURL == "" {
		if c.DatabaseURL, err = embeddedDatabase(c.Data); err != nil {
			return err
		}
	}
	if c.NATSURL, err = c.natsAddress(); err != nil {
		return err
	}
	if c.CommandSecret == "" {
		stored, err := embedded.StoredSecret(c.Data, "command")
		if err != nil {
			return err
		}
		c.CommandSecret = secret(stored)
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Addr
	}
	if c.StripeKey != "" {
		return nil
	}

	stored, err := embedded.StoredSecret(c.Data, "stripe-key")
	if err != nil {
		return err
	}
	if stored == "" {
		return errors.New("set STRIPE_SECRET_KEY: there is no payments sandbox in the data directory " + c.Data)
	}
	c.StripeKey = secret("sk_test_" + stored)
	if c.StripeBackend == "" {
		c.StripeBackend = "http://" + c.SandboxAddr
	}
	return nil
}
