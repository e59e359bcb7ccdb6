package streaming_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/wire"
)

const masterText = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\n720p/index.m3u8\n" +
	"#EXT-X-STREAM-INF:BANDWIDTH=1500000,RESOLUTION=854x480\n480p/index.m3u8\n"

const variantText = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"stream.mp4\",BYTERANGE=\"4@0\"\n" +
	"#EXTINF:6.0,\n#EXT-X-BYTERANGE:6@4\nstream.mp4\n#EXT-X-ENDLIST\n"

// upload puts what a transcoder would into the store.
func (w *world) upload(t *testing.T, f film) {
	t.Helper()
	for name, text := range map[string]string{
		"master.m3u8": masterText, "720p/index.m3u8": variantText, "480p/index.m3u8": "<not a playlist>",
		"720p/stream.mp4": "0123456789", "preview/preview.m3u8": variantText,
	} {
		if _, err := w.media.Put(context.Background(), f.folder()+"/"+name, strings.NewReader(text), int64(len(text)), "application/octet-stream"); err != nil {
			t.Fatal(err)
		}
	}
}

func (v viewer) stream(t *testing.T, f film, query string) answer {
	t.Helper()
	return v.ask(t, http.MethodGet, "/api/access/content/"+f.id+"/stream"+query, "")
}

// opened returns the addresses of a stream that must be given.
func (v viewer) opened(t *testing.T, f film, query string) wire.Stream {
	t.Helper()
	return read[single[wire.Stream]](t, v.stream(t, f, query).want(t, http.StatusOK, "")).Data
}

func addresses(playlist string) (list []string) {
	for line := range strings.Lines(playlist) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func TestAStreamLeadsToTheBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, "")
	w.upload(t, f)
	v := w.signIn(t)
	f.grantTo(t, v)

	s := v.opened(t, f, "")
	address, err := url.Parse(*s.StreamingURL)
	if err != nil || !strings.HasSuffix(address.Path, "/api/access/content/"+f.id+"/hls/master.m3u8") || address.Host != "codex.test" {
		t.Fatalf("streaming address %q", *s.StreamingURL)
	}
	if s.ContentType != "video" || !s.ExpiresAt.Equal(w.now().Add(600*time.Second)) || strings.Join(s.ReadyVariants, " ") != "720p 480p" {
		t.Errorf("stream %+v", s)
	}
	if s.WaveformURL == nil || !strings.Contains(*s.WaveformURL, "/waveforms/"+f.media+"/waveform.json?") {
		t.Errorf("waveform %v", s.WaveformURL)
	}
	master := w.get(t, *s.StreamingURL).want(t, http.StatusOK, "")
	if master.header.Get("Content-Type") != "application/vnd.apple.mpegurl" || master.header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("headers %v", master.header)
	}
	variants := addresses(master.body)
	if len(variants) != 2 || !strings.Contains(variants[0], "/hls/720p/index.m3u8?token=") {
		t.Fatalf("variants %v", variants)
	}
	variant := w.get(t, variants[0]).want(t, http.StatusOK, "")
	segments := addresses(variant.body)
	if len(segments) != 1 || !strings.Contains(variant.body, `URI="`+segments[0]+`",BYTERANGE="4@0"`) {
		t.Fatalf("rendition\n%s", variant.body)
	}
	if got := w.get(t, segments[0]); got.status != http.StatusOK || got.body != "0123456789" {
		t.Errorf("segment %d %s", got.status, got.body)
	}
	preview := strings.Replace(*s.StreamingURL, "/master.m3u8", "/preview/preview.m3u8", 1)
	if got := addresses(w.get(t, preview).want(t, http.StatusOK, "").body); len(got) != 1 || !strings.Contains(got[0], "/preview/stream.mp4?") {
		t.Errorf("preview %v", got)
	}
}

