package commands

import (
	"github.com/jackc/pgx/v5"
)

// actors are the rights of those who ask, as they are inside the transaction.
type actors struct {
	roles        map[string]string     // user → platform role
	payouts      map[string]bool       // user → payout account can receive money
	memberships  map[membership]string // active membership → role
	users        []string
	organization []string
}

type membership struct{ organization, user string }

func newActors() *actors {
	return &actors{roles: map[string]string{}, payouts: map[string]bool{}, memberships: map[membership]string{}}
}

// want asks for a user's rights, and for their role in an organization ("" for none).
func (a *actors) want(user, organization string) {
	a.users = append(a.users, user)
	if organization != "" {
		a.organization = append(a.organization, organization)
	}
}

// load queues the reads.
func (a *actors) load(b *pgx.Batch) {
	b.Queue(`SELECT u.id, u.role, COALESCE(s.charges_enabled AND s.payouts_enabled, false)
		FROM users u LEFT JOIN stripe_connect_accounts s ON s.user_id = u.id
		WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL`, a.users).Query(func(rows pgx.Rows) error {
		var id, role string
		var payouts bool
		_, err := pgx.ForEachRow(rows, []any{&id, &role, &payouts}, func() error {
			a.roles[id], a.payouts[id] = role, payouts
			return nil
		})
		return err
	})
	if len(a.organization) == 0 {
		return
	}
	b.Queue(`SELECT m.organization_id, m.user_id, m.role
		FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id
		WHERE m.organization_id = ANY($1::uuid[]) AND m.user_id = ANY($2::text[])
		  AND m.status = 'active' AND o.deleted_at IS NULL`, a.organization, a.users).Query(func(rows pgx.Rows) error {
		var m membership
		var role string
		_, err := pgx.ForEachRow(rows, []any{&m.organization, &m.user, &role}, func() error {
			a.memberships[m] = role
			return nil
		})
		return err
	})
}
