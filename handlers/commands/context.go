package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
)

// Batch is the state that the commands of one context share while they are applied
// together. It is opened empty for every transaction.
type Batch interface {
	// Load queues every read that the commands asked for, locked where the rows will be
	// written, in the order user, organization, content, media, purchase, by id within
	// each.
	Load(b *pgx.Batch)
	// Save queues the writes of everything that the commands changed.
	Save(b *pgx.Batch) error
}

// Handler is one row of a context's table: a command and what applies it.
type Handler[B Batch] struct {
	name   string
	decode func(json.RawMessage) (any, error)
	want   func(b B, cmd events.Command, payload any)
	decide func(b B, cmd events.Command, payload any, now time.Time) (Outcome, error)
}

// Handle returns the row of a command whose payload is a P.
//
// Want notes in the batch what has to be loaded for the command; it may be nil. Decide
// applies the command to the loaded state, which holds what the commands before it in
// the batch changed. An error that is a domain.Error is a rejection, and decide must
// leave the state as it was; any other error means that the command cannot be applied.
func Handle[B Batch, P any](
	name string,
	want func(b B, cmd events.Command, p *P),
	decide func(b B, cmd events.Command, p *P, now time.Time) (Outcome, error),
) Handler[B] {
	h := Handler[B]{
		name:   name,
		decode: func(data json.RawMessage) (any, error) { return decodePayload[P](name, data) },
		decide: func(b B, cmd events.Command, payload any, now time.Time) (Outcome, error) {
			return decide(b, cmd, payload.(*P), now) //nolint:forcetypeassert // decode made it
		},
	}
	if want != nil {
		h.want = func(b B, cmd events.Command, payload any) {
			want(b, cmd, payload.(*P)) //nolint:forcetypeassert // decode made it
		}
	}
	return h
}

func decodePayload[P any](name string, data json.RawMessage) (*P, error) {
	payload := new(P)
	if err := json.Unmarshal(data, payload); err != nil {
		return nil, fmt.Errorf("decode %s: %w", name, err)
	}
	return payload, nil
}

// Context is a bounded context's table of handlers. Its commands are applied in batches.
type Context struct {
	name     string
	commands []string
	open     func(cmds []events.Command) unit
}

// Name is the first part of its commands' names, for example "content".
func (c Context) Name() string { return c.name }

// Commands are the names of its commands, in the order of the table.
func (c Context) Commands() []string { return c.commands }

// NewContext returns the context of this name; open returns an empty batch. It panics on
// a command that has two handlers and on one whose name is of another context: both are
// mistakes in the program.
func NewContext[B Batch](name string, open func() B, handlers ...Handler[B]) Context {
	c := Context{name: name}
	table := make(map[string]Handler[B], len(handlers))
	for _, h := range handlers {
		c.commands = appendCommand(c.commands, name, h.name)
		table[h.name] = h
	}
	c.open = func(cmds []events.Command) unit { return openBatch(open(), table, cmds) }
	return c
}

// appendCommand adds a command to those of a context.
func appendCommand(commands []string, context, command string) []string {
	if of := (events.Command{Type: command}).Context(); of != context {
		panic(fmt.Sprintf("command %q is of context %q, not of %q", command, of, context))
	}
	if slices.Contains(commands, command) {
		panic(fmt.Sprintf("command %q has two handlers", command))
	}
	return append(commands, command)
}

// unit applies one batch inside one transaction. Its methods are called in the order
// load, decide for every command, save.
type unit interface {
	load(b *pgx.Batch)
	decide(i int, now time.Time) (Outcome, error)
	save(b *pgx.Batch) error
}

// openUnit is a batch with the commands that it applies.
type openUnit[B Batch] struct {
	batch B
	cmds  []events.Command
	bound []boundCommand[B]
}

// boundCommand is a command's handler and payload, or why it has none.
type boundCommand[B Batch] struct {
	handler Handler[B]
	payload any
	err     error
}

// openBatch decodes the commands of a batch and calls their want. A command that
// cannot be decoded is remembered and fails when it is decided.
func openBatch[B Batch](batch B, table map[string]Handler[B], cmds []events.Command) *openUnit[B] {
	u := &openUnit[B]{batch: batch, cmds: cmds, bound: make([]boundCommand[B], len(cmds))}
	for i, cmd := range cmds {
		u.bound[i] = bind(batch, table, cmd)
	}
	return u
}

func bind[B Batch](batch B, table map[string]Handler[B], cmd events.Command) (bound boundCommand[B]) {
	defer func() {
		if p := recover(); p != nil {
			bound.err = fmt.Errorf("panic: %v", p)
		}
	}()
	handler, known := table[cmd.Type]
	if !known {
		return boundCommand[B]{err: fmt.Errorf("unknown command %q", cmd.Type)}
	}
	payload, err := handler.decode(cmd.Payload)
	if err == nil && handler.want != nil {
		handler.want(batch, cmd, payload)
	}
	return boundCommand[B]{handler: handler, payload: payload, err: err}
}

func (u *openUnit[B]) load(b *pgx.Batch) { u.batch.Load(b) }

func (u *openUnit[B]) save(b *pgx.Batch) error { return u.batch.Save(b) }

func (u *openUnit[B]) decide(i int, now time.Time) (Outcome, error) {
	bound := u.bound[i]
	if bound.err != nil {
		return Outcome{}, bound.err
	}
	return bound.handler.decide(u.batch, u.cmds[i], bound.payload, now)
}

// State is what a batch loaded of one kind of aggregate, and what its commands changed of
// it.
type State[K comparable, V any] struct {
	// Rows are the aggregates as the next command finds them. Load fills it.
	Rows map[K]V

	changed map[K]bool
	order   []K
}

// NewState returns an empty state.
func NewState[K comparable, V any]() *State[K, V] {
	return &State[K, V]{Rows: map[K]V{}, changed: map[K]bool{}}
}

// Put makes a row's next state visible to the commands that follow in the batch, and one
// that has to be saved.
func (s *State[K, V]) Put(key K, value V) {
	s.Rows[key] = value
	if !s.changed[key] {
		s.changed[key] = true
		s.order = append(s.order, key)
	}
}

// Changed returns what has to be saved, as it is now, in the order of the first changes.
// Rows that were removed since are left out.
func (s *State[K, V]) Changed() []V {
	values := make([]V, 0, len(s.order))
	for _, key := range s.order {
		if value, ok := s.Rows[key]; ok {
			values = append(values, value)
		}
	}
	return values
}
