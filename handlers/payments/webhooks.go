package payments

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// webhookEndpoints are the endpoints by name.
var webhookEndpoints = []struct{ name, summary string }{
	{"booking", "Receive checkout events"},
	{"payment", "Receive payment events"},
	{"dispute", "Receive dispute events"},
	{"subscription", "Receive subscription events"},
	{"connect", "Receive payout account events"},
	{"customer", "Receive customer events"},
}

// The errors of deliveries.
var (
	errUnsigned   = strict.NewError("Stripe-Signature", "is missing")
	errNoSecret   = domain.NewError(domain.NotConfigured, "", "No signing secret is configured for this endpoint")
	errNotStored  = domain.NewError(domain.Internal, "", "The event could not be stored; send it again")
	errMalformed  = strict.NewError("", "is not an event that can be read")
	webhookErrors = []*domain.Error{errUnsigned, errNotStored, errNotApplied, errNoSecret}
)

// webhookRoutes declares one endpoint per purpose, each with its own signing secrets.
func (p *payments) webhookRoutes() []edge.Route {
	var routes []edge.Route
	for _, e := range webhookEndpoints {
		name := "stripe" + strings.ToUpper(e.name[:1]) + e.name[1:]
		routes = append(routes, p.webhookRoute(e.name, name, e.summary, p.cfg.WebhookSecrets[e.name]))
	}
	dev := p.webhookRoute("dev", "stripeDevelopment", "Receive any event", p.cfg.WebhookSecrets["booking"])
	dev.Development = true
	return append(routes, dev)
}

func (p *payments) webhookRoute(path, name, summary string, secrets []string) edge.Route {
	return edge.Route{
		Method:  "POST",
		Path:    "/webhooks/stripe/" + path,
		Name:    name,
		Summary: summary,
		Notes: "Responds with 200 once the event is stored and its effect is certain, whether or not it has one. " +
			"The effect depends on the event's type and not on the endpoint.",
		Auth:      edge.StripeSignature,
		Limit:     edge.LimitWebhook,
		Body:      StripeEvent{},
		Sends:     []string{purchase.CommandRecordEvent},
		Responses: []edge.Response{{Status: http.StatusOK, Body: Received{}}},
		Errors:    webhookErrors,
		Handle:    func(c *edge.Request) error { return p.receive(c, secrets) },
	}
}

// receive responds with 200 once the event is stored and its command is applied or sure to
// be: accepted in the same transaction, so that the sweeper sends it until it has an
// outcome. It waits for the effects only so that a client that reads right after finds them.
// Any failure here is 500, after which Stripe sends the event again.
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
		p.cfg.Log.WarnContext(c, "webhook rejected", "route", c.FullPath(), "error", err)
		return webhookError(err)
	}

	if err := strict.Storable(payload); err != nil {
		p.cfg.Log.WarnContext(c, "webhook rejected", "route", c.FullPath(), "error", err)
		return errMalformed
	}

	// The event is stored even if the sender closes the connection.
	cmd, pending, err := p.ingester.accept(context.WithoutCancel(c.Request.Context()), event)
	if err != nil {
		p.cfg.Log.ErrorContext(c, "event not stored", "event", event.ID, "type", event.Type, "error", err)
		return webhookError(err)
	}
	if pending {
		if err := p.apply(c.Request.Context(), cmd); err != nil {
			return err
		}
	}
	c.JSON(http.StatusOK, Received{Received: true})
	return nil
}

func webhookError(err error) *domain.Error {
	switch {
	case errors.Is(err, stripe.ErrMissingSignature):
		return errUnsigned
	case errors.Is(err, stripe.ErrBadSignature), errors.Is(err, stripe.ErrStale):
		return edge.ErrBadSignature
	case errors.Is(err, stripe.ErrTooLarge):
		return edge.ErrBodyTooLarge
	case errors.Is(err, stripe.ErrMalformed):
		return errMalformed
	default:
		return errNotStored
	}
}
