package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDepth is how deep an event's JSON may nest. Stripe's own stay below 12.
const maxDepth = 32

// maxIDLength bounds an id read from an event; Stripe promises at most 255 characters.
const maxIDLength = 255

var (
	// ErrMalformed says that the payload is not an event that can be read. Respond with 400.
	ErrMalformed = errors.New("stripe: the event is malformed")
	// ErrOtherObject says that the event is about another kind of object than the caller reads.
	ErrOtherObject = errors.New("stripe: the event is about another object")
)

// The event types that the purchase context acts on.
const (
	EventCheckoutCompleted   = "checkout.session.completed"
	EventCheckoutExpired     = "checkout.session.expired"
	EventCheckoutAsyncPaid   = "checkout.session.async_payment_succeeded"
	EventCheckoutAsyncFailed = "checkout.session.async_payment_failed"
	EventChargeRefunded      = "charge.refunded"
	EventRefundCreated       = "refund.created"
	EventRefundUpdated       = "refund.updated"
	EventRefundFailed        = "refund.failed"
	EventChargeRefundUpdated = "charge.refund.updated"
	EventDisputeCreated      = "charge.dispute.created"
	EventDisputeUpdated      = "charge.dispute.updated"
	EventDisputeClosed       = "charge.dispute.closed"
	EventFundsWithdrawn      = "charge.dispute.funds_withdrawn"
	EventFundsReinstated     = "charge.dispute.funds_reinstated"
	EventAccountUpdated      = "account.updated"
	EventAccountDeauthorized = "account.application.deauthorized"
)

// The events that lead to a change here, as the endpoints subscribe to them.
var (
	CheckoutEvents = []string{
		EventCheckoutCompleted,
		EventCheckoutExpired,
		EventCheckoutAsyncPaid,
		EventCheckoutAsyncFailed,
	}
	RefundEvents = []string{
		EventChargeRefunded,
		EventRefundCreated,
		EventRefundUpdated,
		EventRefundFailed,
		EventChargeRefundUpdated,
	}
	DisputeEvents = []string{
		EventDisputeCreated,
		EventDisputeUpdated,
		EventDisputeClosed,
		EventFundsWithdrawn,
		EventFundsReinstated,
	}
)

// Event is what is common to all events, of any API version.
type Event struct {
	// ID is unique per event; deliveries of one event share it.
	ID string
	// Type is for example "charge.refunded".
	Type string
	// Created is zero when the event names no time.
	Created    time.Time
	APIVersion string
	Livemode   bool
	// Account is the connected account the event belongs to; empty for our own.
	Account string
	// Raw is the whole event as received.
	Raw json.RawMessage
	// Thin says that the event is of API v2: it names an object instead of carrying it, and
	// nothing here follows from it.
	Thin bool

	object json.RawMessage
}

// DecodeEvent reads an event without checking a signature: for events fetched from the API.
// It rejects payloads above MaxPayload, invalid UTF-8 and nesting beyond 32 levels.
func DecodeEvent(payload []byte) (Event, error) {
	if len(payload) > MaxPayload {
		return Event{}, ErrTooLarge
	}
	if !utf8.Valid(payload) {
		return Event{}, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	if depth(payload) > maxDepth {
		return Event{}, fmt.Errorf("%w: nested too deeply", ErrMalformed)
	}
	var in struct {
		ID         text   `json:"id"`
		Object     text   `json:"object"`
		Type       text   `json:"type"`
		Created    moment `json:"created"`
		APIVersion text   `json:"api_version"`
		Livemode   flag   `json:"livemode"`
		Account    ref    `json:"account"`
		Data       data   `json:"data"`
	}
	if err := json.Unmarshal(payload, &in); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if in.ID == "" || len(in.ID) > maxIDLength || in.Type == "" || len(in.Type) > maxIDLength {
		return Event{}, fmt.Errorf("%w: id or type is missing", ErrMalformed)
	}
	event := Event{
		ID:         string(in.ID),
		Type:       string(in.Type),
		APIVersion: string(in.APIVersion),
		Livemode:   bool(in.Livemode),
		Account:    string(in.Account),
		Raw:        bytes.Clone(payload),
		Created:    time.Time(in.Created),
		Thin:       strings.HasPrefix(string(in.Object), "v2."),
		object:     in.Data.Object,
	}
	return event, nil
}

// depth counts how deep brackets nest, ignoring those inside strings. It runs before the
// JSON parser does, so that a hostile body costs one pass and no stack.
func depth(payload []byte) int {
	deepest, level := 0, 0
	inString, escaped := false, false
	for _, c := range payload {
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// The types below read fields tolerantly: a missing or null field is the zero value, and a
// field in another shape than expected is an error only where a wrong value would hurt.

// text is a string; anything else counts as missing.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
	}
	return nil
}

// flag is a boolean; anything else counts as false.
type flag bool

func (f *flag) UnmarshalJSON(data []byte) error {
	*f = flag(bytes.Equal(data, []byte("true")))
	return nil
}

// data is the field of that name: the object of the event. In events of API v2 it has
// another form, or none.
type data struct{ Object json.RawMessage }

func (d *data) UnmarshalJSON(raw []byte) error {
	var in struct {
		Object json.RawMessage `json:"object"`
	}
	if json.Unmarshal(raw, &in) == nil {
		d.Object = in.Object
	}
	return nil
}

// moment is a time in unix seconds or, in API v2, in RFC 3339; zero when it is missing.
type moment time.Time

func (m *moment) UnmarshalJSON(raw []byte) error {
	var written text
	if _ = json.Unmarshal(raw, &written); written != "" {
		at, err := time.Parse(time.RFC3339, string(written))
		if err != nil {
			return errors.New("not a time")
		}
		*m = moment(at.UTC())
		return nil
	}
	var seconds integer
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return err
	}
	if seconds > 0 {
		*m = moment(time.Unix(int64(seconds), 0).UTC())
	}
	return nil
}

// ref is an object named by its id or, when the sender expanded it, by itself.
type ref string

func (r *ref) UnmarshalJSON(data []byte) error {
	var id string
	if json.Unmarshal(data, &id) == nil {
		*r = ref(id)
		return nil
	}
	var object struct {
		ID text `json:"id"`
	}
	if json.Unmarshal(data, &object) == nil {
		*r = ref(object.ID)
	}
	return nil
}

// integer is a whole number, also when written 2999.0 or 3e3. A fraction or a number
// beyond 53 bits is an error: it may be money.
type integer int64

func (i *integer) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	number, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		// A float holds whole numbers exactly up to 53 bits; a fraction stays visible.
		float, err := strconv.ParseFloat(string(data), 64)
		if err != nil || float != math.Trunc(float) || math.Abs(float) > 1<<53 {
			return errors.New("not a whole number")
		}
		number = int64(float)
	}
	*i = integer(number)
	return nil
}

// labels is a metadata object. Values that are not strings keep their JSON text; anything
// that is not an object counts as empty.
type labels map[string]string

func (l *labels) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if json.Unmarshal(data, &raw) != nil || len(raw) == 0 {
		return nil //nolint:nilerr // read tolerantly: anything else is no labels
	}
	out := make(labels, len(raw))
	for key, value := range raw {
		var s string
		switch {
		case json.Unmarshal(value, &s) == nil:
			out[key] = s
		default:
			out[key] = string(value)
		}
	}
	*l = out
	return nil
}
