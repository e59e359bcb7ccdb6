package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/deadletter"
	"github.com/codex-platform/codex/handlers/wire"
)

var tracer = otel.Tracer("github.com/codex-platform/codex/handlers/commands")

type batchSpan struct{ trace.Span }

func (s *batchSpan) end(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.SetStatus(codes.Error, err.Error())
	}
	s.End()
}

// ledger collects the commands-table rows of one batch. Commands that had no row
// are inserted, and the insert fails when another transaction was quicker; those
// that an edge had accepted are updated, under the lock that the load took.
type ledger struct {
	inserts, updates rows
}

type rows struct {
	ids, actors, types, hashes, statuses, bodies []string
	codes                                        []int32
	created, finished                            []time.Time
}

func statusOf(httpStatus int) string {
	if httpStatus < 400 {
		return "applied"
	}
	return "rejected"
}

func (l *ledger) add(cmd events.Command, reply events.Reply, accepted bool, now time.Time) {
	to := &l.inserts
	if accepted {
		to = &l.updates
	}
	to.ids, to.actors, to.types = append(to.ids, cmd.ID), append(to.actors, cmd.ActorID), append(to.types, cmd.Type)
	to.hashes, to.statuses = append(to.hashes, reply.PayloadHash), append(to.statuses, statusOf(reply.Status))
	body := string(reply.Body)
	if body == "" {
		body = "null"
	}
	to.codes, to.bodies = append(to.codes, int32(reply.Status)), append(to.bodies, body)
	to.created, to.finished = append(to.created, cmd.IssuedAt), append(to.finished, now)
}

const (
	insertLedgerSQL = `
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at)
SELECT id, actor, type, hash, status, code, NULLIF(body, 'null')::json, created, finished
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::timestamptz[], $9::timestamptz[])
     AS c (id, actor, type, hash, status, code, body, created, finished)`
	updateLedgerSQL = `
UPDATE commands t SET status = c.status, response_status = c.code, response_body = NULLIF(c.body, 'null')::json,
       finished_at = c.finished, envelope = NULL
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::timestamptz[]) AS c (id, status, code, body, finished)
WHERE t.id = c.id AND t.status = 'accepted'`
)

func (l *ledger) queue(b *pgx.Batch) {
	if n := &l.inserts; len(n.ids) > 0 {
		b.Queue(insertLedgerSQL, n.ids, n.actors, n.types, n.hashes, n.statuses, n.codes, n.bodies, n.created, n.finished)
	}
	if u := &l.updates; len(u.ids) > 0 {
		b.Queue(updateLedgerSQL, u.ids, u.statuses, u.codes, u.bodies, u.finished)
	}
}

// bury gives a command up: a dead letter for the operator and, in the same
// transaction, a rejected row for the client, who is then told.
func (r *Runner) bury(ctx context.Context, consumer string, cmd events.Command, cause error, attempts int) error {
	r.cfg.Log.Error("command given up", "type", cmd.Type, "command", cmd.ID, "attempts", attempts, "error", cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	raw, err := json.Marshal(cmd)
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	body, err := wire.Marshal(wire.Internal(cmd.ID))
	if err != nil {
		return err
	}
	reply := events.Reply{CommandID: cmd.ID, Status: 500, Body: body, PayloadHash: cmd.PayloadHash()}
	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		letter := deadletter.Letter{Consumer: consumer, MessageID: cmd.ID, Type: cmd.Type, Body: raw, Cause: cause, Attempts: attempts}
		if err := letter.Write(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at)
VALUES ($1, $2, $3, $4, 'rejected', 500, $5::json, $6, $7)
ON CONFLICT (id) DO UPDATE SET status = 'rejected', response_status = 500, response_body = excluded.response_body,
       finished_at = excluded.finished_at, envelope = NULL
WHERE commands.status = 'accepted'`,
			cmd.ID, cmd.ActorID, cmd.Type, reply.PayloadHash, string(body), cmd.IssuedAt, r.cfg.Now())
		return err
	})
	if err != nil {
		r.cfg.Log.Error("dead letter not written", "command", cmd.ID, "error", err)
		return fmt.Errorf("bury: %w", err)
	}
	r.finish(ctx, []result{{cmd: cmd, reply: reply}})
	return nil
}

// unreadable gives a message up that is no command of ours.
func (r *Runner) unreadable(ctx context.Context, consumer string, d bus.Delivery, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	r.cfg.Log.Error("message given up", "consumer", consumer, "message", d.MessageID(), "error", cause)
	return deadletter.Letter{Consumer: consumer, MessageID: d.MessageID(), Body: d.Raw, Cause: cause, Attempts: 1}.Write(ctx, r.cfg.Pool)
}
