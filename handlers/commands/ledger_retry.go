package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
)

// How long a command waits that could not be applied: 0.5 s, doubled every time to at most
// 15 s, so that it is applied soon after its obstacle is removed.
const postponeSQL = `LEAST(interval '0.5 seconds' * power(2, LEAST(COALESCE(commands.postponed, 0), 10)),
                           interval '15 seconds')`

// lease gives one attempt the right to call the outside for a command, for ttl from now on
// the database's clock; until then no other attempt gets it. It writes the row of a command
// that has none, so that the sweeper repeats the command if the attempt ends without an
// outcome.
func (l Ledger) lease(ctx context.Context, cmd events.Command, attempt string, ttl time.Duration) (bool, error) {
	envelope, err := envelopeOf(cmd)
	if err != nil {
		return false, err
	}
	tag, err := l.DB.Exec(ctx, `
INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope, created_at, provisional, lease, leased_until)
VALUES ($1, $2, $3, $4, 'accepted', $5::json, $6, true, $7, clock_timestamp() + $8)
ON CONFLICT (id) DO UPDATE SET lease = excluded.lease, leased_until = excluded.leased_until,
       status = 'accepted', envelope = excluded.envelope,
       provisional = CASE WHEN commands.status = 'accepted' THEN commands.provisional ELSE true END,
       response_status = NULL, response_body = NULL, finished_at = NULL
WHERE commands.payload_hash = excluded.payload_hash
  AND (commands.status = 'accepted' OR commands.response_status >= 500)
  AND (commands.lease IS NULL OR commands.leased_until < clock_timestamp())`,
		cmd.ID, cmd.ActorID, cmd.Type, cmd.PayloadHash(), envelope, cmd.IssuedAt, attempt, ttl)
	if err != nil {
		return false, fmt.Errorf("lease command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// extendLease lets an attempt go on for ttl from now. held is false when the attempt has
// lost its lease.
func (l Ledger) extendLease(ctx context.Context, id, attempt string, ttl time.Duration) (held bool, err error) {
	tag, err := l.DB.Exec(ctx, `
UPDATE commands SET leased_until = clock_timestamp() + $3 WHERE id = $1 AND lease = $2 AND status = 'accepted'`,
		id, attempt, ttl)
	if err != nil {
		return false, fmt.Errorf("extend the lease of a command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// holdsLease reports whether an attempt still has its lease, which it then keeps to the end
// of the transaction.
func (l Ledger) holdsLease(ctx context.Context, id, attempt string) (held bool, err error) {
	tag, err := l.DB.Exec(ctx, `
SELECT 1 FROM commands WHERE id = $1 AND lease = $2 AND status = 'accepted' FOR UPDATE`, id, attempt)
	if err != nil {
		return false, fmt.Errorf("check the lease of a command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// reject ends the attempt at a command that no client was given a 202 for, without an
// outcome. It reports false for any other command: it is to be applied.
func (l Ledger) reject(
	ctx context.Context, cmd events.Command, attempt string, reply events.Reply, now time.Time,
) (bool, error) {
	tag, err := l.DB.Exec(ctx, `
UPDATE commands SET status = 'rejected', response_status = $3, response_body = NULLIF($4, '')::json, finished_at = $5,
       envelope = NULL, lease = NULL, leased_until = NULL, due_at = NULL, provisional = NULL
WHERE id = $1 AND lease = $2 AND provisional AND status = 'accepted'`,
		cmd.ID, attempt, reply.Status, string(reply.Body), now)
	if err != nil {
		return false, fmt.Errorf("reject command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// postpone has the sweeper publish a command again after a growing delay. It writes the row
// of a command that has none, and ends the lease of the attempt ("" without one). It reports
// false, and changes nothing, when the command has an outcome or belongs to another attempt.
func (l Ledger) postpone(ctx context.Context, cmd events.Command, attempt string, now time.Time) (bool, error) {
	envelope, err := envelopeOf(cmd)
	if err != nil {
		return false, err
	}
	tag, err := l.DB.Exec(ctx, `
INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope, created_at, provisional, postponed, due_at)
VALUES ($1, $2, $3, $4, 'accepted', $5::json, $6, true, 1, $7::timestamptz + interval '0.5 seconds')
ON CONFLICT (id) DO UPDATE SET postponed = COALESCE(commands.postponed, 0) + 1,
       due_at = $7::timestamptz + `+postponeSQL+`, lease = NULL, leased_until = NULL,
       status = 'accepted', envelope = excluded.envelope,
       response_status = NULL, response_body = NULL, finished_at = NULL
WHERE commands.payload_hash = excluded.payload_hash
  AND (commands.status = 'accepted' OR commands.response_status >= 500)
  AND (commands.lease IS NULL OR commands.lease::text = $8 OR commands.leased_until < clock_timestamp())`,
		cmd.ID, cmd.ActorID, cmd.Type, cmd.PayloadHash(), envelope, cmd.IssuedAt, now, attempt)
	if err != nil {
		return false, fmt.Errorf("postpone command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// waiting returns those of the commands that have no outcome, in the given order.
func (l Ledger) waiting(ctx context.Context, ids []string) ([]string, error) {
	rows, err := l.DB.Query(ctx, `
SELECT id::text FROM commands WHERE id = ANY($1::uuid[]) AND status = 'accepted'
ORDER BY array_position($1::uuid[], id)`, ids)
	if err != nil {
		return nil, fmt.Errorf("find waiting commands: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// expedite has the sweeper publish postponed commands at once.
func (l Ledger) expedite(ctx context.Context, ids []string, now time.Time) error {
	_, err := l.DB.Exec(ctx, `
UPDATE commands SET due_at = $2 WHERE id = ANY($1::uuid[]) AND status = 'accepted' AND due_at > $2`, ids, now)
	if err != nil {
		return fmt.Errorf("expedite commands: %w", err)
	}
	return nil
}

// Reopen makes a command that was given up an accepted one again, and resolves its dead
// letter; one without a row is accepted. pending says that the command waits to be applied
// now, and that the sweeper publishes it until it is; it is false for a command that has its
// outcome. DB is a transaction.
func (l Ledger) Reopen(ctx context.Context, cmd events.Command) (pending bool, err error) {
	if err := l.Accept(ctx, cmd); err != nil {
		return false, err
	}
	rec, found, err := l.Find(ctx, cmd.ID)
	if err != nil || !found || rec.Finished() || rec.Hash != cmd.PayloadHash() {
		return false, err
	}
	_, err = l.DB.Exec(ctx, `
UPDATE dead_letters SET resolved_at = clock_timestamp(), resolution = 'retried', retry_at = NULL
WHERE consumer = $1 AND message_id = $2 AND resolved_at IS NULL`, cmd.Context(), cmd.ID)
	if err != nil {
		return false, fmt.Errorf("resolve the dead letter of a command: %w", err)
	}
	return true, nil
}

// claimDue returns the envelopes of accepted commands that are due: those that were created,
// and published last, before a time, and postponed ones at their time. They are due again
// after now. A command that an attempt has leased is not due.
func (l Ledger) claimDue(ctx context.Context, before, now time.Time, limit int) ([]json.RawMessage, error) {
	rows, err := l.DB.Query(ctx, `
WITH claimed AS (
    UPDATE commands SET swept_at = $1, due_at = NULL
    WHERE id IN (SELECT id FROM commands
                 WHERE status = 'accepted' AND (leased_until IS NULL OR leased_until < clock_timestamp())
                   AND (due_at <= $1 OR due_at IS NULL AND created_at < $2 AND (swept_at IS NULL OR swept_at < $2))
                 ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING created_at, envelope)
SELECT envelope FROM claimed ORDER BY created_at`, now, before, limit)
	if err != nil {
		return nil, fmt.Errorf("claim due commands: %w", err)
	}
	envelopes, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
	if err != nil {
		return nil, fmt.Errorf("claim due commands: %w", err)
	}
	return envelopes, nil
}
