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

// EventList is a part of Stripe's list of events.
type EventList struct {
	// Events are in the order in which they were created, oldest first.
	Events []Event
	// Unreadable are the entries that are no event of a known form.
	Unreadable []UnreadableEvent
	// Until is where the list goes on: this part holds every event that was created
	// before. Zero when nothing is left.
	Until time.Time
}

// UnreadableEvent is an entry of the list that cannot be read as an event.
type UnreadableEvent struct {
	// ID is empty when the entry has none.
	ID    string
	Raw   json.RawMessage
	Cause error
}

// ListEvents returns the events created at or after since, of the given types (at most 20;
// none means all). Stripe keeps events for 30 days. When there are more than 10 000 it
// returns the oldest part of them: go on with its Until as since. An entry that cannot be
// read does not hold up the others.
func (c *Client) ListEvents(ctx context.Context, since time.Time, types []string) (EventList, error) {
	if since.Unix() < 0 {
		since = time.Unix(0, 0)
	}
	var until time.Time // zero: no end
	limit := c.maxListed
	for {
		list, complete, err := c.listEvents(ctx, since, until, types, limit)
		switch {
		case err != nil:
			return EventList{}, err
		case complete && len(list.Events)+len(list.Unreadable) == 0 && !until.IsZero():
			since, until = until, time.Time{} // this part was empty, the rest is not
			continue
		case complete:
			list.Until = until
			return list, nil
		}
		// Stripe pages from the newest, so what is cut off is the oldest: halve the span
		// until its oldest part fits. One second cannot be halved, and is read whole.
		end := until
		if end.IsZero() && len(list.Events) > 0 {
			end = list.Events[len(list.Events)-1].Created.Add(time.Second)
		}
		if span := end.Sub(since); span >= 2*time.Second {
			until = since.Add(span / 2)
		} else {
			limit = 0
		}
	}
}

// listEvents reads [since, until) newest first, at most limit unless it is 0, and returns
// them oldest first. complete is false when more existed.
func (c *Client) listEvents(
	ctx context.Context, since, until time.Time, types []string, limit int,
) (list EventList, complete bool, _ error) {
	const op = "list events"
	cursor := ""
	for {
		page, err := c.eventPage(ctx, since, until, types, cursor)
		if err != nil {
			return EventList{}, false, classify(op, err)
		}
		last := cursor
		for _, raw := range page.Data {
			event, err := DecodeEvent(raw)
			if err != nil {
				event.ID = idIn(raw)
				list.Unreadable = append(list.Unreadable, UnreadableEvent{ID: event.ID, Raw: raw, Cause: err})
			} else {
				list.Events = append(list.Events, event)
			}
			if event.ID != "" {
				cursor = event.ID
			}
		}
		done := !page.HasMore || len(page.Data) == 0
		if done || (limit > 0 && len(list.Events)+len(list.Unreadable) >= limit) {
			slices.Reverse(list.Events)
			slices.Reverse(list.Unreadable)
			return list, done, nil
		}
		if cursor == last {
			return EventList{}, false, fmt.Errorf("stripe: %s: %w: a page without ids", op, ErrMalformed)
		}
	}
}

// idIn returns the id of an entry that is otherwise unreadable, or "".
func idIn(raw json.RawMessage) string {
	var entry struct {
		ID text `json:"id"`
	}
	if json.Unmarshal(raw, &entry) != nil || len(entry.ID) > maxIDLength {
		return ""
	}
	return string(entry.ID)
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
