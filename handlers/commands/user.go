package commands

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// User applies the commands of context "user": those that carry no credentials.
type User struct{}

// Name implements Context.
func (User) Name() string { return "user" }

// Open implements Context.
func (User) Open(batch []events.Command) Unit {
	u := &userUnit{
		cmds: batch, payloads: make([]any, len(batch)),
		users: map[string]identity.User{}, usernames: map[string]string{}, changed: map[string]bool{},
	}
	for i, cmd := range batch {
		u.payloads[i] = decodeUser(cmd)
	}
	return u
}

// decodeUser returns the command's struct, or the error to refuse it with.
func decodeUser(cmd events.Command) any {
	switch cmd.Type {
	case "user.become_creator":
		payload := &identity.BecomeCreator{}
		if err := json.Unmarshal(cmd.Payload, payload); err != nil {
			return fmt.Errorf("decode %s: %w", cmd.Type, err)
		}
		return payload
	default:
		return fmt.Errorf("unknown command %q", cmd.Type)
	}
}

type userUnit struct {
	cmds     []events.Command
	payloads []any

	users     map[string]identity.User
	usernames map[string]string // of live users → user
	order     []string
	changed   map[string]bool
}

// Load implements Unit.
func (u *userUnit) Load(b *pgx.Batch) {
	var ids, usernames []string
	for i, cmd := range u.cmds {
		ids = append(ids, cmd.AggregateID)
		if p, ok := u.payloads[i].(*identity.BecomeCreator); ok {
			usernames = append(usernames, p.Username)
		}
	}
	postgres.QueueUsers(b, ids, u.users)
	postgres.QueueUsernames(b, usernames, u.usernames)
}

// Decide implements Unit. A username that another transaction takes meanwhile is
// refused by the unique index; the batch is then applied again, one by one.
func (u *userUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	switch p := u.payloads[i].(type) {
	case *identity.BecomeCreator:
		owner, taken := u.usernames[p.Username]
		facts := identity.CreatorFacts{ActorID: cmd.ActorID, UsernameTaken: taken && owner != cmd.AggregateID}
		next, happened, err := u.users[cmd.AggregateID].BecomeCreator(*p, facts, now)
		if err != nil {
			return Outcome{}, err
		}
		u.usernames[p.Username] = next.ID
		u.users[next.ID] = next
		if !u.changed[next.ID] {
			u.changed[next.ID] = true
			u.order = append(u.order, next.ID)
		}
		return Changed(wire.ProfileOf(next), next.Facts(happened)...), nil
	case error:
		return Outcome{}, p
	default:
		return Outcome{}, fmt.Errorf("unexpected payload %T", p)
	}
}

// Save implements Unit.
func (u *userUnit) Save(b *pgx.Batch) error {
	users := make([]identity.User, len(u.order))
	for i, id := range u.order {
		users[i] = u.users[id]
	}
	return postgres.QueueSaveUsers(b, users)
}
