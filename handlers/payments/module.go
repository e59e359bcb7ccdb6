// Package payments sells content: checkouts, the payment provider's events, purchases,
// refunds.
//
// The way of a payment: a buyer starts a checkout (start_checkout.go), pays at the provider,
// and the provider's webhook (webhooks.go) is stored with the command that it leads to
// (ingest_event.go) before it is answered. The command (commands.go) decides by
// domain/purchase and emits purchase.completed, from which package streaming grants access.
//
// What webhooks miss the [Reconciler] repairs, and what has to be given back the
// [RefundQueue] refunds.
package payments

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
)

// Provider is the payment provider.
type Provider interface {
	CheckoutProvider
	Refunds
	EventSource
	CustomerRemover
}

// Config is what payments need.
type Config struct {
	Pool       *pgxpool.Pool
	Dispatcher *bus.Dispatcher
	Stripe     Provider
	// Livemode says which events count: those of live keys, or those of test keys.
	Livemode bool
	// WebhookSecrets are the signing secrets by endpoint name (booking, payment, dispute,
	// subscription, connect, customer); two during a rotation. An endpoint without any
	// answers 501. The development endpoint uses booking's.
	WebhookSecrets map[string][]string
	// Rates split a payment; they are frozen in every checkout.
	Rates money.Rates
	// ReturnHosts are the names of sites that a buyer may be sent back to, themselves
	// and everything below them; the platform's own address, and in development this
	// machine, need not be among them. Nil is DefaultReturnHosts.
	ReturnHosts []string
	// PublicURL is how clients reach the platform, without a trailing slash.
	PublicURL string
	// Development allows this machine as a return host, and adds an endpoint for any event.
	Development bool
	// Wait is how long a delivery waits for its command; default 10 s.
	Wait time.Duration
	// QueueEvery is the interval of the queues of calls to the provider; default 2 s.
	QueueEvery time.Duration
	// ReconcileEvery is the interval of the reconciler; default 5 min.
	ReconcileEvery time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// DefaultReturnHosts is where the pages of the original are.
var DefaultReturnHosts = []string{"revelations.studio"}

// payments handles the requests.
type payments struct {
	cfg      Config
	ingester *EventIngester
	// slots bound the deliveries that hold a database connection.
	slots chan struct{}
}

// New returns the module.
func New(cfg Config) handlers.Module {
	if cfg.ReturnHosts == nil {
		cfg.ReturnHosts = DefaultReturnHosts
	}
	cfg.Wait = cmp.Or(cfg.Wait, 10*time.Second)
	ingester := NewEventIngester(cfg)
	p := &payments{cfg: cfg, ingester: ingester, slots: make(chan struct{}, webhookSlots)}
	refunds := &RefundQueue{Pool: cfg.Pool, Stripe: cfg.Stripe, Now: cfg.Now, Log: cfg.Log}
	reconciler := NewReconciler(cfg, ingester)
	customers := &customerErasure{Pool: cfg.Pool, Stripe: cfg.Stripe, Now: cfg.Now, Log: cfg.Log}
	return handlers.Module{
		Name:     "payments",
		Routes:   slices.Concat(p.checkoutRoutes(), p.webhookRoutes(), p.purchaseRoutes()),
		Commands: []commands.Context{purchaseCommands(cfg.Rates)},
		External: []commands.External{checkouts{cfg}.commands()},
		Jobs: []jobs.Job{
			{Name: "payments.refund", Every: cmp.Or(cfg.QueueEvery, 2*time.Second), Run: refunds.RefundDue},
			{Name: "payments.forget_customers", Every: cmp.Or(cfg.QueueEvery, 2*time.Second), Run: customers.eraseDue},
			{
				Name:    "payments.reconcile",
				Every:   reconciler.Every,
				Timeout: reconcileTimeout,
				Run:     reconciler.Repair,
				Sends:   []string{purchase.CommandRecordEvent},
			},
		},
	}
}
