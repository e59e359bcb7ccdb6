// Package payments sells content: checkouts, the events of the payment provider (Stripe),
// purchases, refunds.
//
// The path of a payment: a buyer starts a checkout (start_checkout.go) and pays at the
// provider. The provider's webhook (webhooks.go) is stored together with the command that
// follows from it (ingest_event.go) before it is acknowledged. The command
// (record_event.go) decides by domain/purchase and emits purchase.completed, from which
// package streaming grants access.
//
// The events that are acted on are stripe.CheckoutEvents, RefundEvents and DisputeEvents; the
// README and codex payments webhooks list them for who subscribes the endpoints. All others are
// stored and ignored.
//
// A webhook is answered with 200 once its command is applied, or accepted and so sure to be;
// storing and waiting are apart: store_events.go stores what arrives in batches and rejects
// nothing that the database takes, await_access.go waits for the grants without a connection
// and gives up sooner the more requests wait. A command that was given up is opened again by
// the next copy of its event and by the reconciliation.
//
// close_checkouts.go closes the sessions of content that is withdrawn. reconcile.go repairs
// what lost webhooks would have reported, and so does the buyer who returns (checkout.go).
// refund_queue.go refunds the payments that must not be kept, refund_lookup.go reads refunds
// of which only a total is known. What is given up is a dead letter, which letters.go tries
// again on request.
//
// Domain package purchase/postgres owns the tables: no other package has SQL on them but
// for the reads of the lists.
package payments

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what payments need.
type Config struct {
	Pool       *pgxpool.Pool
	Dispatcher *bus.Dispatcher
	// Stripe is the payment provider.
	Stripe *stripe.Client
	// Livemode selects the events that count: those of live keys, or those of test keys.
	Livemode bool
	// WebhookSecrets are the signing secrets by endpoint name (booking, payment, dispute,
	// subscription, connect, customer); two during a rotation. An endpoint without any
	// responds with 501. The development endpoint uses those of booking.
	WebhookSecrets map[string][]string
	// Rates split a payment; they are frozen in every checkout.
	Rates money.Rates
	// ReturnHosts are the host names, including their subdomains, that a buyer may be
	// redirected to; by default none. The platform's own address is always
	// allowed, and in development this machine.
	ReturnHosts []string
	// PublicURL is how clients reach the platform, without a trailing slash.
	PublicURL string
	// Development allows this machine as a return host, and adds an endpoint for any event.
	Development bool
	// MaxWaiting is how many requests wait for access at once; default 512. One more ends
	// the longest wait.
	MaxWaiting int
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// queueInterval is how often the queues of calls to the provider are read.
const queueInterval = 2 * time.Second

// New returns the module.
func New(cfg Config) handlers.Module {
	p := &payments{
		cfg:        cfg,
		ingester:   newIngester(cfg),
		waiting:    &waitingRoom{most: cmp.Or(cfg.MaxWaiting, defaultMaxWaiting)},
		retrievals: make(chan struct{}, mostRetrievals),
	}
	return handlers.Module{
		Name:      "payments",
		Routes:    slices.Concat(p.checkoutRoutes(), p.webhookRoutes(), p.purchaseRoutes()),
		Resources: p.resources(),
		Commands:  []commands.Context{purchaseCommands(cfg)},
		External:  []commands.External{checkouts{cfg}.commands()},
		Processes: []reactions.Process{(&checkoutCloser{reconciler{cfg, p.ingester}}).process()},
		Jobs: []jobs.Job{
			{
				Name:  "payments.refund",
				Every: queueInterval,
				Run:   (&refundQueue{cfg, p.ingester}).refundDue,
				Sends: []string{purchase.CommandRecordEvent},
			},
			{
				Name:  "payments.look_up_refunds",
				Every: queueInterval,
				Run:   (&refundLookUp{cfg, p.ingester}).lookUpDue,
				Sends: []string{purchase.CommandRecordEvent},
			},
			{
				Name:  "payments.forget_customers",
				Every: queueInterval,
				Run:   (&customerErasure{cfg}).eraseDue,
			},
			{
				Name:  "payments.retry_letters",
				Every: queueInterval,
				Run:   (&letterRetry{cfg, p.ingester}).retryRequested,
				Sends: []string{purchase.CommandRecordEvent},
			},
			{
				Name:    "payments.reconcile",
				Every:   reconcileInterval,
				Timeout: reconcileTimeout,
				Run:     (&reconciler{cfg, p.ingester}).reconcile,
				Sends:   []string{purchase.CommandRecordEvent},
			},
		},
	}
}

// payments handles the requests.
type payments struct {
	cfg      Config
	ingester *eventIngester
	waiting  *waitingRoom
	// retrievals holds one value per call to the provider in a read.
	retrievals chan struct{}
}
