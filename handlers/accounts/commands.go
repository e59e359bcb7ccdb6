package accounts

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	contents "github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	mailstore "github.com/codex-platform/codex/domain/mail/postgres"
	purchases "github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// userCommands applies the commands of context "user": changes of the caller's own account
// without credentials and personal data.
func userCommands() commands.Context {
	return commands.NewContext("user", openUsers,
		commands.Handle(identity.CommandSetPreferences, (*userBatch).wantPreferences, (*userBatch).setPreferences),
		commands.Handle(identity.CommandDeleteAccount, (*userBatch).wantDeletion, (*userBatch).deleteAccount),
	)
}

// userBatch is what a batch of the context loads and changes.
type userBatch struct {
	users    *commands.State[string, identity.User]
	holdings map[string]identity.Holdings
	sessions map[string][]identity.Session
	erased   []erasure

	wanted struct{ users, leaving []string }
}

// erasure is a deleted account and the addresses it had.
type erasure struct {
	user      identity.User
	addresses []string
}

func openUsers() *userBatch {
	return &userBatch{
		users:    commands.NewState[string, identity.User](),
		holdings: map[string]identity.Holdings{},
		sessions: map[string][]identity.Session{},
	}
}

func (b *userBatch) wantPreferences(cmd events.Command, _ *identity.SetPreferences) {
	b.wanted.users = append(b.wanted.users, cmd.AggregateID)
}

func (b *userBatch) wantDeletion(cmd events.Command, _ *identity.Erase) {
	b.wanted.users = append(b.wanted.users, cmd.AggregateID)
	b.wanted.leaving = append(b.wanted.leaving, cmd.AggregateID)
}

// Load implements [commands.Batch].
func (b *userBatch) Load(load *pgx.Batch) {
	if len(b.wanted.users) > 0 {
		postgres.QueueUsers(load, b.wanted.users, b.users.Rows)
	}
	if len(b.wanted.leaving) > 0 {
		postgres.QueueSessions(load, b.wanted.leaving, b.sessions)
		queueHoldings(load, b.wanted.leaving, b.holdings)
	}
}

// queueHoldings queues the read of what prevents the deletion of accounts.
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

// account returns the account that a command is about. For other users than its own it does
// not exist.
func (b *userBatch) account(cmd events.Command) (identity.User, error) {
	user, found := b.users.Rows[cmd.AggregateID]
	if !found || cmd.ActorID != user.ID {
		return identity.User{}, identity.ErrUserNotFound
	}
	return user, nil
}

func (b *userBatch) setPreferences(
	cmd events.Command, p *identity.SetPreferences, now time.Time,
) (commands.Outcome, error) {
	user, err := b.account(cmd)
	if err != nil {
		return commands.Outcome{}, err
	}
	next, payloads := user.SetPreferences(*p, now)
	b.users.Put(next.ID, next)
	return commands.OK(PreferencesOf(next), next.Facts(payloads)...).Of(next.ID), nil
}

func (b *userBatch) deleteAccount(
	cmd events.Command, p *identity.Erase, now time.Time,
) (commands.Outcome, error) {
	user, err := b.account(cmd)
	if err != nil {
		return commands.Outcome{}, err
	}
	request := slices.IndexFunc(b.sessions[user.ID], func(s identity.Session) bool { return s.ID == p.SessionID })
	if request < 0 || !b.sessions[user.ID][request].Recent(now) {
		return commands.Outcome{}, identity.ErrReauthenticate
	}
	next, payloads, err := user.Delete(b.holdings[user.ID], now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.erased = append(b.erased, erasure{user: next, addresses: user.Addresses()})
	delete(b.users.Rows, user.ID)
	var facts []events.Fact
	for _, session := range b.sessions[user.ID] {
		facts = append(facts, session.Revoked())
	}
	return commands.NoContent(append(facts, next.Facts(payloads)...)...), nil
}

// Save implements [commands.Batch].
func (b *userBatch) Save(save *pgx.Batch) error {
	if err := postgres.QueueSavePreferences(save, b.users.Changed()); err != nil {
		return err
	}
	for _, e := range b.erased {
		contents.QueueEraseCategories(save, e.user.ID)
		purchases.QueueErasure(save, e.user.ID, domain.OrZero(e.user.DeletedAt))
		postgres.QueueErase(save, e.user, e.addresses)
		mailstore.QueueErase(save, e.user.ID, e.addresses)
		commands.QueueForget(save, e.user.ID, accountRequests)
	}
	return nil
}

// accountRequests is the prefix of the types of keyed requests; see idempotent.go. Their
// recorded responses are removed with the account.
const accountRequests = "account."
