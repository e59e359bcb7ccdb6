package contract_test

import (
	"context"
	"crypto/sha256"
	"strings"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// actors are who asks, in the order of the matrix's columns.
var actors = []string{
	"anonymous",
	"customer",
	"creator",
	"other",
	"owner",
	"admin",
	"maker",
	"member",
	"removed",
	"stranger",
	"platform",
	"transcoder",
	"stripe",
	"worker",
}

// roles are the platform roles of those actors that have a session. creator makes
// personal things and other is another creator; owner, admin, maker and member belong
// to the organization, removed was its admin, and stranger owns another one.
var roles = map[string]string{
	"customer": "customer",
	"creator":  "creator",
	"other":    "creator",
	"owner":    "creator",
	"admin":    "creator",
	"maker":    "creator",
	"member":   "customer",
	"removed":  "creator",
	"stranger": "creator",
	"platform": "platform_owner",
}

// memberships are roles in the organization.
var memberships = map[string]string{
	"owner":   "owner",
	"admin":   "admin",
	"maker":   "creator",
	"member":  "member",
	"removed": "admin",
}

// stage is fresh people, two fresh organizations and what a state adds.
type stage struct {
	*harness
	// users are ids, which are session tokens as well, by actor.
	users                   map[string]string
	organization, elsewhere string
	// given are values of the request's parameters, headers ("#Prefer") and body fields, by name.
	given map[string]string
}

func (w *harness) stage() *stage {
	w.Helper()
	s := &stage{
		harness:      w,
		users:        map[string]string{},
		organization: uuid.NewString(),
		elsewhere:    uuid.NewString(),
		given:        map[string]string{},
	}
	list := []statement{
		sql(
			`INSERT INTO organizations (id, name, slug, version) VALUES ($1::uuid, 'Here', 'o-' || $1::text, 1),
				($2::uuid, 'Elsewhere', 'o-' || $2::text, 1)`,
			s.organization,
			s.elsewhere,
		),
	}
	for name, role := range roles {
		s.users[name] = handlertest.FlatID()
		list = append(list, s.user(s.users[name], role)...)
		if role, belongs := memberships[name]; belongs {
			list = append(list, s.membership(s.organization, s.users[name], role))
		}
	}
	list = append(list,
		sql(`UPDATE organization_memberships SET status = 'inactive' WHERE user_id = $1`, s.users["removed"]),
		s.membership(s.elsewhere, s.users["stranger"], "owner"))
	w.exec(list...)
	return s
}

// moveOn gives the same people another organization, in which a state is made anew.
func (s *stage) moveOn() {
	s.Helper()
	s.organization = uuid.NewString()
	list := []statement{
		sql(`INSERT INTO organizations (id, name, slug, version) VALUES ($1::uuid, 'There', 'o-' || $1::text, 1)`,
			s.organization),
	}
	for name, role := range memberships {
		list = append(list, s.membership(s.organization, s.users[name], role))
	}
	s.exec(list...)
}

// user makes a user with the password and a session.
func (w *harness) user(id, role string) []statement {
	hash := sha256.Sum256([]byte(id))
	return []statement{
		sql(
			`INSERT INTO users (id, name, email, email_verified, role, version) VALUES ($1::text, 'Test',
				$1::text || '@example.test', true, $2, 1)`,
			id,
			role,
		),
		sql(`INSERT INTO accounts (id, account_id, provider_id, user_id, password) VALUES ($1, $1, 'credential', $1, $2)`,
			id, w.hash),
		sql(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`,
			uuid.NewString(), hash[:], id),
	}
}

func (w *harness) membership(organization, user, role string) statement {
	return sql(`INSERT INTO organization_memberships (organization_id, user_id, role) VALUES ($1, $2, $3)`, organization,
		user, role)
}

// piece is a content item that a state makes. The zero value is the creator's own,
// personal, written and free draft.
type piece struct {
	by, organization, access, status string
	price                            int
	deleted                          bool
	// media is the id of the media of a video.
	media string
}

func (s *stage) piece(p piece) string {
	s.Helper()
	id, kind, status, access := uuid.NewString(), "written", or(p.status, "draft"), or(p.access, "free")
	if p.media != "" {
		kind = "video"
	}
	s.exec(
		sql(
			`INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, content_type,
				content_body, access_type, price_cents, status, published_at, deleted_at, version)
		VALUES ($1::uuid, $2, NULLIF($3, '')::uuid, NULLIF($4, '')::uuid, 'A piece', 'p-' || $1::text, $5,
		'Some words', $6, NULLIF($7, 0), $8::varchar,
		CASE WHEN $8::varchar = 'published' THEN now() END, CASE WHEN $9 THEN now() END, 1)`,
			id,
			s.users[or(p.by, "creator")],
			p.organization,
			p.media,
			kind,
			access,
			p.price,
			status,
			p.deleted,
		),
	)
	return id
}

// category makes a category; organization is "" for a personal one.
func (s *stage) category(by, organization string) string {
	s.Helper()
	id := uuid.NewString()
	s.exec(sql(`INSERT INTO categories (id, organization_id, creator_id, name, slug, version)
		VALUES ($1::uuid, NULLIF($2, '')::uuid, $3, 'A category', 'c-' || $1::text, 1)`, id, organization, s.users[by]))
	return id
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// recording makes a media item of an actor.
func (s *stage) recording(by, status string) string {
	s.Helper()
	id, owner := uuid.NewString(), s.users[by]
	folder := owner + "/hls/" + id
	s.exec(
		sql(
			`INSERT INTO media_items (id, creator_id, title, media_type, mime_type, file_size_bytes, status, r2_key,
				hls_master_playlist_key, hls_preview_key,
		uploaded_at, duration_seconds, ready_variants, transcoding_attempts, transcoding_error, runpod_job_id, version)
		VALUES ($1::uuid, $2::text, 'A recording', 'video', 'video/mp4', 2048, $3::varchar,
		$2::text || '/originals/' || $1::text || '/a.mp4',
		CASE WHEN $3::varchar = 'ready' THEN $4::text || '/master.m3u8' END, CASE WHEN $3::varchar = 'ready'
		THEN $4::text || '/preview/preview.m3u8' END,
		CASE WHEN $3::varchar <> 'uploading' THEN now() END, CASE WHEN $3::varchar = 'ready' THEN 100 END, CASE
		WHEN $3::varchar = 'ready' THEN '["720p"]'::jsonb END,
		CASE WHEN $3::varchar IN ('failed', 'transcoding') THEN 1 ELSE 0 END, CASE WHEN $3::varchar = 'failed'
		THEN 'it broke' END, $5, 1)`,
			id,
			owner,
			status,
			folder,
			"job-"+id,
		),
	)
	return id
}

const masterText = "#EXTM3U\n#EXT-X-VERSION:7\n" +
	"#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\n720p/index.m3u8\n"

const variantText = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n" +
	"#EXT-X-MAP:URI=\"stream.mp4\",BYTERANGE=\"4@0\"\n" +
	"#EXTINF:6.0,\n#EXT-X-BYTERANGE:6@4\nstream.mp4\n#EXT-X-ENDLIST\n"

// renditions puts into the store what a transcoder would.
func (s *stage) renditions(by, media string) {
	s.Helper()
	for name, text := range map[string]string{
		"master.m3u8":          masterText,
		"720p/index.m3u8":      variantText,
		"preview/preview.m3u8": variantText,
	} {
		s.object(s.users[by]+"/hls/"+media+"/"+name, text, "application/octet-stream")
	}
}

// captions gives a media item captions and chapters.
func (s *stage) captions(media string) {
	s.Helper()
	s.exec(
		sql(`UPDATE media_items SET captions = '[{"language": "en", "label": "English", "kind": "subtitles",
			"updatedAt": "2026-05-04T12:00:00Z"}]', chapters = '{"list": [{"startTime": 0, "title": "Introduction"}]}'
			WHERE id = $1`, media),
		sql(`INSERT INTO media_captions (media_item_id, language, text) VALUES ($1, 'en', 'WEBVTT')`, media),
	)
	s.given["language"] = "en"
}

func (s *stage) object(key, text, kind string) {
	s.Helper()
	handlertest.Must(s.Media.Put(context.Background(), key, strings.NewReader(text), int64(len(text)), kind))(s)
}

// purchase makes a completed purchase of an item, with its grant.
func (s *stage) purchase(by, content, organization string) string {
	s.Helper()
	id := uuid.NewString()
	s.exec(
		sql(
			`INSERT INTO purchases (id, customer_id, content_id, organization_id, amount_paid_cents, platform_fee_cents,
				creator_payout_cents, stripe_payment_intent_id, status, purchased_at)
			VALUES ($1::uuid, $2, $3, NULLIF($4, '')::uuid, 2999, 300, 2699, 'pi_' || $1::text, 'completed', now())`,
			id,
			s.users[by],
			content,
			organization,
		),
		sql(
			`INSERT INTO content_access (user_id, content_id, access_type, source_id, version) VALUES ($1, $2,
				'purchased', $3, 1)`,
			s.users[by],
			content,
			id,
		),
	)
	return id
}
