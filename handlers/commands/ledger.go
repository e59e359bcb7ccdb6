package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
)

// Ledger is the table commands: a row per command, which is inbox mark, idempotency
// record and operation resource in one. All SQL on the table is in this file and in
// ledger_batch.go.
//
// A row is accepted while its command waits to be applied, and then applied or rejected.
// Rows of commands that were published without being accepted first appear with their
// outcome.
//
// A response of 500 or more is no outcome: nothing is known about the command but that it
// was not applied. Its row keeps the id for the payload, and the command is applied when it
// is sent again.
type Ledger struct {
	// DB is a pool, or the transaction that the change belongs to.
	DB postgres.DB
}

// Status is how far a command is.
type Status string

// The statuses.
const (
	StatusAccepted Status = "accepted" // stored, and not applied yet
	StatusApplied  Status = "applied"
	StatusRejected Status = "rejected"
)

func statusOf(httpStatus int) Status {
	if httpStatus < http.StatusBadRequest {
		return StatusApplied
	}
	return StatusRejected
}

// Record is a row of the ledger.
type Record struct {
	ID      string
	ActorID string
	Type    string
	Status  Status
	// Hash identifies the request: the command's payload hash, or a keyed one where a
	// request carried a password.
	Hash      string
	CreatedAt time.Time
	// FinishedAt is nil while the command is accepted.
	FinishedAt *time.Time
	// ResponseStatus is the HTTP status of the outcome, 0 while there is none.
	ResponseStatus int
	// ResponseBody is nil for an outcome without a body, and for one that shows a resource.
	ResponseBody json.RawMessage
	// ResourceID is the resource that the response shows.
	ResourceID string
}

// Finished reports whether the command waits no more: it has an outcome, or it was given up.
func (r Record) Finished() bool { return r.Status != StatusAccepted }

// Final reports whether the command has its outcome.
func (r Record) Final() bool { return r.Finished() && !failed(r.ResponseStatus) }

// failed reports whether a status says that a command was not applied for a reason that is
// not its own.
func failed(httpStatus int) bool { return httpStatus >= http.StatusInternalServerError }

// Reply returns the outcome.
func (r Record) Reply() events.Reply {
	return events.Reply{
		CommandID:   r.ID,
		Status:      r.ResponseStatus,
		Body:        r.ResponseBody,
		PayloadHash: r.Hash,
		ResourceID:  r.ResourceID,
	}
}

// holds reports whether the record decides a command's outcome: it is final, or it belongs
// to another payload under the same id.
func (r Record) holds(cmd events.Command) bool { return r.Final() || r.Hash != cmd.PayloadHash() }

const findSQL = `
SELECT id, actor_id, type, status, payload_hash, created_at, finished_at, COALESCE(response_status, 0), response_body,
       COALESCE(resource_id, '')
FROM commands WHERE id = ANY($1::uuid[])`

func scanRecord(row pgx.CollectableRow) (r Record, err error) {
	err = row.Scan(
		&r.ID, &r.ActorID, &r.Type, &r.Status, &r.Hash,
		&r.CreatedAt, &r.FinishedAt, &r.ResponseStatus, &r.ResponseBody,
		&r.ResourceID,
	)
	return r, err
}

// Find returns a command's record; found is false when it has none.
func (l Ledger) Find(ctx context.Context, id string) (rec Record, found bool, err error) {
	return l.find(ctx, findSQL, id)
}

func (l Ledger) find(ctx context.Context, sql, id string) (rec Record, found bool, err error) {
	rows, err := l.DB.Query(ctx, sql, []string{id})
	if err != nil {
		return Record{}, false, fmt.Errorf("find command: %w", err)
	}
	rec, err = pgx.CollectOneRow(rows, scanRecord)
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("find command: %w", err)
	}
	return rec, true, nil
}

// Same reports whether a stored hash is that of a payload hash.
type Same func(ctx context.Context, payloadHash, stored string) (bool, error)

// SamePayload compares payload hashes as they are.
func SamePayload(_ context.Context, payloadHash, stored string) (bool, error) {
	return payloadHash == stored, nil
}

