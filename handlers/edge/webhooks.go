package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge/strict"
	"github.com/codex-platform/codex/handlers/wire"
)

// WebhookRoutes serves /webhooks/stripe: one endpoint per purpose, each with its own
// signing secrets.
type WebhookRoutes struct {
	Intake *StripeIntake
	// Secrets are the signing secrets by endpoint name (booking, payment, dispute,
	// subscription, connect, customer); two during a rotation. An endpoint without
	// any answers 501. The development endpoint uses booking's.
	Secrets map[string][]string
	// slots bound the deliveries that hold a database connection.
	slots chan struct{}
}

const (
	// webhookSlots is how many deliveries are in hand at once; beyond it Stripe is
	// asked to come again.
	webhookSlots = 64
	// accessWait is how long a delivery waits for access to follow.
	accessWait = 2 * time.Second
)

// webhookEndpoints are the endpoints by name, with what they are for.
var webhookEndpoints = []struct{ name, summary string }{
	{"booking", "Take in what becomes of checkouts"},
	{"payment", "Take in what becomes of payments"},
	{"dispute", "Take in disputes"},
	{"subscription", "Take in what becomes of subscriptions"},
	{"connect", "Take in what becomes of payout accounts"},
	{"customer", "Take in what becomes of customers"},
}

// Refusals of deliveries.
var (
	errUnsigned      = strict.Refuse("Stripe-Signature", "is missing")
	errNoSecret      = domain.Refuse(domain.NotConfigured, "", "No signing secret is configured for this endpoint")
	errNotTaken      = domain.Refuse(domain.Internal, "", "The event could not be stored; send it again")
	errNotAnEvent    = strict.Refuse("", "is not an event that can be read")
	deliveryRefusals = []*domain.Error{errUnsigned, errNotTaken, errNoSecret}
)

// Routes implements [Resource].
func (w *WebhookRoutes) Routes(e *Edge) []Route {
	w.slots = make(chan struct{}, webhookSlots)
	route := func(path, name, summary string, secrets []string) Route {
		return Route{
			Method: "POST", Path: "/webhooks/stripe/" + path, Name: name, Summary: summary,
			Notes: "Answers 200 once the event is stored, whether or not anything follows from it, and not before. " +
				"What it does depends on its type and not on the endpoint.",
			Who: signedStripe, Limit: limitWebhook, Body: wire.StripeEvent{},
			Answers: []Answer{{Status: http.StatusOK, Body: wire.Received{}}}, Refusals: deliveryRefusals,
			Handle: func(c *gin.Context) error { return w.receive(e, c, secrets) },
		}
	}
	var routes []Route
	for _, p := range webhookEndpoints {
		routes = append(routes, route(p.name, "stripe"+strings.ToUpper(p.name[:1])+p.name[1:], p.summary, w.Secrets[p.name]))
	}
	development := route("dev", "stripeDevelopment", "Take in any event", w.Secrets["booking"])
	development.Development = true
	return append(routes, development)
}

// receive answers 200 once the event is stored, and not before: what follows from
// it is then certain, and is waited for only so that a client that asks right after
// finds it done. Whatever went wrong on our side is 500, for which Stripe comes again.
func (w *WebhookRoutes) receive(e *Edge, c *gin.Context, secrets []string) error {
	if !slices.ContainsFunc(secrets, func(s string) bool { return s != "" }) {
		return errNoSecret
	}
	payload, err := readBody(c, stripe.MaxPayload)
	if err != nil {
		return err
	}
	event, err := stripe.VerifyWebhook(payload, c.GetHeader("Stripe-Signature"), secrets, e.cfg.Now())
	if err != nil {
		e.cfg.Log.WarnContext(c, "webhook refused", "route", c.FullPath(), "error", err)
		return deliveryRefusal(err)
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	default:
		return errNotTaken
	}
	// Whoever sent it may go away; what is signed is taken all the same.
	cmd, pending, err := w.Intake.Accept(context.WithoutCancel(c.Request.Context()), event)
	if err != nil {
		e.cfg.Log.ErrorContext(c, "event not stored", "event", event.ID, "type", event.Type, "error", err)
		return deliveryRefusal(err)
	}
	if pending {
		w.finish(c.Request.Context(), e, cmd)
	}
	c.JSON(http.StatusOK, wire.Received{Received: true})
	return nil
}

func deliveryRefusal(err error) *domain.Error {
	switch {
	case errors.Is(err, stripe.ErrMissingSignature):
		return errUnsigned
	case errors.Is(err, stripe.ErrBadSignature), errors.Is(err, stripe.ErrStale):
		return errBadSignature
	case errors.Is(err, stripe.ErrTooLarge):
		return errBodyTooLarge
	case errors.Is(err, stripe.ErrMalformed):
		return errNotAnEvent
	default:
		return errNotTaken
	}
}

// finish sends the command and waits until it is applied and, if it opens or closes
// access, until that has happened. When the time is over the sweeper and the relay
// finish the work.
func (w *WebhookRoutes) finish(ctx context.Context, e *Edge, cmd events.Command) {
	handled, done := e.cfg.Dispatcher.Watch("access", cmd.ID)
	defer func() { done() }()
	sending, cancel := context.WithTimeout(ctx, e.cfg.Wait)
	defer cancel()
	reply, err := e.cfg.Dispatcher.Send(sending, cmd)
	if err != nil {
		e.cfg.Log.WarnContext(ctx, "stored event waits for the sweeper", "command", cmd.ID, "error", err)
		return
	}
	if reply.Awaits == 0 {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, accessWait)
	defer cancel()
	// One report of the reaction may be of the first of several events: the marks
	// decide, the reports only say when to look.
	for {
		n, err := w.handled(waiting, cmd.ID)
		if err != nil || n >= reply.Awaits {
			return
		}
		select {
		case <-waiting.Done():
			e.cfg.Log.InfoContext(ctx, "answered before access followed", "command", cmd.ID)
			return
		case <-handled:
			done()
			handled, done = e.cfg.Dispatcher.Watch("access", cmd.ID)
		}
	}
}

// handled counts the events of a command that the access reaction has handled.
func (w *WebhookRoutes) handled(ctx context.Context, cause string) (n int, err error) {
	err = w.Intake.Pool.QueryRow(ctx, `SELECT count(*) FROM reaction_inbox WHERE causation_id = $1 AND reaction = 'access'`, cause).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("look for the reaction's marks: %w", err)
	}
	return n, nil
}
