package reactions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// ErasureName is the name of the projection [Erasure].
const ErasureName = "erasure"

// Erasure removes what other contexts keep about a user whose account was deleted. The
// account itself, with credentials, sessions and mails, was erased in the transaction
// of the event. Removed are the outcomes of the user's commands and of commands of others
// about the user, and the playback progress. The user's memberships end, with the events
// that leaving has. Purchases, the access they gave and the ledger stay: they name an id
// and no person.
func Erasure(now func() time.Time) Projection {
	return Projection{
		Name:   ErasureName,
		Events: []string{events.UserDeleted{}.EventType()},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []Event) error {
			at := now().UTC()
			for _, e := range batch {
				deleted, ok := e.Payload.(*events.UserDeleted)
				if !ok {
					return fmt.Errorf("unexpected payload %T", e.Payload)
				}
				if err := erase(ctx, tx, deleted.UserID, at); err != nil {
					return err
				}
				left, err := leave(ctx, tx, deleted.UserID, at)
				if err != nil {
					return err
				}
				e.Emit(left...)
			}
			return nil
		},
	}
}

// erase finds commands without an index: they live for a week, and an index on the actor
// would cost every command more than the rare erasure saves.
func erase(ctx context.Context, tx pgx.Tx, userID string, at time.Time) error {
	status, body := wire.Refusal(identity.ErrUserNotFound)
	refusal, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("marshal the refusal: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(`
UPDATE commands SET status = 'rejected', response_status = $2, response_body = $3::json, finished_at = $4, envelope = NULL
WHERE actor_id = $1 AND status = 'accepted'`, userID, status, string(refusal), at)
	b.Queue(`
UPDATE commands SET response_body = NULL
WHERE response_body IS NOT NULL AND status <> 'accepted' AND (actor_id = $1 OR strpos(response_body::text, $1) > 0)`, userID)
	b.Queue(`DELETE FROM video_playback WHERE user_id = $1`, userID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return nil
}

// leave ends the user's memberships. Those in deleted organizations end without an event.
func leave(ctx context.Context, tx pgx.Tx, userID string, at time.Time) ([]events.Fact, error) {
	rows, err := tx.Query(ctx, `
SELECT DISTINCT organization_id::text FROM organization_memberships
WHERE user_id = $1 AND status <> 'inactive' ORDER BY 1`, userID)
	if err != nil {
		return nil, fmt.Errorf("find memberships: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	organizations, members := map[string]identity.Organization{}, map[postgres.Place]identity.Membership{}
	load := &pgx.Batch{}
	postgres.QueueLockOrganizations(load, ids, organizations)
	postgres.QueueMembers(load, ids, []string{userID}, members)
	if err := tx.SendBatch(ctx, load).Close(); err != nil {
		return nil, fmt.Errorf("load memberships: %w", err)
	}
	var (
		facts   []events.Fact
		changed []identity.Organization
		ended   []identity.Membership
	)
	for _, id := range ids {
		membership, left := members[postgres.Place{OrganizationID: id, UserID: userID}].Leave(at)
		if len(left) == 0 {
			continue
		}
		ended = append(ended, membership)
		if o := organizations[id]; o.Live() {
			o, announced := o.After(left)
			changed, facts = append(changed, o), append(facts, announced...)
		}
	}
	save := &pgx.Batch{}
	if err := postgres.QueueSaveOrganizations(save, changed); err != nil {
		return nil, err
	}
	if err := postgres.QueueSaveMembers(save, ended); err != nil {
		return nil, err
	}
	if err := tx.SendBatch(ctx, save).Close(); err != nil {
		return nil, fmt.Errorf("end memberships: %w", err)
	}
	return facts, nil
}