// Replay returns the outcome of a command that was applied before; found is false when
// there is none yet. It fails with [ErrKeyReused] when the id belongs to another request.
func (l Ledger) Replay(ctx context.Context, cmd events.Command, same Same) (reply events.Reply, found bool, err error) {
	rec, found, err := l.Find(ctx, cmd.ID)
	if err != nil || !found {
		return events.Reply{}, false, err
	}
	equal := rec.Type == cmd.Type
	if equal {
		if equal, err = same(ctx, cmd.PayloadHash(), rec.Hash); err != nil {
			return events.Reply{}, false, err
		}
	}
	if !equal {
		return events.Reply{}, false, ErrKeyReused
	}
	return rec.Reply(), rec.Final(), nil
}

// Accept stores a command that has no outcome yet. From now on the sweeper publishes it
// until it has one. A command that was given up is accepted again.
func (l Ledger) Accept(ctx context.Context, cmd events.Command) error {
	envelope, err := envelopeOf(cmd)
	if err != nil {
		return err
	}
	_, err = l.DB.Exec(ctx, `
INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope, created_at)
VALUES ($1, $2, $3, $4, 'accepted', $5::json, $6)
ON CONFLICT (id) DO UPDATE SET status = 'accepted', envelope = excluded.envelope, provisional = NULL,
       response_status = NULL, response_body = NULL, body_until = NULL, finished_at = NULL,
       swept_at = excluded.created_at
WHERE commands.payload_hash = excluded.payload_hash AND (commands.provisional OR commands.response_status >= 500)`,
		cmd.ID, cmd.ActorID, cmd.Type, cmd.PayloadHash(), envelope, cmd.IssuedAt)
	if err != nil {
		return fmt.Errorf("accept command: %w", err)
	}
	return nil
}

// envelopeOf returns what the sweeper publishes.
func envelopeOf(cmd events.Command) (string, error) {
	cmd.ReplyTo = ""
	envelope, err := json.Marshal(cmd)
	if err != nil {
		return "", fmt.Errorf("marshal command: %w", err)
	}
	return string(envelope), nil
}

// Claim begins a request that is applied in the caller's transaction and not through the
// bus: of two requests with one id the second waits for the first, and claims nothing.
// Hash is what Replay will compare.
func (l Ledger) Claim(ctx context.Context, cmd events.Command, hash string) (claimed bool, err error) {
	return l.insert(ctx, cmd, events.Reply{Status: http.StatusOK, PayloadHash: hash})
}

// Finish stores the response to a claimed request, with status 200: its body, or the id of the
// resource that it shows. The actor is the user whose data the response holds.
func (l Ledger) Finish(ctx context.Context, id, actorID, resourceID string, body json.RawMessage) error {
	if resourceID != "" {
		body = nil
	}
	_, err := l.DB.Exec(ctx, `
UPDATE commands SET actor_id = $2, resource_id = NULLIF($3, ''), response_body = NULLIF($4, '')::json WHERE id = $1`,
		id, actorID, resourceID, string(body))
	if err != nil {
		return fmt.Errorf("finish command: %w", err)
	}
	return nil
}

// Reject stores the rejection of a request that is not applied through the bus. Where the
// id has a record already, that one stays.
func (l Ledger) Reject(ctx context.Context, cmd events.Command, hash string, rejection *domain.Error) error {
	reply, err := Rejected(rejection).reply(cmd, hash)
	if err != nil {
		return err
	}
	_, err = l.insert(ctx, cmd, reply)
	return err
}

// insert writes the record of a command that has none.
func (l Ledger) insert(ctx context.Context, cmd events.Command, reply events.Reply) (inserted bool, err error) {
	return l.put(ctx, cmd, reply, 0, cmd.IssuedAt, `DO NOTHING`)
}

