package streaming

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/rss"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// audioType is the media type of the sound in one file, as the transcoder stores it.
const audioType = "audio/x-m4a"

var (
	feedParam    = edge.Param{Name: "id", Doc: "the feed"}
	episodeParam = edge.Param{Name: "episode", Doc: "the item"}
)

// feedRoutes declares what podcast apps fetch: the feed, its cover, and the sound and chapters of
// its episodes. They know only the token, and are told no more than that something is not there.
func (s *streaming) feedRoutes() []edge.Route {
	route := func(path, name, summary string, response edge.Response, handle func(*edge.Request, access.Podcast) error,
		more ...edge.Param,
	) edge.Route {
		return edge.Route{
			Method:  "GET",
			Path:    "/api/podcasts/:id/" + path,
			Name:    name,
			Summary: summary,
			Notes: "Takes the token of the feed's address. Errors are plain text: 404 for an unknown or revoked token, " +
				"and for an item to which its user has no access.",
			Auth:      edge.PlaybackToken,
			Limit:     edge.LimitStreaming,
			Params:    append(more, feedParam, tokenParam),
			Responses: []edge.Response{response},
			Handle: func(r *edge.Request) error {
				feed, err := s.feed(r)
				if err == nil {
					err = handle(r, feed)
				}
				if err != nil {
					s.refuse(r, err, "not found")
				}
				return nil
			},
		}
	}
	feed := route("feed.xml", "getPodcastFeed", "Get a private podcast feed",
		edge.Response{Status: http.StatusOK, Body: "", Type: "application/rss+xml"}, s.writeFeed)
	feed.Responses = append(feed.Responses, edge.Response{
		Status: http.StatusNotModified,
		Doc:    "The feed still has the ETag of If-None-Match, or has not changed since If-Modified-Since",
	})
	return []edge.Route{
		feed,
		route("cover.png", "getPodcastCover", "Get the cover of a private podcast feed",
			edge.Response{Status: http.StatusOK, Body: "", Type: "image/png"}, writeCover),
		route("episodes/:episode/audio.m4a", "getEpisodeAudio", "Get the sound of an episode",
			edge.Response{Status: http.StatusFound, Doc: "The file is at Location, for less than a minute"},
			s.episodeAudio, episodeParam),
		route("episodes/:episode/chapters.json", "getEpisodeChapters", "Get the chapters of an episode",
			edge.Response{Status: http.StatusOK, Body: "", Type: rss.ChaptersType}, s.episodeChapters, episodeParam),
	}
}

// feed returns the feed of the request's token, or s3.ErrNotFound.
func (s *streaming) feed(r *edge.Request) (access.Podcast, error) {
	id, serial, err := s.cfg.Tokens.OpenPodcast(r.Text("token"))
	if err != nil || id != r.Text("id") {
		return access.Podcast{}, s3.ErrNotFound
	}
	feed, found, err := postgres.Podcast(r, s.cfg.Pool, id)
	if err == nil && (!found || !feed.Live(serial)) {
		err = s3.ErrNotFound
	}
	return feed, err
}

func (s *streaming) writeFeed(r *edge.Request, feed access.Podcast) error {
	show, episodes, err := s.readFeed(r, feed)
	if err != nil {
		return err
	}
	body, err := rss.Feed(show, episodes)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(hash[:16]) + `"`
	r.Header("ETag", tag)
	r.Header("Last-Modified", show.ChangedAt.UTC().Format(http.TimeFormat))
	r.Header("Cache-Control", "private, no-cache")
	if unchanged(r, tag, show.ChangedAt) {
		r.Status(http.StatusNotModified)
		return nil
	}
	r.Data(http.StatusOK, rss.ContentType, body)
	return nil
}

