package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/wire"
	"github.com/codex-platform/codex/outbox"
)

// applyTimeout bounds one transaction.
const applyTimeout = 15 * time.Second

// result is one command's outcome after the commit.
type result struct {
	cmd     events.Command
	reply   events.Reply
	emitted bool
}

// record is a row of the commands table.
type record struct {
	status string
	hash   string
	reply  events.Reply
}

// apply applies a batch in one transaction. The work is finished even when ctx is
// cancelled meanwhile; applyTimeout bounds it. Without lookUp the commands are taken
// to be new; should one not be, its insert fails and with it the batch.
func (r *Runner) apply(ctx context.Context, c Context, cmds []events.Command, lookUp bool) (results []result, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	ctx, spans := startSpans(ctx, cmds)
	defer func() { spans.end(err) }()
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("acquire: %w", err)
	}
	defer conn.Release()

	unit := c.Open(cmds)
	known := map[string]record{}
	if err := load(ctx, conn.Conn(), unit, cmds, lookUp, known); err != nil {
		rollback(ctx, conn.Conn())
		return nil, fmt.Errorf("load: %w", err)
	}
	results, ledger, journal, err := r.decide(unit, cmds, known)
	if err != nil {
		rollback(ctx, conn.Conn())
		return nil, err
	}
	save := &pgx.Batch{}
	if err := unit.Save(save); err != nil {
		rollback(ctx, conn.Conn())
		return nil, err
	}
	outbox.Queue(save, journal)
	ledger.queue(save)
	save.Queue("COMMIT")
	if err := conn.SendBatch(ctx, save).Close(); err != nil {
		rollback(ctx, conn.Conn())
		return nil, fmt.Errorf("save: %w", err)
	}
	return results, nil
}

// load reads everything the batch needs in one round trip, which also begins the
// transaction.
func load(ctx context.Context, conn *pgx.Conn, unit Unit, cmds []events.Command, lookUp bool, known map[string]record) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	if lookUp {
		queueLookUp(b, cmds, known)
	}
	unit.Load(b)
	return conn.SendBatch(ctx, b).Close()
}

// queueLookUp queues the read of the rows that these commands have already.
func queueLookUp(b *pgx.Batch, cmds []events.Command, known map[string]record) {
	ids := make([]string, len(cmds))
	for i, cmd := range cmds {
		ids[i] = cmd.ID
	}
	b.Queue(`SELECT id, status, payload_hash, COALESCE(response_status, 0), response_body
		FROM commands WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, ids).Query(func(rows pgx.Rows) error {
		var rec record
		var body []byte
		_, err := pgx.ForEachRow(rows, []any{&rec.reply.CommandID, &rec.status, &rec.hash, &rec.reply.Status, &body}, func() error {
			rec.reply.Body, rec.reply.PayloadHash = append(json.RawMessage(nil), body...), rec.hash
			known[rec.reply.CommandID] = rec
			return nil
		})
		return err
	})
}

func rollback(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx) // the pool drops it
	}
}

// decide runs the context over the batch, in order.
func (r *Runner) decide(unit Unit, cmds []events.Command, known map[string]record) ([]result, *ledger, []events.Event, error) {
	now := r.now()
	rows := &ledger{}
	var journal []events.Event
	results := make([]result, 0, len(cmds))
	for i, cmd := range cmds {
		hash := cmd.PayloadHash()
		rec, seen := known[cmd.ID]
		if seen && (rec.status != "accepted" || rec.hash != hash) {
			rec.reply.CommandID = cmd.ID
			results = append(results, result{cmd: cmd, reply: rec.reply})
			continue
		}
		reply, facts, err := decideOne(unit, i, cmd, now)
		if err != nil {
			return nil, nil, nil, err
		}
		reply.PayloadHash = hash
		for _, fact := range facts {
			event, err := newEvent(fact, events.CauseOf(cmd, now))
			if err != nil {
				return nil, nil, nil, err
			}
			journal = append(journal, event)
		}
		rows.add(cmd, reply, seen, now)
		known[cmd.ID] = record{status: statusOf(reply.Status), hash: hash, reply: reply}
		results = append(results, result{cmd: cmd, reply: reply, emitted: len(facts) > 0})
	}
	return results, rows, journal, nil
}

// decideOne decides one command. A rejection is a reply; a panic is an error.
func decideOne(unit Unit, i int, cmd events.Command, now time.Time) (reply events.Reply, facts []events.Fact, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &decisionError{fmt.Errorf("panic: %v", p)}
		}
	}()
	outcome, err := unit.Decide(i, now)
	if err != nil {
		refusal, ok := domain.AsError(err)
		if !ok {
			return events.Reply{}, nil, &decisionError{fmt.Errorf("decide %s: %w", cmd.Type, err)}
		}
		status, body := wire.Refusal(refusal)
		outcome = Outcome{Status: status, Body: body}
	}
	body, err := wire.Marshal(outcome.Body)
	if err != nil {
		return events.Reply{}, nil, err
	}
	return events.Reply{CommandID: cmd.ID, Status: outcome.Status, Body: body}, outcome.Facts, nil
}

func newEvent(fact events.Fact, cause events.Cause) (events.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return events.Event{}, fmt.Errorf("new event id: %w", err)
	}
	return fact.Event(id.String(), cause)
}

// seenBefore reports whether a command may have a row already: it was delivered
// before, an edge accepted it (nobody waits for it then), or its id is not a fresh
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
		for attempt := 0; ; attempt++ {
			if r.unreadable(ctx, consumer, d, err) == nil || !backoff(ctx, attempt) {
				break
			}
		}
	}
	return cmds
}

// startSpans opens one span for the batch, linked to the request of every command
// in it.
func startSpans(ctx context.Context, cmds []events.Command) (context.Context, *batchSpan) {
	links := make([]trace.Link, 0, len(cmds))
	for _, cmd := range cmds {
		if cmd.TraceParent != "" {
			links = append(links, trace.LinkFromContext(bus.WithTraceParent(ctx, cmd.TraceParent)))
		}
	}
	if len(links) == 0 {
		return ctx, nil
	}
	ctx, span := tracer.Start(bus.WithTraceParent(ctx, cmds[0].TraceParent), "apply "+cmds[0].Context(),
		trace.WithLinks(links...), trace.WithSpanKind(trace.SpanKindConsumer))
	return ctx, &batchSpan{span}
}
