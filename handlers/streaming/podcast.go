package streaming

import (
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/rss"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

// PodcastAddress is the address of a private podcast feed, a credential of the caller.
type PodcastAddress struct {
	FeedURL   string    `json:"feedUrl" jsonschema:"format=uri"`
	CreatedAt time.Time `json:"createdAt"`
}

// PodcastOpened confirms that a feed has a new address.
type PodcastOpened struct {
	FeedID string `json:"feedId" jsonschema:"format=uuid"`
}

// podcastRoutes declares what a viewer does with the own feed of an organization.
func (s *streaming) podcastRoutes() []edge.Route {
	const path = "/api/access/organizations/:id/podcast"
	return []edge.Route{
		{
			Method:  "POST",
			Path:    path,
			Name:    "openPodcast",
			Summary: "Open a private podcast feed, or replace its address",
			Notes: "The feed has the sound of those items of the organization that the caller may see now. Repeated, it " +
				"gives the feed a new address, and the one before is not valid any more. Get the address with GET.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Command:   access.CommandOpenPodcast,
			Responses: []edge.Response{edge.Data[PodcastOpened](http.StatusOK)},
			Errors:    []*domain.Error{access.ErrPodcastOrganization},
			Handle: func(r *edge.Request) error {
				return s.sendPodcast(r, access.OpenPodcast{OrganizationID: r.UUID("id")})
			},
		},
		{
			Method:    "GET",
			Path:      path,
			Name:      "getPodcast",
			Summary:   "Get the address of the private podcast feed",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[PodcastAddress](http.StatusOK)},
			Errors:    []*domain.Error{access.ErrPodcastNotFound},
			Handle:    s.getPodcast,
		},
		{
			Method:    "DELETE",
			Path:      path,
			Name:      "revokePodcast",
			Summary:   "Revoke the address of the private podcast feed",
			Auth:      edge.Session(),
			Command:   access.CommandRevokePodcast,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{access.ErrPodcastNotFound},
			Handle: func(r *edge.Request) error {
				return s.sendPodcast(r, access.RevokePodcast{OrganizationID: r.UUID("id")})
			},
		},
	}
}

func (s *streaming) sendPodcast(r *edge.Request, payload any) error {
	if err := r.NoBody(); err != nil {
		return err
	}
	return r.Send(postgres.PodcastID(r.Actor().UserID, r.UUID("id")), payload)
}

func (s *streaming) getPodcast(r *edge.Request) error {
	feed, found, err := postgres.Podcast(r, s.cfg.Pool, postgres.PodcastID(r.Actor().UserID, r.UUID("id")))
	switch {
	case err != nil:
		return err
	case !found || feed.RevokedAt != nil:
		return access.ErrPodcastNotFound
	}
	noStore(r)
	return r.OK(PodcastAddress{
		FeedURL:   rss.WithToken(s.podcastURL(feed.ID, "feed.xml"), s.cfg.Tokens.SignPodcast(feed.ID, feed.Serial)),
		CreatedAt: feed.CreatedAt,
	})
}

// podcastURL returns the URL of a part of a feed, without its token.
func (s *streaming) podcastURL(feedID, part string) string {
	return s.cfg.PublicURL + "/api/podcasts/" + feedID + "/" + part
}

// podcastCommands returns the context "podcast": the feeds of viewers.
func podcastCommands() commands.Context {
	return commands.NewContext("podcast", openPodcasts,
		commands.Handle(access.CommandOpenPodcast, (*podcastBatch).wantOpen, (*podcastBatch).open),
		commands.Handle(access.CommandRevokePodcast, (*podcastBatch).wantRevoke, (*podcastBatch).revoke))
}

// podcastBatch is what a batch of the context loads and changes.
type podcastBatch struct {
	actors        *commands.Actors
	feeds         *commands.State[string, access.Podcast]
	organizations map[string]bool
	ids, asked    []string
}

func openPodcasts() *podcastBatch {
	return &podcastBatch{
		actors:        commands.NewActors(),
		feeds:         commands.NewState[string, access.Podcast](),
		organizations: map[string]bool{},
	}
}

func (b *podcastBatch) wantOpen(cmd events.Command, p *access.OpenPodcast) {
	b.want(cmd, p.OrganizationID)
}

func (b *podcastBatch) wantRevoke(cmd events.Command, p *access.RevokePodcast) {
	b.want(cmd, p.OrganizationID)
}

func (b *podcastBatch) want(cmd events.Command, organization string) {
	b.actors.Want(cmd.ActorID, "")
	if uuid.Validate(organization) == nil {
		b.ids = append(b.ids, postgres.PodcastID(cmd.ActorID, organization))
		b.asked = append(b.asked, organization)
	}
}

// Load implements [commands.Batch].
func (b *podcastBatch) Load(load *pgx.Batch) {
	if len(b.ids) == 0 {
		return
	}
	b.actors.Load(load)
	postgres.QueueOrganizations(load, b.asked, b.organizations)
	postgres.QueuePodcastLock(load, b.ids, b.feeds.Rows)
}

// Save implements [commands.Batch].
func (b *podcastBatch) Save(save *pgx.Batch) error {
	return postgres.QueuePodcastSave(save, b.feeds.Changed())
}

// feed returns the actor's feed of an organization, a new one when there is none.
func (b *podcastBatch) feed(cmd events.Command, organization string) (access.Podcast, error) {
	if b.actors.Role(cmd.ActorID) == "" {
		return access.Podcast{}, identity.ErrUserNotFound
	}
	if !b.organizations[organization] {
		return access.Podcast{}, access.ErrPodcastOrganization
	}
	id := postgres.PodcastID(cmd.ActorID, organization)
	if known, found := b.feeds.Rows[id]; found {
		return known, nil
	}
	return access.Podcast{ID: id, UserID: cmd.ActorID, OrganizationID: organization}, nil
}

func (b *podcastBatch) open(cmd events.Command, p *access.OpenPodcast, now time.Time) (commands.Outcome, error) {
	feed, err := b.feed(cmd, p.OrganizationID)
	if err != nil {
		return commands.Outcome{}, err
	}
	next, payloads := feed.Open(now)
	return commands.OK(PodcastOpened{FeedID: next.ID}, b.keep(next, payloads)...), nil
}

func (b *podcastBatch) revoke(cmd events.Command, p *access.RevokePodcast, now time.Time) (commands.Outcome, error) {
	feed, err := b.feed(cmd, p.OrganizationID)
	if err == access.ErrPodcastOrganization { //nolint:errorlint // returned as it is
		err = access.ErrPodcastNotFound
	}
	if err != nil {
		return commands.Outcome{}, err
	}
	next, payloads, err := feed.Revoke(now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.NoContent(b.keep(next, payloads)...), nil
}

func (b *podcastBatch) keep(next access.Podcast, payloads []events.Payload) []events.Fact {
	b.feeds.Put(next.ID, next)
	return events.Facts(next.OrganizationID, next.ID, next.Version, payloads...)
}