// unchanged decides a conditional request by RFC 9110: If-None-Match counts before If-Modified-Since.
func unchanged(r *edge.Request, tag string, changed time.Time) bool {
	if given := r.GetHeader("If-None-Match"); given != "" {
		for one := range strings.SplitSeq(given, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.GetHeader("If-Modified-Since"))
	return err == nil && !changed.Truncate(time.Second).After(since)
}

// readFeed reads the show and those of its episodes that the feed's user may hear.
func (s *streaming) readFeed(r *edge.Request, feed access.Podcast) (rss.Show, []rss.Episode, error) {
	now := s.cfg.Now().UTC()
	show, list, found, err := postgres.ReadPodcast(r, s.cfg.Pool, feed, now)
	if err == nil && !found {
		err = s3.ErrNotFound
	}
	if err != nil {
		return rss.Show{}, nil, err
	}
	questions := make([]postgres.Question, len(list))
	for i, e := range list {
		questions[i] = postgres.Question{UserID: feed.UserID, ContentID: e.ContentID}
	}
	facts, err := s.facts(r, questions)
	if err != nil {
		return rss.Show{}, nil, err
	}

	text := r.Text("token")
	var episodes []rss.Episode
	for i, e := range list {
		f := facts[questions[i]]
		if !access.Decide(f.Content, f.Viewer, now).Allowed {
			continue
		}
		part := "episodes/" + e.ContentID + "/"
		episode := rss.Episode{
			ID:          e.ContentID,
			Title:       e.Title,
			Description: e.Description,
			PublishedAt: e.PublishedAt,
			Seconds:     e.Seconds,
			Audio:       rss.WithToken(s.podcastURL(feed.ID, part+"audio.m4a"), text),
			AudioBytes:  e.AudioBytes,
			AudioType:   audioType,
		}
		if e.HasChapters {
			episode.Chapters = rss.WithToken(s.podcastURL(feed.ID, part+"chapters.json"), text)
		}
		episodes = append(episodes, episode)
	}
	description := show.Description
	if description == "" {
		description = show.Name
	}
	return rss.Show{
		Title:       show.Name,
		Description: description,
		Link:        s.cfg.PublicURL + "/",
		Address:     s.cfg.PublicURL + "/api/organizations/" + feed.OrganizationID,
		Language:    "en",
		Image:       rss.WithToken(s.podcastURL(feed.ID, "cover.png"), text),
		Category:    "Education",
		ChangedAt:   show.ChangedAt,
	}, episodes, nil
}

func writeCover(r *edge.Request, feed access.Podcast) error {
	cover, err := rss.Cover(feed.OrganizationID)
	if err != nil {
		return err
	}
	r.Header("Cache-Control", "private, max-age=86400")
	r.Data(http.StatusOK, "image/png", cover)
	return nil
}

// hear returns the media of an episode that the feed's user may hear, or s3.ErrNotFound.
func (s *streaming) hear(r *edge.Request, feed access.Podcast) (played, error) {
	id, err := uuid.Parse(r.Text("episode"))
	if err != nil {
		return played{}, s3.ErrNotFound
	}
	var p played
	q := postgres.Question{UserID: feed.UserID, ContentID: id.String()}
	facts, err := s.facts(r, []postgres.Question{q}, queuePlayed(q.ContentID, &p))
	if err != nil {
		return played{}, err
	}
	f := facts[q]
	allowed := access.Decide(f.Content, f.Viewer, s.cfg.Now()).Allowed
	if !allowed || p.organizationID != feed.OrganizationID || !p.ready() || !media.SafeKey(p.audio) {
		return played{}, s3.ErrNotFound
	}
	return p, nil
}

func (s *streaming) episodeAudio(r *edge.Request, feed access.Podcast) error {
	p, err := s.hear(r, feed)
	if err != nil {
		return err
	}
	address, err := s.files.url(r, s.cfg.Objects, p.audio, s.cfg.Now())
	if err != nil {
		return err
	}
	noStore(r)
	r.Header("Location", address)
	r.Status(http.StatusFound)
	return nil
}

func (s *streaming) episodeChapters(r *edge.Request, feed access.Podcast) error {
	p, err := s.hear(r, feed)
	if err != nil {
		return err
	}
	if len(p.chapters.List) == 0 {
		return s3.ErrNotFound
	}
	body, err := json.Marshal(p.chapters.Document())
	if err != nil {
		return err
	}
	noStore(r)
	r.Data(http.StatusOK, rss.ChaptersType, body)
	return nil
}
