package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

const (
	// applyTimeout bounds one transaction.
	applyTimeout = 15 * time.Second
	// stopGrace is how long a transaction may go on after a stop.
	stopGrace = 5 * time.Second
)

// result is one command's outcome after the commit.
type result struct {
	cmd     events.Command
	reply   events.Reply
	emitted bool
}

// decided is what a batch led to, before it is written.
type decided struct {
	results  []result
	outcomes outcomes
	events   []events.Event
}

// apply applies a batch in one transaction, within applyTimeout. When ctx is cancelled
// meanwhile, it has stopGrace to finish. Without lookUp the commands are taken
// to be new; should one not be, its insert fails and with it the batch.
func (r *Runner) apply(
	ctx context.Context, c Context, cmds []events.Command, lookUp bool,
) (results []result, err error) {
	ctx, release := bus.WithGrace(ctx, stopGrace)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	ctx, spans := startSpans(ctx, cmds)
	defer func() { spans.end(err) }()
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("acquire: %w", err)
	}
	defer conn.Release()
	defer func() {
		if err != nil {
			rollback(ctx, conn.Conn())
		}
	}()

	unit := c.open(cmds)
	known := map[string]Record{}
	if err := load(ctx, conn.Conn(), unit, cmds, lookUp, known); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}

	d, err := r.decide(unit, cmds, known)
	if err != nil {
		return nil, err
	}

	save := &pgx.Batch{}
	if err := unit.save(save); err != nil {
		return nil, err
	}
	outbox.Queue(save, d.events)
	d.outcomes.queue(save)
	save.Queue("COMMIT")
	if err := conn.SendBatch(ctx, save).Close(); err != nil {
		return nil, fmt.Errorf("save: %w", err)
	}
	return d.results, nil
}

// load reads everything the batch needs in one round trip, which also begins the
// transaction.
func load(
	ctx context.Context, conn *pgx.Conn, unit unit, cmds []events.Command, lookUp bool, known map[string]Record,
) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	if lookUp {
		queueFind(b, cmds, known)
	}
	unit.load(b)
	return conn.SendBatch(ctx, b).Close()
}

func rollback(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx) // the pool drops it
	}
}

// decide runs the context over the batch, in order. A command that has an outcome gets
// that one.
func (r *Runner) decide(unit unit, cmds []events.Command, known map[string]Record) (decided, error) {
	now := r.now()
	d := decided{results: make([]result, 0, len(cmds))}
	for i, cmd := range cmds {
		rec, accepted := known[cmd.ID]
		if accepted && rec.holds(cmd) {
			d.results = append(d.results, result{cmd: cmd, reply: rec.Reply()})
			continue
		}

		reply, facts, err := decideOne(unit, i, cmd, now)
		if err != nil {
			return decided{}, err
		}
		journal, err := newEvents(facts, events.CauseOf(cmd, now))
		if err != nil {
			return decided{}, err
		}

		d.events = append(d.events, journal...)
		d.outcomes.add(cmd, reply, accepted, now)
		d.results = append(d.results, result{cmd: cmd, reply: reply, emitted: len(journal) > 0})
		known[cmd.ID] = Record{
			ID:             cmd.ID,
			Status:         statusOf(reply.Status),
			Hash:           reply.PayloadHash,
			ResponseStatus: reply.Status,
			ResponseBody:   reply.Body,
			ResourceID:     reply.ResourceID,
		}
	}
	return d, nil
}

// decideOne decides one command. A rejection is a reply; a panic is an error.
func decideOne(
	unit unit, i int, cmd events.Command, now time.Time,
) (reply events.Reply, facts []events.Fact, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &decisionError{fmt.Errorf("panic: %v", p)}
		}
	}()
	outcome, err := unit.decide(i, now)
	if err != nil {
		rejection, ok := domain.AsError(err)
		if !ok {
			return events.Reply{}, nil, &decisionError{fmt.Errorf("decide %s: %w", cmd.Type, err)}
		}
		outcome = Rejected(rejection)
	}
	reply, err = outcome.reply(cmd, cmd.PayloadHash())
	return reply, outcome.Facts, err
}

// newEvents puts facts into their envelopes.
func newEvents(facts []events.Fact, cause events.Cause) ([]events.Event, error) {
	list := make([]events.Event, len(facts))
	for i, fact := range facts {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("new event id: %w", err)
		}
		if list[i], err = fact.Event(id.String(), cause); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// seenBefore reports whether a command may have a row already: it was delivered
// before, an edge accepted it (no request waits for it then), or its id is not a fresh
// one but follows from a key that the client may use again.
func seenBefore(d bus.Delivery) bool {
	if d.Command.ReplyTo == "" || d.Deliveries() > 1 {
		return true
	}
	id, err := uuid.Parse(d.Command.ID)
	return err != nil || id.Version() != 7
}

// readable returns the commands of a batch; what cannot be read as one becomes a
// dead letter.
func (r *Runner) readable(ctx context.Context, consumer string, batch []bus.Delivery) []events.Command {
	cmds := make([]events.Command, 0, len(batch))
	for _, d := range batch {
		err := d.Err
		if err == nil {
			_, err = uuid.Parse(d.Command.ID)
		}
		if err == nil && d.Command.Context() != consumer {
			err = fmt.Errorf("command %q is not of context %s", d.Command.Type, consumer)
		}
		if err == nil {
			cmds = append(cmds, d.Command)
			continue
		}
		pauses := newPauses()
		for r.deadLetter(ctx, consumer, d, err) != nil && pauses.wait(ctx) == nil {
			continue
		}
	}
	return cmds
}
