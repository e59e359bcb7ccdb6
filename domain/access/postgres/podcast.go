package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/postgres"
)

// podcastSpace is the name space of the ids of feeds.
var podcastSpace = uuid.MustParse("4b0f0a53-2d1c-5a0f-8f6b-2f6f9c5f7d11")

// PodcastID returns the id of a user's feed of an organization.
func PodcastID(userID, organizationID string) string {
	return uuid.NewSHA1(podcastSpace, []byte(userID+"\x00"+organizationID)).String()
}

const podcastColumns = `id, user_id, organization_id, serial, revoked_at, version, created_at, updated_at`

func scanPodcast(row pgx.CollectableRow) (access.Podcast, error) {
	var p access.Podcast
	err := row.Scan(&p.ID, &p.UserID, &p.OrganizationID, &p.Serial, &p.RevokedAt, &p.Version, &p.CreatedAt, &p.UpdatedAt)
	return p, err
}

// Podcast reads a feed. It reports false when there is none.
func Podcast(ctx context.Context, db postgres.Queryer, id string) (p access.Podcast, found bool, err error) {
	rows, err := db.Query(ctx, `SELECT `+podcastColumns+` FROM podcast_feeds WHERE id = $1`, id)
	if err == nil {
		p, err = pgx.CollectOneRow(rows, scanPodcast)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("read podcast feed: %w", err)
	}
	return p, true, nil
}

// QueuePodcastLock queues the read of feeds, locked in the order of their ids.
func QueuePodcastLock(b *pgx.Batch, ids []string, found map[string]access.Podcast) {
	b.Queue(`SELECT `+podcastColumns+` FROM podcast_feeds WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, ids).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanPodcast)
			for _, p := range list {
				found[p.ID] = p
			}
			return err
		})
}

// QueueOrganizations queues which organizations of a list there are.
func QueueOrganizations(b *pgx.Batch, ids []string, found map[string]bool) {
	b.Queue(`SELECT id::text FROM organizations WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL`, ids).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, id := range list {
				found[id] = true
			}
			return err
		})
}

// podcastRow is a feed as the upsert reads it from JSON.
type podcastRow struct {
	ID             string     `json:"id"`
	UserID         string     `json:"user_id"`
	OrganizationID string     `json:"organization_id"`
	Serial         int        `json:"serial"`
	RevokedAt      *time.Time `json:"revoked_at"`
	Version        int64      `json:"version"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

// QueuePodcastSave queues the statement that writes feeds, new and changed.
func QueuePodcastSave(b *pgx.Batch, list []access.Podcast) error {
	if len(list) == 0 {
		return nil
	}
	rows := make([]podcastRow, len(list))
	for i, p := range list {
		rows[i] = podcastRow(p)
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal podcast feeds: %w", err)
	}
	b.Queue(`
INSERT INTO podcast_feeds (`+podcastColumns+`)
SELECT `+podcastColumns+` FROM json_to_recordset($1::json) AS r (id uuid, user_id text, organization_id uuid,
    serial int, revoked_at timestamptz, version bigint, created_at timestamptz, updated_at timestamptz) ORDER BY id
ON CONFLICT (id) DO UPDATE SET serial = excluded.serial, revoked_at = excluded.revoked_at,
    version = excluded.version, updated_at = excluded.updated_at`, string(body))
	return nil
}

// PodcastShow is the organization of a feed.
type PodcastShow struct {
	Name, Description string
	// ChangedAt is when what the feed shows changed last, access included.
	ChangedAt time.Time
}

// PodcastEpisode is an item of an organization that can be heard.
type PodcastEpisode struct {
	ContentID, Title, Description string
	PublishedAt                   time.Time
	AudioKey                      string
	AudioBytes                    int64
	Seconds                       int
	HasChapters                   bool
}

// maxEpisodes is how many items a feed has, the newest ones.
const maxEpisodes = 300

// ReadPodcast reads what a feed may show: the organization and its newest published items with
// sound. Access is decided per item.
func ReadPodcast(
	ctx context.Context, db postgres.Queryer, p access.Podcast, now time.Time,
) (show PodcastShow, episodes []PodcastEpisode, found bool, err error) {
	rows, err := db.Query(ctx, `
SELECT o.name, COALESCE(o.description, ''), greatest(o.updated_at, $3::timestamptz,
    (SELECT max(greatest(c.updated_at, m.updated_at)) FROM content c LEFT JOIN media_items m ON m.id = c.media_item_id
     WHERE c.organization_id = o.id),
    (SELECT max(greatest(a.updated_at, CASE WHEN a.expires_at <= $4 THEN a.expires_at END))
     FROM content_access a JOIN content c ON c.id = a.content_id WHERE a.user_id = $2 AND c.organization_id = o.id),
    (SELECT max(updated_at) FROM organization_memberships WHERE user_id = $2 AND organization_id = o.id))
FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL`, p.OrganizationID, p.UserID, p.UpdatedAt, now)
	if err == nil {
		show, err = pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (s PodcastShow, err error) {
			return s, row.Scan(&s.Name, &s.Description, &s.ChangedAt)
		})
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return show, nil, false, nil
	}
	if err != nil {
		return show, nil, false, fmt.Errorf("read podcast: %w", err)
	}

	rows, err = db.Query(ctx, `
SELECT c.id::text, c.title, COALESCE(c.description, ''), c.published_at, m.audio_key, m.audio_bytes,
    COALESCE(m.duration_seconds, 0), COALESCE(jsonb_array_length(m.chapters -> 'list'), 0) > 0
FROM content c JOIN media_items m ON m.id = c.media_item_id AND m.deleted_at IS NULL
WHERE c.organization_id = $1 AND c.status = 'published' AND c.deleted_at IS NULL AND c.published_at IS NOT NULL
  AND m.status = 'ready' AND m.audio_key IS NOT NULL AND m.audio_bytes IS NOT NULL
ORDER BY c.published_at DESC, c.id LIMIT $2`, p.OrganizationID, maxEpisodes)
	if err == nil {
		episodes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e PodcastEpisode, err error) {
			return e, row.Scan(&e.ContentID, &e.Title, &e.Description, &e.PublishedAt, &e.AudioKey, &e.AudioBytes,
				&e.Seconds, &e.HasChapters)
		})
	}
	if err != nil {
		return show, nil, false, fmt.Errorf("read podcast: %w", err)
	}
	return show, episodes, true, nil
}
