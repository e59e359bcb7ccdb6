package reactions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// ErasureName is the name of the reaction [Erasure].
const ErasureName = "erasure"

// Erasure removes what other contexts keep about a user whose account was deleted. The
// account itself, with credentials, sessions and mails, was erased in the transaction
// of the event. Removed are the answers to what the user asked for, and to what others
// asked about the user; what the user watched; and the places in organizations.
// Purchases, the access they gave and the ledger stay: they name an id and no person.
func Erasure(now func() time.Time) Reaction {
	return Reaction{
		Name:   ErasureName,
		Events: []string{events.UserDeleted{}.EventType()},
		Handle: func(ctx context.Context, tx pgx.Tx, _ events.Event, p events.Payload) ([]events.Fact, error) {
			deleted, ok := p.(*events.UserDeleted)
			if !ok {
				return nil, fmt.Errorf("unexpected payload %T", p)
			}
			return nil, erase(ctx, tx, deleted.UserID, now().UTC())
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
	b.Queue(`UPDATE organization_memberships SET status = 'inactive', updated_at = $2 WHERE user_id = $1 AND status <> 'inactive'`, userID, at)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return nil
}