func TestAddressesLiveAsLongAsTheTokenAndAMinuteAtLeast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, "")
	w.upload(t, f)
	v := w.signIn(t)
	f.grantTo(t, v)
	life := func(address string) int {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		seconds, _ := strconv.Atoi(u.Query().Get("X-Amz-Expires"))
		return seconds
	}
	segment := func(s wire.Stream) string {
		return addresses(w.get(t, strings.Replace(*s.StreamingURL, "master.m3u8", "720p/index.m3u8", 1)).want(t, http.StatusOK, "").body)[0]
	}
	for query, seconds := range map[string]int{"": 600, "?expirySeconds=300": 300, "?expirySeconds=7200": 7200, "?expirySeconds=1234": 1234} {
		s := v.opened(t, f, query)
		if !s.ExpiresAt.Equal(w.now().Add(time.Duration(seconds) * time.Second)) {
			t.Errorf("%q ends at %v", query, s.ExpiresAt)
		}
		if got := life(segment(s)); got != seconds {
			t.Errorf("%q: a segment's address lives %d s", query, got)
		}
		if got := life(*s.WaveformURL); got != seconds {
			t.Errorf("%q: a waveform's address lives %d s", query, got)
		}
	}
	short := v.opened(t, f, "?expirySeconds=300")
	w.pass(100 * time.Second)
	if got := life(segment(short)); got != 200 {
		t.Errorf("with 200 s left, an address lives %d s", got)
	}
	w.pass(190 * time.Second)
	if got := life(segment(short)); got != 60 {
		t.Errorf("with 10 s left, an address lives %d s", got)
	}
	w.pass(10 * time.Second)
	if got := w.get(t, *short.StreamingURL); got.status != http.StatusForbidden || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("after its end: %d %s", got.status, got.body)
	}
	for _, query := range []string{"?expirySeconds=299", "?expirySeconds=7201", "?expirySeconds=abc", "?expirySeconds=600.5", "?expirySeconds=600&expirySeconds=600"} {
		v.stream(t, f, query).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	}
}

func TestAStreamIsRefusedForAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, w.organization(t))
	v := w.signIn(t)
	if got := w.get(t, w.edge.URL+"/api/access/content/"+f.id+"/stream"); got.status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.status)
	}
	denied := v.stream(t, f, "").want(t, http.StatusForbidden, "ACCESS_DENIED")
	if !strings.Contains(denied.body, `"reason":"payment_required"`) {
		t.Errorf("denied %s", denied.body)
	}
	w.exec(t, `INSERT INTO content_access (user_id, content_id, access_type, source_id, deleted_at, revoked_reason) VALUES ($1, $2, 'purchased', 'p', now(), 'refund')`, v.id, f.id)
	if got := v.stream(t, f, "").want(t, http.StatusForbidden, "ACCESS_DENIED"); !strings.Contains(got.body, `"revokedReason":"refund"`) {
		t.Errorf("refunded %s", got.body)
	}
	v.join(t, f.organization, "member")
	v.opened(t, f, "")
	for _, change := range []string{"status = 'transcoding'", "status = 'ready', deleted_at = now()"} {
		w.exec(t, `UPDATE media_items SET `+change)
		v.stream(t, f, "").want(t, http.StatusUnprocessableEntity, "MEDIA_NOT_READY")
	}
	w.exec(t, `UPDATE content SET status = 'draft' WHERE id = $1`, f.id)
	v.stream(t, f, "").want(t, http.StatusNotFound, "NOT_FOUND")
	v.stream(t, film{id: uuid.NewString()}, "").want(t, http.StatusNotFound, "NOT_FOUND")
	v.stream(t, film{id: "nonsense"}, "").want(t, http.StatusBadRequest, "VALIDATION_ERROR")
}

