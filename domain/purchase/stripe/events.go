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

// defaultMaxListed bounds what one ListEvents holds in memory (about 4 KiB an event).
const defaultMaxListed = 10_000

// eventPage is one page of the events list with every event as it was sent, so that the
// same tolerant reading serves list and webhook.
type eventPage struct {
	stripego.APIResource
	Data    []json.RawMessage `json:"data"`
	HasMore bool              `json:"has_more"`
}

// ListEvents returns the events created at or after since, oldest first, of the given
// types (at most 20; none means all). Stripe keeps events for 30 days. When there are more
// than 10 000 it returns the oldest part of them: go on with the last one's Created as
// since, and expect to see that second's events again.
func (c *Client) ListEvents(ctx context.Context, since time.Time, types []string) ([]Event, error) {
	if since.Unix() < 0 {
		since = time.Unix(0, 0)
	}
	var until time.Time // zero: no end
	for {
		events, complete, err := c.listEvents(ctx, since, until, types)
		switch {
		case err != nil:
			return nil, err
		case complete && len(events) == 0 && !until.IsZero():
			since, until = until, time.Time{} // this part was empty, the rest is not
			continue
		case complete:
			return events, nil
		}
		// Stripe pages from the newest, so what is cut off is the oldest: halve the span
		// until its oldest part fits. One second cannot be halved.
		span := events[len(events)-1].Created.Sub(since)
		if !until.IsZero() {
			span = until.Sub(since)
		}
		if span < 2*time.Second {
			return nil, fmt.Errorf("stripe: list events: more than %d within %s", c.maxListed, span)
		}
		until = since.Add(span / 2)
	}
}

// listEvents reads [since, until) newest first, at most c.maxListed, and returns them oldest
// first. complete is false when more existed.
func (c *Client) listEvents(
	ctx context.Context, since, until time.Time, types []string,
) (_ []Event, complete bool, _ error) {
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
		if done || len(all) >= c.maxListed {
			slices.Reverse(all)
			return all, done, nil
		}
	}
}

func (c *Client) eventPage(
	ctx context.Context, since, until time.Time, types []string, cursor string,
) (*eventPage, error) {
	params := &stripego.EventListParams{
		CreatedRange: &stripego.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
	}
	if len(types) > 0 { // an empty list would be sent as an empty type
		params.Types = stripego.StringSlice(types)
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