// finish writes the outcome of a command, whether or not it was accepted before. It
// reports false, and changes nothing, when the command has an outcome already.
func (l Ledger) finish(
	ctx context.Context, cmd events.Command, reply events.Reply, keep time.Duration, now time.Time,
) (bool, error) {
	return l.put(ctx, cmd, reply, keep, now, `
DO UPDATE SET status = excluded.status, response_status = excluded.response_status,
       response_body = excluded.response_body, resource_id = excluded.resource_id,
       body_until = excluded.body_until, finished_at = excluded.finished_at, envelope = NULL,
       lease = NULL, leased_until = NULL, due_at = NULL, provisional = NULL
WHERE commands.status = 'accepted' OR commands.response_status >= 500`)
}

func (l Ledger) put(
	ctx context.Context, cmd events.Command, reply events.Reply, keep time.Duration, finished time.Time, onConflict string,
) (bool, error) {
	tag, err := l.DB.Exec(ctx, `
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at,
                      resource_id, body_until)
VALUES ($1, $2, $3, $4, $5, $6, NULLIF($7, '')::json, $8, $9, NULLIF($10, ''),
        CASE WHEN $11::interval > interval '0' THEN $9::timestamptz + $11::interval END)
ON CONFLICT (id) `+onConflict,
		cmd.ID, cmd.ActorID, cmd.Type, reply.PayloadHash,
		statusOf(reply.Status), reply.Status, storedBody(reply), cmd.IssuedAt, finished, reply.ResourceID, keep)
	if err != nil {
		return false, fmt.Errorf("write outcome of command: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// storedBody is what the ledger keeps of a response's body: "" for that of a resource.
func storedBody(reply events.Reply) string {
	if reply.ResourceID != "" {
		return ""
	}
	return string(reply.Body)
}

// expireBodies replaces the responses whose time is over by a rejection, which a request with
// the same Idempotency-Key gets from now on.
func (l Ledger) expireBodies(ctx context.Context, rejection *domain.Error, now time.Time) (int, error) {
	status, body := ErrorResponse(rejection)
	data, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("marshal rejection: %w", err)
	}
	tag, err := l.DB.Exec(ctx, `
UPDATE commands SET response_status = $1, response_body = $2::json, body_until = NULL WHERE body_until <= $3`,
		status, string(data), now)
	if err != nil {
		return 0, fmt.Errorf("remove short-lived responses: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// deleteFinished removes finished commands that were created before a time.
func (l Ledger) deleteFinished(ctx context.Context, before time.Time) error {
	_, err := l.DB.Exec(ctx, `DELETE FROM commands WHERE created_at < $1 AND status <> 'accepted'`, before)
	if err != nil {
		return fmt.Errorf("delete finished commands: %w", err)
	}
	return nil
}

// Erase removes what the ledger holds about a user whose account was deleted: what the
// user asked for and was not applied yet is rejected, and the responses to the user, and
// those that name the user, are removed. It reads the table without an index: rows live
// for a week, and an index on the actor would cost every command more than the rare
// erasure saves.
func (l Ledger) Erase(ctx context.Context, userID string, rejection *domain.Error, now time.Time) error {
	status, body := ErrorResponse(rejection)
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("marshal rejection: %w", err)
	}
	_, err = l.DB.Exec(ctx, `
UPDATE commands SET status = 'rejected', response_status = $2, response_body = $3::json,
       finished_at = $4, envelope = NULL
WHERE actor_id = $1 AND status = 'accepted'`, userID, status, string(data), now)
	if err != nil {
		return fmt.Errorf("reject commands of a deleted user: %w", err)
	}
	_, err = l.DB.Exec(ctx, `
UPDATE commands SET response_body = NULL
WHERE response_body IS NOT NULL AND status <> 'accepted'
  AND (actor_id = $1 OR strpos(response_body::text, $1) > 0)`, userID)
	if err != nil {
		return fmt.Errorf("erase responses about a deleted user: %w", err)
	}
	return nil
}

// QueueForget queues the removal of a user's requests whose types begin with a prefix,
// for example "account.".
func QueueForget(b *pgx.Batch, userID, prefix string) {
	b.Queue(`DELETE FROM commands WHERE actor_id = $1 AND starts_with(type, $2)`, userID, prefix)
}
