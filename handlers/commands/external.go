package commands

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
)

// External is the table of a context whose commands call the outside between two
// transactions. They are applied one by one, concurrently.
type External struct {
	name     string
	timeout  time.Duration
	commands []string
	prepare  map[string]prepare
}

// ExternalHandler is one row of an external context's table.
type ExternalHandler struct {
	name    string
	prepare prepare
}

type prepare func(ctx context.Context, tx pgx.Tx, cmd events.Command, now time.Time) (Call, Outcome, error)

// Call calls the outside, outside any transaction. A domain.Error is a rejection, stored
// like any outcome, unless its class says that the outside is unavailable: then a client
// that waits gets it, and nothing is known about the command. Any other error means that the
// result is unknown, and the command is tried again from the start. The returned Finish is
// the second transaction.
type Call func(ctx context.Context) (Finish, error)

// Finish stores a call's result and gives the command's outcome.
type Finish func(ctx context.Context, tx pgx.Tx, now time.Time) (Outcome, error)

// externalTimeout is the default bound of one attempt, the call included.
const externalTimeout = 30 * time.Second

// HandleExternal returns the row of a command whose payload is a P.
//
// Prepare is the first transaction. It decides, and writes what the call needs in order
// to be repeated with the same idempotency key after a crash. It returns the call to
// make, or, when none is needed, a nil call and the outcome. A domain.Error is a
// rejection and undoes nothing that prepare wrote.
func HandleExternal[P any](
	name string,
	prepare func(ctx context.Context, tx pgx.Tx, cmd events.Command, p *P, now time.Time) (Call, Outcome, error),
) ExternalHandler {
	return ExternalHandler{
		name: name,
		prepare: func(ctx context.Context, tx pgx.Tx, cmd events.Command, now time.Time) (Call, Outcome, error) {
			payload, err := decodePayload[P](name, cmd.Payload)
			if err != nil {
				return nil, Outcome{}, &decisionError{err}
			}
			return prepare(ctx, tx, cmd, payload, now)
		},
	}
}

// NewExternal returns the external context of this name. The timeout bounds one attempt,
// the call included; 0 is 30 s. NewExternal panics as [NewContext] does.
func NewExternal(name string, timeout time.Duration, handlers ...ExternalHandler) External {
	x := External{
		name:    name,
		timeout: cmp.Or(timeout, externalTimeout),
		prepare: make(map[string]prepare, len(handlers)),
	}
	for _, h := range handlers {
		x.commands = appendCommand(x.commands, name, h.name)
		x.prepare[h.name] = h.prepare
	}
	return x
}

// Name is the first part of its commands' names, for example "checkout".
func (x External) Name() string { return x.name }

// Commands are the names of its commands, in the order of the table.
func (x External) Commands() []string { return x.commands }
