package access

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Commands on the feed of the actor. The aggregate of both is the feed.
const (
	CommandOpenPodcast   = "podcast.open"
	CommandRevokePodcast = "podcast.revoke"
)

// OpenPodcast gives the actor's feed of an organization a new address, which replaces the one before.
type OpenPodcast struct {
	OrganizationID string `json:"organizationId"`
}

// RevokePodcast ends the address of the actor's feed of an organization.
type RevokePodcast struct {
	OrganizationID string `json:"organizationId"`
}

var (
	// ErrPodcastNotFound : the caller has no feed of the organization.
	ErrPodcastNotFound = domain.Missing("PODCAST_NOT_FOUND", "Podcast feed")
	// ErrPodcastOrganization : there is no such organization.
	ErrPodcastOrganization = domain.Missing("ORGANIZATION_NOT_FOUND", "Organization")
)

// Podcast is the private feed of one user for the items of one organization.
type Podcast struct {
	ID             string
	UserID         string
	OrganizationID string
	// Serial is that of the feed's address; an address of another one is not valid.
	Serial    int
	RevokedAt *time.Time
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Live reports whether an address with a serial is valid.
func (p Podcast) Live(serial int) bool {
	return p.Serial > 0 && p.RevokedAt == nil && p.Serial == serial
}

// Open gives the feed a new address.
func (p Podcast) Open(now time.Time) (Podcast, []events.Payload) {
	if p.CreatedAt.IsZero() {
		p.CreatedAt = now
	}
	p.Serial++
	p.RevokedAt = nil
	p.UpdatedAt = now
	p.Version++
	return p, []events.Payload{events.PodcastFeedOpened{
		FeedID:         p.ID,
		UserID:         p.UserID,
		OrganizationID: p.OrganizationID,
	}}
}

// Revoke ends the address of the feed. Repeated, it succeeds without an event.
func (p Podcast) Revoke(now time.Time) (Podcast, []events.Payload, error) {
	switch {
	case p.Serial == 0:
		return p, nil, ErrPodcastNotFound
	case p.RevokedAt != nil:
		return p, nil, nil
	}
	p.RevokedAt = &now
	p.UpdatedAt = now
	p.Version++
	return p, []events.Payload{events.PodcastFeedRevoked{
		FeedID:         p.ID,
		UserID:         p.UserID,
		OrganizationID: p.OrganizationID,
	}}, nil
}
