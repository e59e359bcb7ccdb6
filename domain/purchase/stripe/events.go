package stripe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
)

// maxListed bounds what one ListEvents holds in memory (about 4 KiB an event).
const maxListed = 10_000

// eventPage is one page of the events list with every event as it was sent, so that the
// same tolerant reading serves list and webhook.
type eventPage struct {
	stripego.APIResource
	Data    []json.RawMessage `json:"data"`
	HasMore bool              `json:"has_more"`
}

// ListEvents returns the events created at or after since, oldest first, of the given
// types (at most 20; none means all). Stripe keeps events for 30 days. When there are more
// than 10 000 it returns the oldest of them: go on with the last one's Created as since,
// and expect to see that second's events again.
func (c *Client) ListEvents(ctx context.Context, since time.Time, types []string) ([]Event, error) {
	var until time.Time
	for {
		events, complete, err := c.listEvents(ctx, since, until, types)
		if err != nil {
			return nil, err
		}
		// Stripe pages from the newest, so what is cut off is the oldest: halve the span
		// until the oldest part fits. One second cannot be halved and is taken as it is.
		newest, oldest := events, since
		if complete || len(newest) == 0 {
			return events, nil
		}
		span := newest[len(newest)-1].Created.Sub(oldest)
		if span < 2*time.Second {
			return nil, fmt.Errorf("stripe: list events: more than %d events within %s", maxListed, span)
		}
		until = oldest.Add(span / 2)
	}
}

// listEvents reads [since, until) newest first, at most maxListed, and returns them oldest
// first. complete is false when more existed.
func (c *Client) listEvents(ctx context.Context, since, until time.Time, types []string) (_ []Event, complete bool, _ error) {
	const op = "list events"
	var (
		all    []Event
		cursor string
	)
	for {
		page, err := c.eventPage(ctx, since, until, types, cursor)
		if err != nil {
			return nil, false, classify(op, err)
		}
		for _, raw := range page.Data {
			event, err := DecodeEvent(raw)
			if err != nil {
				return nil, false, fmt.Errorf("stripe: %s: %w", op, err)
			}
			all = append(all, event)
			cursor = event.ID
		}
		done := !page.HasMore || len(page.Data) == 0
		if done || len(all) >= maxListed {
			slices.Reverse(all)
			return all, done, nil
		}
	}
}

func (c *Client) eventPage(ctx context.Context, since, until time.Time, types []string, cursor string) (*eventPage, error) {
	params := &stripego.EventListParams{
		CreatedRange: &stripego.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
		Types:        stripego.StringSlice(types),
	}
	if !until.IsZero() {
		params.CreatedRange.LesserThan = until.Unix()
	}
	params.Limit = stripego.Int64(pageSize)
	params.StartingAfter = optional(cursor)
	values := &form.Values{}
	form.AppendTo(values, params)
	page := &eventPage{}
	common := &stripego.Params{Context: ctx}
	if err := c.backend.CallRaw(http.MethodGet, "/v1/events", c.key, values, common, page); err != nil {
		return nil, err
	}
	return page, nil
}

func unixText(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
