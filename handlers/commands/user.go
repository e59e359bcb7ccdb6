package commands

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// User applies the commands of context "user": what a user asks of the own account
// that holds neither credentials nor anything that tells who somebody is. The rest
// is written by the edge, because a stream does not forget.
type User struct{}

// Name implements Context.
func (User) Name() string { return "user" }

// Open implements Context.
func (User) Open(batch []events.Command) Unit {
	return &userUnit{
		cmds: batch, payloads: decode(batch, userPayload),
		users: map[string]identity.User{}, holdings: map[string]identity.Holdings{}, sessions: map[string][]identity.Session{},
		changed: map[string]bool{},
	}
}

// userPayload returns the struct of a command, nil for one that is unknown.
func userPayload(command string) any {
	switch command {
	case "user.set_preferences":
		return &identity.SetPreferences{}
	case "user.delete":
		return &identity.DeleteAccount{}
	default:
		return nil
	}
}

type userUnit struct {
	cmds     []events.Command
	payloads []any

	users    map[string]identity.User
	holdings map[string]identity.Holdings
	sessions map[string][]identity.Session
	order    []string
	changed  map[string]bool
	erased   []erasure
}

// erasure is an account that ends, and what it was reachable under.
type erasure struct {
	user      identity.User
	addresses []string
}

// Load implements Unit.
func (u *userUnit) Load(b *pgx.Batch) {
	var ids, leaving []string
	for i, cmd := range u.cmds {
		ids = append(ids, cmd.AggregateID)
		if _, ok := u.payloads[i].(*identity.DeleteAccount); ok {
			leaving = append(leaving, cmd.AggregateID)
		}
	}
	postgres.QueueUsers(b, ids, u.users)
	if len(leaving) > 0 {
		postgres.QueueSessions(b, leaving, u.sessions)
		queueHoldings(b, leaving, u.holdings)
	}
}

// queueHoldings queues the look-up of what users still have.
func queueHoldings(b *pgx.Batch, users []string, found map[string]identity.Holdings) {
	b.Queue(`
SELECT id, EXISTS (SELECT FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id
                   WHERE m.user_id = u.id AND m.role = 'owner' AND m.status = 'active' AND o.deleted_at IS NULL),
       EXISTS (SELECT FROM content c WHERE c.creator_id = u.id AND c.deleted_at IS NULL)
       OR EXISTS (SELECT FROM media_items i WHERE i.creator_id = u.id AND i.deleted_at IS NULL)
FROM users u WHERE u.id = ANY($1::text[])`, users).Query(func(rows pgx.Rows) error {
		var id string
		var h identity.Holdings
		_, err := pgx.ForEachRow(rows, []any{&id, &h.Organization, &h.Content}, func() error {
			found[id] = h
			return nil
		})
		return err
	})
}

// Decide implements Unit. Nobody asks for another's account: what belongs to somebody
// else, or is deleted, is not there.
func (u *userUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	if err, bad := u.payloads[i].(error); bad {
		return Outcome{}, err
	}
	user, found := u.users[cmd.AggregateID]
	if !found || cmd.ActorID != user.ID {
		return Outcome{}, identity.ErrUserNotFound
	}
	switch p := u.payloads[i].(type) {
	case *identity.SetPreferences:
		next, happened := user.SetPreferences(*p, now)
		u.users[next.ID] = next
		if !u.changed[next.ID] {
			u.changed[next.ID] = true
			u.order = append(u.order, next.ID)
		}
		return Changed(wire.PreferencesOf(next), next.Facts(happened)...), nil
	case *identity.DeleteAccount:
		next, happened, err := user.Delete(u.holdings[user.ID], now)
		if err != nil {
			return Outcome{}, err
		}
		u.erased = append(u.erased, erasure{user: next, addresses: user.Addresses()})
		delete(u.users, user.ID)
		var facts []events.Fact
		for _, session := range u.sessions[user.ID] {
			facts = append(facts, session.Revoked())
		}
		return Done(append(facts, next.Facts(happened)...)...), nil
	default:
		return Outcome{}, fmt.Errorf("unexpected payload %T", p)
	}
}

// Save implements Unit.
func (u *userUnit) Save(b *pgx.Batch) error {
	var users []identity.User
	for _, id := range u.order {
		if user, alive := u.users[id]; alive {
			users = append(users, user)
		}
	}
	if err := postgres.QueueSavePreferences(b, users); err != nil {
		return err
	}
	for _, e := range u.erased {
		postgres.QueueErase(b, e.user, e.addresses)
	}
	return nil
}
