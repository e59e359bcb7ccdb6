package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
)

// The kinds of requests that are limited per address.
const (
	SignInFailures    = "sign-in-failures"
	VerificationMails = "verification-mail"
	ResetMails        = "reset-mail"
	Invitations       = "invitation"
)

// limitsPerAddress are the limits that are cleared with an address.
var limitsPerAddress = []string{SignInFailures, VerificationMails, ResetMails, Invitations}

// QueueErase queues what ends an account, which was reachable under these addresses:
// everything personal is overwritten or removed, with the sessions, credentials and proofs.
// The id of the payment provider's customer is lost with it.
func QueueErase(b *pgx.Batch, deleted identity.User, addresses []string) {
	var keys []ratelimit.Key
	for _, address := range addresses {
		for _, kind := range limitsPerAddress {
			keys = append(keys, ratelimit.KeyOf(kind, address))
		}
	}
	b.Queue(`
UPDATE users SET name = $2, email = $3, role = $4, version = $5, updated_at = $6, deleted_at = $7,
       email_verified = false, pending_email = NULL, image = NULL, avatar_url = NULL, username = NULL, bio = NULL,
       social_links = NULL, stripe_customer_id = NULL
WHERE id = $1`, deleted.ID, deleted.Name, deleted.Email, deleted.Role, deleted.Version,
		deleted.UpdatedAt, deleted.DeletedAt)
	b.Queue(`DELETE FROM sessions WHERE user_id = $1`, deleted.ID)
	b.Queue(`DELETE FROM accounts WHERE user_id = $1`, deleted.ID)
	b.Queue(`DELETE FROM verification WHERE user_id = $1`, deleted.ID)
	b.Queue(`DELETE FROM verification WHERE identifier = ANY($1::text[])`, addresses)
	ratelimit.QueueClear(b, keys...)
}
