package reactions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	accessstore "github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// ErasureName is the name of the reaction [Erasure].
const ErasureName = "erasure"

// Erasure removes what other contexts keep about a user whose account was deleted. The
// account itself, with credentials, sessions and mails, was erased in the transaction
// of the event. Removed are the answers to what the user asked for, and to what others
// asked about the user; and what the user watched. The places in organizations end, and
// who follows an organization is told as if the user had left it. Purchases, the access
// they gave and the ledger stay: they name an id and no person.
func Erasure(now func() time.Time) Reaction {
	return Reaction{
		Name:   ErasureName,
		Events: []string{events.UserDeleted{}.EventType()},
		Handle: func(ctx context.Context, tx pgx.Tx, _ events.Event, p events.Payload) ([]events.Fact, error) {
			deleted, ok := p.(*events.UserDeleted)
			if !ok {
				return nil, fmt.Errorf("unexpected payload %T", p)
			}
			at := now().UTC()
			if err := erase(ctx, tx, deleted.UserID, at); err != nil {
				return nil, err
			}
			return leave(ctx, tx, deleted.UserID, at)
		},
	}
}

// erase finds commands without an index: they live for a week, and an index on who
// asked would cost every command more than the rare erasure saves.
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
	accessstore.QueueForgetLibrary(b, userID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return nil
}

// leave ends the user's places in organizations. Those in deleted ones ended with them,
// and are not told.
func leave(ctx context.Context, tx pgx.Tx, userID string, at time.Time) ([]events.Fact, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT organization_id::text FROM organization_memberships WHERE user_id = $1 AND status <> 'inactive' ORDER BY 1`, userID)
	if err != nil {
		return nil, fmt.Errorf("find the places: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	organizations, members := map[string]organization.Organization{}, map[organization.MembershipKey]organization.Membership{}
	load := &pgx.Batch{}
	postgres.QueueLockOrganizations(load, ids, organizations)
	postgres.QueueMembers(load, ids, []string{userID}, members)
	if err := tx.SendBatch(ctx, load).Close(); err != nil {
		return nil, fmt.Errorf("load the places: %w", err)
	}
	var (
		facts []events.Fact
		told  []organization.Organization
		ended []organization.Membership
	)
	for _, id := range ids {
		place, happened := members[organization.MembershipKey{OrganizationID: id, UserID: userID}].Leave(at)
		if len(happened) == 0 {
			continue
		}
		ended = append(ended, place)
		if o := organizations[id]; o.Live() {
			o, left := o.After(happened)
			told, facts = append(told, o), append(facts, left...)
		}
	}
	save := &pgx.Batch{}
	if err := postgres.QueueSaveOrganizations(save, told); err != nil {
		return nil, err
	}
	if err := postgres.QueueSaveMembers(save, ended); err != nil {
		return nil, err
	}
	if err := tx.SendBatch(ctx, save).Close(); err != nil {
		return nil, fmt.Errorf("end the places: %w", err)
	}
	return facts, nil
}
