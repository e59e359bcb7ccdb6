package identity

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// DeleteAccount deletes the caller's account.
type DeleteAccount struct {
	Confirmation string `json:"confirmation" jsonschema:"required,enum=DELETE,example=DELETE"`
	// CurrentPassword is checked by the edge, unless the user has just signed in. It is no part of
	// the command, [Erase].
	CurrentPassword string `json:"currentPassword,omitempty" jsonschema:"maxLength=128"`
}

// Validate requires the confirmation.
func (d *DeleteAccount) Validate() []domain.Field { return domain.Check(d) }

// Erase is the command of a DeleteAccount. It is applied while the user has proved the password a
// moment ago in the session of the request.
type Erase struct {
	SessionID string `json:"sessionId"`
}

// Holdings are what prevents the deletion of an account.
type Holdings struct {
	// Organization says that the user is an active owner of a live organization.
	Organization bool
	// Content says that content or media of the user exists.
	Content bool
}

// Delete ends an account and removes everything that identifies its owner. The row stays,
// because purchases and the ledger refer to its id.
func (u User) Delete(holds Holdings, now time.Time) (User, []events.Payload, error) {
	switch {
	case holds.Organization:
		return User{}, nil, ErrOwnsOrganization
	case holds.Content:
		return User{}, nil, ErrHasContent
	}
	return User{
		ID:        u.ID,
		Name:      "Deleted User",
		Email:     "deleted-" + u.ID + "@deleted.invalid",
		Role:      Customer,
		Version:   u.Version + 1,
		CreatedAt: u.CreatedAt,
		UpdatedAt: now,
		DeletedAt: &now,
	}, []events.Payload{events.UserDeleted{UserID: u.ID}}, nil
}

// Addresses are the addresses that rows about this account may have.
func (u User) Addresses() []string {
	if u.PendingEmail == nil {
		return []string{u.Email}
	}
	return []string{u.Email, *u.PendingEmail}
}
