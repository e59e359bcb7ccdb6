package commands

import (
	"slices"

	"github.com/jackc/pgx/v5"
)

// Actors are the rights of those who sent the commands of a batch, as they are inside its
// transaction. Their accounts are locked against deletion until it ends: what a command
// creates for a user is committed before a deletion looks for it, or the user has no role.
type Actors struct {
	roles       map[string]string
	payouts     map[string]bool
	memberships map[membership]string

	users         []string
	organizations []string
}

type membership struct{ organization, user string }

// NewActors returns the rights of no one; Want says whose to load.
func NewActors() *Actors {
	return &Actors{roles: map[string]string{}, payouts: map[string]bool{}, memberships: map[membership]string{}}
}

// Want requests a user's rights, and their role in an organization ("" for none).
func (a *Actors) Want(user, organization string) {
	a.users = append(a.users, user)
	if organization != "" {
		a.organizations = append(a.organizations, organization)
	}
}

// Role returns a user's platform role, "" for a user that does not exist or is deleted.
func (a *Actors) Role(user string) string { return a.roles[user] }

// PayoutsReady reports whether a user's payout account can receive money.
func (a *Actors) PayoutsReady(user string) bool { return a.payouts[user] }

// OrganizationRole returns the role of a user's active membership, "" without one.
func (a *Actors) OrganizationRole(organization, user string) string {
	return a.memberships[membership{organization, user}]
}

// Load queues the reads, if there are any. Every user and membership is looked up by its
// key: with a mere id = ANY(…) the planner prefers to read the partial index of all users
// that are not deleted, while the table is small, and compares each with all the ids. They
// are locked in the order of their ids, before everything else that the batch locks.
func (a *Actors) Load(b *pgx.Batch) {
	if len(a.users) == 0 {
		return
	}
	slices.Sort(a.users)
	a.users = slices.Compact(a.users)
	b.Queue(`
SELECT u.id, u.role, COALESCE((
    SELECT s.charges_enabled AND s.payouts_enabled FROM stripe_connect_accounts s WHERE s.user_id = u.id), false)
FROM unnest($1::text[]) AS w (id)
CROSS JOIN LATERAL (SELECT id, role FROM users WHERE id = w.id AND deleted_at IS NULL LIMIT 1 FOR KEY SHARE) u`,
		a.users).Query(func(rows pgx.Rows) error {
		var id, role string
		var payouts bool
		_, err := pgx.ForEachRow(rows, []any{&id, &role, &payouts}, func() error {
			a.roles[id] = role
			a.payouts[id] = payouts
			return nil
		})
		return err
	})
	if len(a.organizations) == 0 {
		return
	}
	b.Queue(`
SELECT m.organization_id, m.user_id, m.role
FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id
WHERE m.organization_id = ANY($1::uuid[]) AND m.user_id = ANY($2::text[])
  AND m.status = 'active' AND o.deleted_at IS NULL`, a.organizations, a.users).Query(func(rows pgx.Rows) error {
		var m membership
		var role string
		_, err := pgx.ForEachRow(rows, []any{&m.organization, &m.user, &role}, func() error {
			a.memberships[m] = role
			return nil
		})
		return err
	})
}
