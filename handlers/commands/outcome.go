package commands

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Outcome is what a command led to. It is stored with the command and is the response to
// its request.
type Outcome struct {
	// Status is the HTTP status.
	Status int
	// Data is the resource of the response, which gets the envelope {"data": …}; nil for
	// a response without a body.
	Data any
	// ResourceID says that Data is a resource which can be read again by this id: then the id is
	// stored and Data is not. See [Outcome.Of].
	ResourceID string
	// KeepFor is how long Data is kept that has no such id; 0 is as long as the command.
	KeepFor time.Duration
	// Facts go to the outbox, in this order.
	Facts []events.Fact
	// Awaits is how many of the facts a projection will handle whose effect the client
	// expects with the response; see [events.Reply].
	Awaits int

	rejection *domain.Error
}

// Created is the outcome 201 with the new resource.
func Created(data any, facts ...events.Fact) Outcome {
	return Outcome{Status: http.StatusCreated, Data: data, Facts: facts}
}

// OK is the outcome 200 with the resource as it is now.
func OK(data any, facts ...events.Fact) Outcome {
	return Outcome{Status: http.StatusOK, Data: data, Facts: facts}
}

// NoContent is the outcome 204.
func NoContent(facts ...events.Fact) Outcome {
	return Outcome{Status: http.StatusNoContent, Facts: facts}
}

// Rejected is the outcome of a rejected command. A decision usually returns the error
// instead; only one that has facts or writes as well needs the outcome.
func Rejected(err *domain.Error, facts ...events.Fact) Outcome {
	status, _ := ErrorResponse(err)
	return Outcome{Status: status, Facts: facts, rejection: err}
}

// Of says that the response shows the resource with this id. The response is never stored: when
// it is given again, the module of the command reads the resource, with the rights that the user
// has then.
func (o Outcome) Of(id string) Outcome {
	o.ResourceID = id
	return o
}

// For says that the response is kept for this long only, because it opens something.
func (o Outcome) For(keep time.Duration) Outcome {
	o.KeepFor = keep
	return o
}

// envelope is the envelope of one resource.
type envelope struct {
	Data any `json:"data"`
}

// reply returns the outcome of a command as its client sees it.
func (o Outcome) reply(cmd events.Command, hash string) (events.Reply, error) {
	reply := events.Reply{
		CommandID:   cmd.ID,
		Status:      o.Status,
		PayloadHash: hash,
		Awaits:      o.Awaits,
		ResourceID:  o.ResourceID,
	}
	var body any
	switch {
	case o.rejection != nil:
		_, body = ErrorResponse(o.rejection)
	case o.Data != nil:
		body = envelope{o.Data}
	default:
		return reply, nil
	}
	data, err := json.Marshal(body)
	if err != nil {
		return events.Reply{}, fmt.Errorf("marshal response to %s: %w", cmd.Type, err)
	}
	reply.Body = data
	return reply, nil
}
