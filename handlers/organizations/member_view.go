package organizations

import (
	"time"

	"github.com/codex-platform/codex/domain/organization"
)

// Member is a membership as the members of the organization see it. The address and the
// invitation are null for members who do not manage the organization.
type Member struct {
	ID                  string              `json:"id" jsonschema:"format=uuid"`
	OrganizationID      string              `json:"organizationId" jsonschema:"format=uuid"`
	UserID              string              `json:"userId"`
	Name                string              `json:"name"`
	Email               *string             `json:"email"`
	AvatarURL           *string             `json:"avatarUrl"`
	Role                organization.Role   `json:"role"`
	Status              organization.Status `json:"status"`
	JoinedAt            *time.Time          `json:"joinedAt"`
	InvitedBy           *string             `json:"invitedBy"`
	InvitationExpiresAt *time.Time          `json:"invitationExpiresAt"`
	CreatedAt           time.Time           `json:"createdAt"`
	UpdatedAt           time.Time           `json:"updatedAt"`
}

// MemberOf returns a membership's representation; managed adds what only owners and admins
// see. An invitation that was not accepted shows nothing of the person but the address that was
// invited, and one that has ended not even that.
func MemberOf(m organization.Membership, p organization.Person, managed bool) Member {
	view := Member{
		ID:             m.ID,
		OrganizationID: m.OrganizationID,
		UserID:         m.UserID,
		Name:           p.Name,
		AvatarURL:      p.AvatarURL,
		Role:           m.Role,
		Status:         m.Status,
		JoinedAt:       m.JoinedAt,
		CreatedAt:      m.CreatedAt,
		UpdatedAt:      m.UpdatedAt,
	}
	ended := m.Unaccepted() && m.Status != organization.Invited
	if m.Unaccepted() {
		view.Name, view.AvatarURL = "", nil
	}
	if managed {
		view.InvitedBy = m.InvitedBy
		if !ended {
			view.Email = &p.Email
		}
		if m.Status == organization.Invited {
			view.InvitationExpiresAt = m.ExpiresAt
		}
	}
	return view
}

// OwnMembership is the caller's membership of an organization: all null when there is none.
// The role is set only while the membership is active.
type OwnMembership struct {
	Role     *organization.Role   `json:"role"`
	Status   *organization.Status `json:"status"`
	JoinedAt *time.Time           `json:"joinedAt"`
	// Invitation is the one that the caller may accept.
	Invitation *Invitation `json:"invitation"`
}

// Invitation is an invitation to an organization.
type Invitation struct {
	Role      organization.Role `json:"role"`
	ExpiresAt *time.Time        `json:"expiresAt"`
}

// OwnMembershipOf returns the caller's membership; the zero Membership is none.
func OwnMembershipOf(m organization.Membership) OwnMembership {
	var view OwnMembership
	if m.Status != "" {
		view.Status = &m.Status
	}
	switch m.Status {
	case organization.Active:
		view.Role, view.JoinedAt = &m.Role, m.JoinedAt
	case organization.Invited:
		view.Invitation = &Invitation{Role: m.Role, ExpiresAt: m.ExpiresAt}
	case organization.Inactive: // the former role is not shown
	}
	return view
}

// ActiveMembership is a user's active membership for other programs of the installation: all
// null when there is none.
type ActiveMembership struct {
	Role     *organization.Role `json:"role"`
	JoinedAt *time.Time         `json:"joinedAt"`
}

// PublicMember is a member on the public page: without address and id.
type PublicMember struct {
	Name      string            `json:"name"`
	Username  *string           `json:"username"`
	AvatarURL *string           `json:"avatarUrl"`
	Role      organization.Role `json:"role"`
	JoinedAt  time.Time         `json:"joinedAt"`
}

// OrganizationCreator is a member who may publish, with the content published there.
type OrganizationCreator struct {
	PublicMember
	Bio          *string `json:"bio"`
	ContentCount int64   `json:"contentCount"`
	// RecentContent are the newest items, four at most.
	RecentContent []RecentContent `json:"recentContent"`
}

// RecentContent is a published item of an [OrganizationCreator].
type RecentContent struct {
	ID           string    `json:"id" jsonschema:"format=uuid"`
	Title        string    `json:"title"`
	Slug         string    `json:"slug"`
	ThumbnailURL *string   `json:"thumbnailUrl"`
	ContentType  string    `json:"contentType"`
	PublishedAt  time.Time `json:"publishedAt"`
}
