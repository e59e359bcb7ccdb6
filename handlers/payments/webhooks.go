package payments

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
	"github.com/codex-platform/codex/handlers/reactions"
)

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

// webhookRoutes declare one endpoint per purpose, each with its own signing secrets.
func (p *payments) webhookRoutes() []edge.Route {
	route := func(path, name, summary string, secrets []string) edge.Route {
		return edge.Route{
			Method: "POST", Path: "/webhooks/stripe/" + path, Name: name, Summary: summary, Sends: []string{purchase.CommandRecordEvent},
			Notes: "Answers 200 once the event is stored, whether or not anything follows from it, and not before. " +
				"What it does depends on its type and not on the endpoint.",
			Auth: edge.StripeSignature, Limit: edge.LimitWebhook, Body: StripeEvent{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: Received{}}}, Errors: deliveryRefusals,
			Handle: func(c *edge.Request) error { return p.receive(c, secrets) },
		}
	}
	var routes []edge.Route
	for _, endpoint := range webhookEndpoints {
		routes = append(routes, route(endpoint.name, "stripe"+strings.ToUpper(endpoint.name[:1])+endpoint.name[1:], endpoint.summary,
			p.cfg.WebhookSecrets[endpoint.name]))
	}
	development := route("dev", "stripeDevelopment", "Take in any event", p.cfg.WebhookSecrets["booking"])
	development.Development = true
	return append(routes, development)
}

// receive answers 200 once the event is stored, and not before: what follows from
// it is then certain, and is waited for only so that a client that asks right after
// finds it done. Whatever went wrong on our side is 500, for which Stripe comes again.
func (p *payments) receive(c *edge.Request, secrets []string) error {
	if !slices.ContainsFunc(secrets, func(s string) bool { return s != "" }) {
		return errNoSecret
	}
	payload, err := c.ReadBody(stripe.MaxPayload)
	if err != nil {
		return err
	}
	event, err := stripe.VerifyWebhook(payload, c.GetHeader("Stripe-Signature"), secrets, p.cfg.Now())
	if err != nil {
		p.cfg.Log.WarnContext(c, "webhook refused", "route", c.FullPath(), "error", err)
		return deliveryRefusal(err)
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		return errNotTaken
	}
	// Whoever sent it may go away; what is signed is taken all the same.
	cmd, pending, err := p.ingester.Accept(context.WithoutCancel(c.Request.Context()), event)
	if err != nil {
		p.cfg.Log.ErrorContext(c, "event not stored", "event", event.ID, "type", event.Type, "error", err)
		return deliveryRefusal(err)
	}
	if pending {
		p.finish(c.Request.Context(), cmd)
	}
	c.JSON(http.StatusOK, Received{Received: true})
	return nil
}

func deliveryRefusal(err error) *domain.Error {
	switch {
	case errors.Is(err, stripe.ErrMissingSignature):
		return errUnsigned
	case errors.Is(err, stripe.ErrBadSignature), errors.Is(err, stripe.ErrStale):
		return edge.ErrBadSignature
	case errors.Is(err, stripe.ErrTooLarge):
		return edge.ErrBodyTooLarge
	case errors.Is(err, stripe.ErrMalformed):
		return errNotAnEvent
	default:
		return errNotTaken
	}
}

// finish sends the command and waits until it is applied and, if it opens or closes
// access, until that has been done. When the time is over the sweeper and the relay
// finish the work.
func (p *payments) finish(ctx context.Context, cmd events.Command) {
	sending, cancel := context.WithTimeout(ctx, p.cfg.Wait)
	defer cancel()
	reply, err := p.cfg.Dispatcher.Send(sending, cmd)
	if err != nil {
		p.cfg.Log.WarnContext(ctx, "stored event waits for the sweeper", "command", cmd.ID, "error", err)
		return
	}

	waiting, cancel := context.WithTimeout(ctx, accessWait)
	defer cancel()
	err = p.cfg.Dispatcher.WaitHandled(waiting, access.GrantProjection, cmd.ID, reply.Awaits, func(ctx context.Context) (int, error) {
		return reactions.Handled(ctx, p.cfg.Pool, access.GrantProjection, cmd.ID)
	})
	if err != nil {
		p.cfg.Log.InfoContext(ctx, "answered before access followed", "command", cmd.ID, "error", err)
	}
}