func TestWrittenContentHasNoAddressesAndIsReadByWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, "")
	w.exec(t, `UPDATE content SET content_type = 'written', media_item_id = NULL, content_body = 'Once upon a time' WHERE id = $1`, f.id)
	v := w.signIn(t)
	if got := v.stream(t, f, "").want(t, http.StatusForbidden, "ACCESS_DENIED"); strings.Contains(got.body, "Once") {
		t.Errorf("refused with %s", got.body)
	}
	f.grantTo(t, v)
	got := v.stream(t, f, "").want(t, http.StatusOK, "")
	if !strings.Contains(got.body, `"streamingUrl":null,"waveformUrl":null`) || strings.Contains(got.body, "readyVariants") {
		t.Errorf("stream %s", got.body)
	}
	if body := v.opened(t, f, "").ContentBody; body == nil || *body != "Once upon a time" {
		t.Errorf("text %v", body)
	}
}

func TestOnlyKnownRenditionsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, "")
	w.exec(t, `UPDATE media_items SET ready_variants = '["480p","8k","audio","../x","64k"]' WHERE id = $1`, f.media)
	v := w.signIn(t)
	f.grantTo(t, v)
	if got := strings.Join(v.opened(t, f, "").ReadyVariants, " "); got != "480p audio 64k" {
		t.Errorf("renditions %s", got)
	}
	if strings.Contains(v.stream(t, f, "").body, "contentBody") {
		t.Error("a film has a text")
	}
}

func TestMediaOfTestClientsIsGivenAnAddressAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, "")
	w.exec(t, `UPDATE media_items SET hls_master_playlist_key = 'hls/master.m3u8', waveform_key = NULL, ready_variants = NULL WHERE id = $1`, f.media)
	v := w.signIn(t)
	f.grantTo(t, v)
	s := v.opened(t, f, "")
	if s.StreamingURL == nil || s.WaveformURL != nil {
		t.Fatalf("stream %+v", s)
	}
	for _, playlist := range []string{"master.m3u8", "720p/index.m3u8", "preview/preview.m3u8"} {
		got := w.get(t, strings.Replace(*s.StreamingURL, "master.m3u8", playlist, 1))
		if got.status != http.StatusNotFound || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", playlist, got.status, got.body)
		}
	}
}

func TestATokenOpensOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f, other := w.film(t, ""), w.film(t, "")
	w.upload(t, f)
	w.upload(t, other)
	v := w.signIn(t)
	f.grantTo(t, v)
	other.grantTo(t, v)
	s := v.opened(t, f, "")
	forged := func(secret string, change func(*token.Claims)) string {
		keys, err := token.NewKeys([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		c := token.Claims{UserID: v.id, ContentID: f.id, SessionID: v.session, CreatorID: f.creator, MediaID: f.media, Expires: w.now().Add(time.Hour).Unix()}
		change(&c)
		text, err := keys.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	base := w.edge.URL + "/api/access/content/" + f.id + "/hls/master.m3u8"
	if got := w.get(t, base+"?token="+forged(tokenSecret, func(*token.Claims) {})); got.status != http.StatusOK {
		t.Fatalf("a good token: %d", got.status)
	}
	for name, address := range map[string]string{
		"no token":               base,
		"nonsense":               base + "?token=x.y",
		"another item's":         strings.Replace(*s.StreamingURL, f.id, other.id, 1),
		"another secret's":       base + "?token=" + forged("a secret of somebody else", func(*token.Claims) {}),
		"other media":            base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.MediaID = other.media }),
		"another creator":        base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.CreatorID = "x" }),
		"a user without grant":   base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.UserID = w.signIn(t).id }),
		"a session that is none": base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.SessionID = "" }),
		"another's session":      base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.SessionID = w.signIn(t).session }),
		"nobody":                 base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.UserID = "" }),
		"expired":                base + "?token=" + forged(tokenSecret, func(c *token.Claims) { c.Expires = w.now().Unix() }),
	} {
		if got := w.get(t, address); got.status != http.StatusForbidden || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") || got.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, path := range []string{"4320p/index.m3u8", "preview/index.m3u8", "..%2fx/index.m3u8"} {
		if got := w.get(t, strings.Replace(*s.StreamingURL, "master.m3u8", path, 1)); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := w.get(t, strings.Replace(*s.StreamingURL, "master.m3u8", "480p/index.m3u8", 1)); got.status != http.StatusNotFound || strings.Contains(got.body, "<not") {
		t.Errorf("a playlist that is none: %d %s", got.status, got.body)
	}
}

func TestEveryPlaylistDecidesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true})
	f := w.film(t, w.organization(t))
	w.upload(t, f)
	v := w.signIn(t)
	f.grantTo(t, v)
	s := v.opened(t, f, "")
	playlists := []string{*s.StreamingURL, strings.Replace(*s.StreamingURL, "master.m3u8", "720p/index.m3u8", 1)}
	expect := func(what string, status int) {
		t.Helper()
		for _, p := range playlists {
			if got := w.get(t, p); got.status != status {
				t.Errorf("%s: %d, want %d", what, got.status, status)
			}
		}
	}
	expect("with a grant", http.StatusOK)
	w.exec(t, `UPDATE content_access SET deleted_at = now()`)
	expect("taken back", http.StatusForbidden)
	v.join(t, f.organization, "subscriber")
	expect("as a member", http.StatusOK)
	w.exec(t, `UPDATE organization_memberships SET status = 'inactive'`)
	expect("removed", http.StatusForbidden)
	w.exec(t, `UPDATE content SET access_type = 'free', price_cents = NULL`)
	expect("free", http.StatusOK)
	w.exec(t, `UPDATE users SET deleted_at = now() WHERE id = $1`, v.id)
	expect("without an account", http.StatusForbidden)
	w.exec(t, `UPDATE users SET deleted_at = NULL`)
	w.exec(t, `UPDATE content SET status = 'draft'`)
	expect("unpublished", http.StatusForbidden)
	w.exec(t, `UPDATE content SET status = 'published'`)
	expect("published again", http.StatusOK)
	w.exec(t, `DELETE FROM sessions WHERE id = $1`, v.session)
	expect("signed out", http.StatusForbidden)
}

// brokenObjects is a store that cannot be asked, or that does not sign.
type brokenObjects struct{ err error }

func (b brokenObjects) Read(context.Context, string, s3.Range, string, int64) ([]byte, error) {
	return nil, b.err
}

func (b brokenObjects) PresignGet(context.Context, string, time.Duration) (string, error) {
	return "", b.err
}

func TestAStoreThatIsAwayIsNotAMissingPlaylist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true, objects: brokenObjects{errors.New("away")}})
	f := w.film(t, "")
	v := w.signIn(t)
	f.grantTo(t, v)
	v.stream(t, f, "").want(t, http.StatusInternalServerError, "R2_SIGNING_ERROR") // the waveform
	w.exec(t, `UPDATE media_items SET waveform_key = NULL`)
	s := v.opened(t, f, "")
	if got := w.get(t, *s.StreamingURL); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("playlist: %d %s", got.status, got.body)
	}
}

func TestOneAddressFetchesSixtyPlaylistsAMinute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		development bool
		want        int
	}{{false, http.StatusTooManyRequests}, {true, http.StatusForbidden}} {
		w := newWorld(t, options{readOnly: true, objects: brokenObjects{}, development: c.development})
		playlist := func() answer {
			return w.get(t, w.edge.URL+"/api/access/content/"+uuid.NewString()+"/hls/master.m3u8?token=x")
		}
		for range 60 {
			if got := playlist(); got.status != http.StatusForbidden {
				t.Fatalf("within the limit: %d", got.status)
			}
		}
		got := playlist()
		if got.status != c.want || (c.want == http.StatusTooManyRequests && got.header.Get("Retry-After") == "") {
			t.Errorf("the 61st (development %v): %d %v", c.development, got.status, got.header)
		}
	}
}
