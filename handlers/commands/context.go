package commands

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// Context is a bounded context's side of the runner.
type Context interface {
	// Name is the first part of its commands' types, for example "content".
	Name() string
	// Open starts to apply a batch. A command that cannot be decoded is remembered
	// and refused by Decide.
	Open(batch []events.Command) Unit
}

// Unit applies one batch inside one transaction. Its methods are called in the
// order Load, Decide for every command, Save.
type Unit interface {
	// Load queues every read of the batch, locked where the rows will be written,
	// in the order user, organization, content, media, purchase, by id within each.
	Load(b *pgx.Batch)
	// Decide applies the i-th command to the loaded state. An error that is a
	// domain.Error is a rejection and must leave the state as it was.
	Decide(i int, now time.Time) (Outcome, error)
	// Save queues the writes of everything that Decide changed.
	Save(b *pgx.Batch) error
}

// decode returns the payloads of a batch: of each command the struct that payload
// names for its type, or the error to refuse it with.
func decode(batch []events.Command, payload func(command string) any) []any {
	payloads := make([]any, len(batch))
	for i, cmd := range batch {
		if payloads[i] = payload(cmd.Type); payloads[i] == nil {
			payloads[i] = fmt.Errorf("unknown command %q", cmd.Type)
		} else if err := json.Unmarshal(cmd.Payload, payloads[i]); err != nil {
			payloads[i] = fmt.Errorf("decode %s: %w", cmd.Type, err)
		}
	}
	return payloads
}

// Outcome is what a command led to.
type Outcome struct {
	// Status is the HTTP status of success.
	Status int
	// Body is the answer, in its envelope; nil for 204.
	Body any
	// Facts go to the outbox, in this order.
	Facts []events.Fact
}

// Created is the outcome 201 with the new resource.
func Created(resource any, facts ...events.Fact) Outcome {
	return Outcome{Status: http.StatusCreated, Body: wire.Single{Data: resource}, Facts: facts}
}

// Changed is the outcome 200 with the resource as it is now.
func Changed(resource any, facts ...events.Fact) Outcome {
	return Outcome{Status: http.StatusOK, Body: wire.Single{Data: resource}, Facts: facts}
}

// Done is the outcome 204.
func Done(facts ...events.Fact) Outcome {
	return Outcome{Status: http.StatusNoContent, Facts: facts}
}
