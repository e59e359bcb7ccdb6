package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	access "github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/reactions"
)

// eraseData removes what other contexts keep about the user of a deleted account. The
// account itself, with credentials, sessions and mails, was erased in the transaction of
// the event. It removes the outcomes of the user's commands, those of commands about the
// user, and the playback progress, and ends the user's memberships with the events of
// leaving. Purchases, the access they gave and the ledger stay: they hold an id only.
func eraseData(now func() time.Time) reactions.Projection {
	return reactions.Projection{
		Name:   "erasure",
		Events: []string{events.UserDeleted{}.EventType()},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
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

// erase removes the user's commands, playbacks and library.
func erase(ctx context.Context, tx pgx.Tx, userID string, at time.Time) error {
	if err := (commands.Ledger{DB: tx}).Erase(ctx, userID, identity.ErrUserNotFound, at); err != nil {
		return err
	}
	return access.Erase(ctx, tx, userID)
}

// leave ends the user's memberships. Those in deleted organizations end without an event.
func leave(ctx context.Context, tx pgx.Tx, userID string, at time.Time) ([]events.Fact, error) {
	ids, err := postgres.OrganizationsOf(ctx, tx, userID)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	organizations := map[string]organization.Organization{}
	members := map[organization.MembershipKey]organization.Membership{}
	load := &pgx.Batch{}
	postgres.QueueLockOrganizations(load, ids, organizations)
	postgres.QueueMembers(load, ids, []string{userID}, members)
	if err := tx.SendBatch(ctx, load).Close(); err != nil {
		return nil, fmt.Errorf("load memberships: %w", err)
	}
	var (
		facts   []events.Fact
		changed []organization.Organization
		ended   []organization.Membership
	)
	for _, id := range ids {
		membership, left := members[organization.MembershipKey{OrganizationID: id, UserID: userID}].Leave(at)
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
