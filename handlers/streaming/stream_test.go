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
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/streaming"
)

const masterText = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720
720p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1500000,RESOLUTION=854x480
480p/index.m3u8
`

const variantText = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:6
#EXT-X-MAP:URI="stream.mp4",BYTERANGE="4@0"
#EXTINF:6.0,
#EXT-X-BYTERANGE:6@4
stream.mp4
#EXT-X-ENDLIST
`

// upload puts the output of a transcoder into the store.
func (w *harness) upload(f film) {
	w.Helper()
	for name, text := range map[string]string{
		"master.m3u8": masterText, "720p/index.m3u8": variantText, "480p/index.m3u8": "<not a playlist>",
		"720p/stream.mp4": "0123456789", "preview/preview.m3u8": variantText,
	} {
		key, size := f.folder()+"/"+name, int64(len(text))
		_, err := w.Media.Put(context.Background(), key, strings.NewReader(text), size, "application/octet-stream")
		if err != nil {
			w.Fatal(err)
		}
	}
}

func (v viewer) stream(f film, query string) answer {
	v.Helper()
	return v.ask(http.MethodGet, "/api/access/content/"+f.id+"/stream"+query, "")
}

// opened returns a stream, which must be allowed.
func (v viewer) opened(f film, query string) streaming.Stream {
	v.Helper()
	return handlertest.Decode[single[streaming.Stream]](v.stream(f, query).Want(http.StatusOK, "")).Data
}

func addresses(playlist string) (list []string) {
	for line := range strings.Lines(playlist) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func TestAStreamLeadsToTheSegments(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)

	s := v.opened(f, "")
	address, err := url.Parse(*s.StreamingURL)
	if err != nil || !strings.HasSuffix(address.Path, "/api/access/content/"+f.id+"/hls/master.m3u8") ||
		address.Host != "codex.test" {
		t.Fatalf("streaming address %q", *s.StreamingURL)
	}
	if s.ContentType != "video" || !s.ExpiresAt.Equal(w.Now().Add(600*time.Second)) ||
		strings.Join(s.ReadyVariants, " ") != "720p 480p" {
		t.Errorf("stream %+v", s)
	}
	if s.WaveformURL == nil || !strings.Contains(w.redirected(*s.WaveformURL), "/waveforms/"+f.media+"/waveform.json?") {
		t.Errorf("waveform %v", s.WaveformURL)
	}
	master := w.get(*s.StreamingURL).Want(http.StatusOK, "")
	if master.Header.Get("Content-Type") != "application/vnd.apple.mpegurl" ||
		master.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("headers %v", master.Header)
	}
	variants := addresses(master.Body)
	if len(variants) != 2 || !strings.Contains(variants[0], "/hls/720p/index.m3u8?token=") {
		t.Fatalf("variants %v", variants)
	}
	variant := w.get(variants[0]).Want(http.StatusOK, "")
	segments := addresses(variant.Body)
	if len(segments) != 1 || !strings.Contains(variant.Body, `URI="`+segments[0]+`",BYTERANGE="4@0"`) {
		t.Fatalf("rendition\n%s", variant.Body)
	}
	if got := w.get(w.redirected(segments[0])); got.Status != http.StatusOK || got.Body != "0123456789" {
		t.Errorf("segment %d %s", got.Status, got.Body)
	}
	preview := strings.Replace(*s.StreamingURL, "/master.m3u8", "/preview/preview.m3u8", 1)
	previewed := addresses(w.get(preview).Want(http.StatusOK, "").Body)
	if len(previewed) != 1 || !strings.Contains(w.redirected(previewed[0]), "/preview/stream.mp4?") {
		t.Errorf("preview %v", previewed)
	}
}

// redirected returns where in the store a file is, which must be for less than a minute.
func (w *harness) redirected(address string) string {
	w.Helper()
	a := w.get(address).Want(http.StatusFound, "")
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	life, err := strconv.Atoi(u.Query().Get("X-Amz-Expires"))
	if err != nil || life >= 60 || a.Header.Get("Cache-Control") != "private, no-store" {
		w.Errorf("%s leads to %s for %d s, cached as %q", address, u, life, a.Header.Get("Cache-Control"))
	}
	return u.String()
}

// files returns the URLs of a film's rendition: of its playlist and of its segments.
func (w *harness) files(s streaming.Stream) (rendition, segment string) {
	w.Helper()
	rendition = addresses(w.get(*s.StreamingURL).Want(http.StatusOK, "").Body)[0]
	return rendition, addresses(w.get(rendition).Want(http.StatusOK, "").Body)[0]
}

func TestPlayingBeginsUntilTheStreamExpiresAndGoesOnForADay(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	w.Exec(`UPDATE sessions SET expires_at = now() + interval '30 days'`)
	for query, seconds := range map[string]int{
		"":                    600,
		"?expirySeconds=300":  300,
		"?expirySeconds=7200": 7200,
		"?expirySeconds=1234": 1234,
	} {
		s := v.opened(f, query)
		if !s.ExpiresAt.Equal(w.Now().Add(time.Duration(seconds) * time.Second)) {
			t.Errorf("%q expires at %v", query, s.ExpiresAt)
		}
	}
	for _, query := range []string{
		"?expirySeconds=299",
		"?expirySeconds=7201",
		"?expirySeconds=abc",
		"?expirySeconds=600.5",
		"?expirySeconds=600&expirySeconds=600",
	} {
		v.stream(f, query).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	}

	s := v.opened(f, "")
	rendition, segment := w.files(s)
	w.Pass(10*time.Minute - time.Second)
	w.get(*s.StreamingURL).Want(http.StatusOK, "")
	w.Pass(time.Second)
	got := w.get(*s.StreamingURL)
	if got.Status != http.StatusForbidden || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("begun after it expired: %d %s", got.Status, got.Body)
	}
	for range 4 { // a long film
		w.Pass(time.Hour)
		w.redirected(segment)
		w.redirected(*s.WaveformURL)
		w.get(rendition).Want(http.StatusOK, "")
	}
	w.Pass(20 * time.Hour)
	for _, address := range []string{segment, rendition, *s.WaveformURL} {
		if got := w.get(address); got.Status != http.StatusForbidden {
			t.Errorf("a day later: %d %s", got.Status, address)
		}
	}
}

func TestPlayingEndsWithinAMinuteOfTheEndOfAccess(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{
		"refund":      `UPDATE content_access SET deleted_at = now()`,
		"removal":     `UPDATE content SET deleted_at = now()`,
		"unpublished": `UPDATE content SET status = 'draft'`,
		"sign-out":    `DELETE FROM sessions`,
		"deletion":    `UPDATE users SET deleted_at = now()`,
		"other media": `UPDATE content SET media_item_id = NULL, content_type = 'written', content_body = 'x'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{readOnly: true})
			f := w.film("")
			w.upload(f)
			v := w.signIn()
			f.grantTo(v)
			s := v.opened(f, "")
			_, segment := w.files(s)
			w.redirected(segment)
			w.redirected(*s.WaveformURL)
			w.Exec(end)
			// What is remembered is forgotten after seconds; what it gave out dies with it in a minute.
			life := 50 * time.Second
			w.Pass(time.Minute - life)
			for _, address := range []string{segment, *s.WaveformURL} {
				got := w.get(address)
				if got.Status != http.StatusForbidden || got.Header.Get("Location") != "" {
					t.Errorf("%d %v", got.Status, got.Header)
				}
			}
		})
	}
}

// Who had no access a moment ago plays what they have bought at once.
func TestADenialIsNotRemembered(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	_, segment := w.files(v.opened(f, ""))
	w.Exec(`UPDATE content_access SET deleted_at = now()`)
	w.get(segment).Want(http.StatusForbidden, "")
	w.Exec(`UPDATE content_access SET deleted_at = NULL`)
	w.redirected(segment)
}

func TestOnlyFilesOfRenditionsAreServed(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f, other := w.film(""), w.film("")
	w.upload(f)
	w.upload(other)
	v := w.signIn()
	f.grantTo(v)
	other.grantTo(v)
	_, segment := w.files(v.opened(f, ""))
	for _, file := range []string{
		"720p/other.m3u8", "4320p/stream.mp4", "720p/..%2f..%2foriginal", "720p/.hidden", "720p/%00", "original/stream.mp4",
		"720p/a%20b",
	} {
		got := w.get(strings.Replace(segment, "720p/stream.mp4", file, 1))
		if got.Status != http.StatusNotFound && got.Status != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("%s: %d %v", file, got.Status, got.Header)
		}
	}
	for name, address := range map[string]string{
		"another item's":  strings.Replace(segment, f.id, other.id, 1),
		"no token":        strings.Split(segment, "?")[0],
		"a changed token": segment + "x",
	} {
		if got := w.get(address); got.Status != http.StatusForbidden || got.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
}

func TestCaptionsArePartOfTheStream(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	const text = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello\n"
	w.Exec(`UPDATE media_items SET captions = '[{"language":"pt-BR","label":"Português","kind":"captions"}]'`)
	w.Exec(`INSERT INTO media_captions (media_item_id, language, text) VALUES ($1, 'pt-BR', $2)`, f.media, text)

	s := v.opened(f, "")
	master := w.get(*s.StreamingURL).Want(http.StatusOK, "").Body
	_, playlist, found := strings.Cut(master, `LANGUAGE="pt-BR",`)
	_, playlist, _ = strings.Cut(playlist, `URI="`)
	playlist, _, _ = strings.Cut(playlist, `"`)
	if !found || len(addresses(master)) != 2 || strings.Count(master, `SUBTITLES="captions"`) != 2 {
		t.Fatalf("master\n%s", master)
	}
	rendition := w.get(playlist).Want(http.StatusOK, "").Body
	if !strings.Contains(rendition, "#EXTINF:100.0,") || !strings.HasSuffix(rendition, "#EXT-X-ENDLIST\n") {
		t.Errorf("playlist\n%s", rendition)
	}
	files := addresses(rendition)
	if len(s.Captions) != 1 || len(files) != 1 || s.Captions[0].URL != files[0] || s.Captions[0].Label != "Português" {
		t.Fatalf("captions %+v, files %v", s.Captions, files)
	}
	got := w.get(files[0]).Want(http.StatusOK, "")
	if got.Body != text || got.Header.Get("Content-Type") != "text/vtt" {
		t.Errorf("%v %s", got.Header, got.Body)
	}
	for _, address := range []string{playlist, files[0]} {
		if got := w.get(strings.Replace(address, "pt-BR", "de", 1)); got.Status != http.StatusNotFound {
			t.Errorf("another language: %d", got.Status)
		}
	}
	w.Exec(`UPDATE content_access SET deleted_at = now()`)
	for _, address := range []string{playlist, files[0]} {
		if got := w.get(address); got.Status != http.StatusForbidden {
			t.Errorf("after a refund: %d", got.Status)
		}
	}
}

func TestChaptersArePartOfTheStream(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	if s := v.opened(f, ""); s.Chapters != nil {
		t.Errorf("without chapters: %+v", s.Chapters)
	}
	w.Exec(`UPDATE media_items SET chapters =
		'{"edited":true,"list":[{"startTime":0,"title":"Intro <&>"},{"startTime":12.5,"title":"Main"}]}'`)

	s := v.opened(f, "")
	if s.Chapters == nil {
		t.Fatal("no chapters")
	}
	text := w.get(s.Chapters.URL).Want(http.StatusOK, "")
	want := `{"version":"1.2.0","chapters":[{"startTime":0,"title":"Intro \u003c\u0026\u003e"},` +
		`{"startTime":12.5,"title":"Main"}]}`
	if text.Body != want || text.Header.Get("Content-Type") != "application/json+chapters" {
		t.Errorf("%v %s", text.Header, text.Body)
	}
	track := w.get(s.Chapters.TrackURL).Want(http.StatusOK, "")
	want = "WEBVTT\n\n00:00:00.000 --> 00:00:12.500\nIntro &lt;&amp;&gt;\n\n00:00:12.500 --> 00:01:40.000\nMain\n"
	if track.Body != want || track.Header.Get("Content-Type") != "text/vtt" {
		t.Errorf("%v %s", track.Header, track.Body)
	}
	w.Exec(`UPDATE content_access SET deleted_at = now()`)
	for _, address := range []string{s.Chapters.URL, s.Chapters.TrackURL} {
		if got := w.get(address); got.Status != http.StatusForbidden {
			t.Errorf("after a refund: %d", got.Status)
		}
	}
}

func TestAStoryboardLeadsToPicturesInTheStore(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	if s := v.opened(f, ""); s.StoryboardURL != nil || s.WaveformOverviewURL != nil {
		t.Errorf("without a storyboard: %+v", s)
	}
	w.Exec(`UPDATE media_items SET waveform_overview_key = 'c/waveforms/m/overview.json', storyboard = '{
		"key":"c/hls/m/board","intervalSeconds":4,"tileWidth":160,"tileHeight":90,"columns":5,"rows":5,"tiles":27}'`)

	s := v.opened(f, "")
	if s.StoryboardURL == nil || s.WaveformOverviewURL == nil {
		t.Fatalf("stream %+v", s)
	}
	track := w.get(*s.StoryboardURL).Want(http.StatusOK, "")
	cues := strings.Split(strings.TrimSpace(track.Body), "\n\n")[1:]
	if len(cues) != 27 || track.Header.Get("Content-Type") != "text/vtt" {
		t.Fatalf("%d cues, %v", len(cues), track.Header)
	}
	pictures := map[string]bool{}
	for n, want := range map[int][2]string{
		0:  {"00:00:00.000 --> 00:00:04.000", "#xywh=0,0,160,90"},
		7:  {"00:00:28.000 --> 00:00:32.000", "#xywh=320,90,160,90"},
		26: {"00:01:44.000 --> 00:01:48.000", "#xywh=160,0,160,90"},
	} {
		times, address, _ := strings.Cut(cues[n], "\n")
		address, part, _ := strings.Cut(address, "#")
		if times != want[0] || "#"+part != want[1] {
			t.Errorf("cue %d: %s", n, cues[n])
		}
		pictures[address] = true
	}
	if len(pictures) != 2 {
		t.Errorf("pictures %v", pictures)
	}
	pictures[*s.WaveformOverviewURL] = true
	for address := range pictures {
		if got := w.get(address).Want(http.StatusFound, ""); !strings.Contains(got.Header.Get("Location"), "/c/") {
			t.Errorf("%s leads to %s", address, got.Header.Get("Location"))
		}
		for _, other := range []string{"3.jpg", "0.jpg", "01.jpg", "..jpg", "master.m3u8"} {
			missing := strings.NewReplacer("/1.jpg", "/"+other, "/2.jpg", "/"+other).Replace(address)
			if got := w.get(missing); missing != address && got.Status != http.StatusNotFound {
				t.Errorf("%s: %d", other, got.Status)
			}
		}
	}
	w.Exec(`UPDATE content_access SET deleted_at = now()`)
	if got := w.get(*s.StoryboardURL); got.Status != http.StatusForbidden {
		t.Errorf("after a refund: %d", got.Status)
	}
}

func TestADeniedStreamStatesTheReason(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film(w.Organization())
	v := w.signIn()
	if got := w.get("/api/access/content/" + f.id + "/stream"); got.Status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.Status)
	}
	denied := v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")
	if !strings.Contains(denied.Body, `"reason":"payment_required"`) {
		t.Errorf("denied %s", denied.Body)
	}
	w.Exec(`
INSERT INTO content_access (user_id, content_id, access_type, source_id, deleted_at, revoked_reason)
VALUES ($1, $2, 'purchased', 'p', now(), 'refund')`, v.id, f.id)
	denied = v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")
	if !strings.Contains(denied.Body, `"revokedReason":"refund"`) {
		t.Errorf("refunded %s", denied.Body)
	}
	v.join(f.organization, "member")
	v.opened(f, "")
	w.Exec(`UPDATE media_items SET status = 'transcoding', playable = true`)
	v.opened(f, "")
	for _, change := range []string{"playable = false", "status = 'ready', deleted_at = now()"} {
		w.Exec(`UPDATE media_items SET ` + change)
		v.stream(f, "").Want(http.StatusUnprocessableEntity, "MEDIA_NOT_READY")
	}
	w.Exec(`UPDATE content SET status = 'draft' WHERE id = $1`, f.id)
	v.stream(f, "").Want(http.StatusNotFound, "NOT_FOUND")
	v.stream(film{id: uuid.NewString()}, "").Want(http.StatusNotFound, "NOT_FOUND")
	v.stream(film{id: "nonsense"}, "").Want(http.StatusBadRequest, "VALIDATION_ERROR")
}

func TestWrittenContentHasNoURLsAndNeedsAccess(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.Exec(`
UPDATE content SET content_type = 'written', media_item_id = NULL, content_body = 'Once upon a time'
WHERE id = $1`, f.id)
	v := w.signIn()
	if got := v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED"); strings.Contains(got.Body, "Once") {
		t.Errorf("denied with %s", got.Body)
	}
	f.grantTo(v)
	got := v.stream(f, "").Want(http.StatusOK, "")
	if !strings.Contains(got.Body, `"streamingUrl":null,"waveformUrl":null`) ||
		strings.Contains(got.Body, "readyVariants") {
		t.Errorf("stream %s", got.Body)
	}
	if body := v.opened(f, "").ContentBody; body == nil || *body != "Once upon a time" {
		t.Errorf("text %v", body)
	}
}

func TestOnlyKnownRenditionsAreListed(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.Exec(`UPDATE media_items SET ready_variants = '["480p","8k","audio","../x","64k"]' WHERE id = $1`, f.media)
	v := w.signIn()
	f.grantTo(v)
	if got := strings.Join(v.opened(f, "").ReadyVariants, " "); got != "480p audio 64k" {
		t.Errorf("renditions %s", got)
	}
	if strings.Contains(v.stream(f, "").Body, "contentBody") {
		t.Error("a film has a text")
	}
}

func TestMediaWithoutFilesHasAStreamButNoPlaylists(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.Exec(`
UPDATE media_items SET hls_master_playlist_key = 'hls/master.m3u8', waveform_key = NULL, ready_variants = NULL
WHERE id = $1`, f.media)
	v := w.signIn()
	f.grantTo(v)
	s := v.opened(f, "")
	if s.StreamingURL == nil || s.WaveformURL != nil {
		t.Fatalf("stream %+v", s)
	}
	for _, playlist := range []string{"master.m3u8", "720p/index.m3u8", "preview/preview.m3u8"} {
		got := w.get(strings.Replace(*s.StreamingURL, "master.m3u8", playlist, 1))
		if got.Status != http.StatusNotFound || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", playlist, got.Status, got.Body)
		}
	}
}

func TestATokenIsValidForItsItemUserAndSessionOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f, other := w.film(""), w.film("")
	w.upload(f)
	w.upload(other)
	v := w.signIn()
	f.grantTo(v)
	other.grantTo(v)
	s := v.opened(f, "")
	forged := func(secret string, change func(*token.Claims)) string {
		keys, err := token.NewKeys([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		c := token.Claims{
			UserID:    v.id,
			ContentID: f.id,
			SessionID: v.session,
			CreatorID: f.creator,
			MediaID:   f.media,
			Begin:     w.Now().Add(time.Hour).Unix(),
			Expires:   w.Now().Add(time.Hour).Unix(),
		}
		change(&c)
		text, err := keys.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	base := "/api/access/content/" + f.id + "/hls/master.m3u8"
	with := func(text string) string { return base + "?token=" + text }
	if got := w.get(with(forged(tokenSecret, func(*token.Claims) {}))); got.Status != http.StatusOK {
		t.Fatalf("a good token: %d", got.Status)
	}
	changed := func(change func(*token.Claims)) string { return with(forged(tokenSecret, change)) }
	for name, address := range map[string]string{
		"no token":             base,
		"nonsense":             with("x.y"),
		"another item's":       strings.Replace(*s.StreamingURL, f.id, other.id, 1),
		"another secret's":     with(forged("a secret of another platform", func(*token.Claims) {})),
		"other media":          changed(func(c *token.Claims) { c.MediaID = other.media }),
		"another creator":      changed(func(c *token.Claims) { c.CreatorID = "x" }),
		"a user without grant": changed(func(c *token.Claims) { c.UserID = w.signIn().id }),
		"no session":           changed(func(c *token.Claims) { c.SessionID = "" }),
		"another's session":    changed(func(c *token.Claims) { c.SessionID = w.signIn().session }),
		"no user":              changed(func(c *token.Claims) { c.UserID = "" }),
		"expired":              changed(func(c *token.Claims) { c.Expires = w.Now().Unix() }),
	} {
		got := w.get(address)
		if got.Status != http.StatusForbidden || got.Header.Get("Cache-Control") != "private, no-store" ||
			!strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	for _, path := range []string{"4320p/index.m3u8", "preview/index.m3u8", "..%2fx/index.m3u8"} {
		if got := w.get(strings.Replace(*s.StreamingURL, "master.m3u8", path, 1)); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.Status)
		}
	}
	got := w.get(strings.Replace(*s.StreamingURL, "master.m3u8", "480p/index.m3u8", 1))
	if got.Status != http.StatusNotFound || strings.Contains(got.Body, "<not") {
		t.Errorf("a malformed playlist: %d %s", got.Status, got.Body)
	}
}

func TestEveryPlaylistDecidesAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film(w.Organization())
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	s := v.opened(f, "")
	playlists := []string{*s.StreamingURL, strings.Replace(*s.StreamingURL, "master.m3u8", "720p/index.m3u8", 1)}
	expect := func(what string, status int) {
		t.Helper()
		for _, p := range playlists {
			if got := w.get(p); got.Status != status {
				t.Errorf("%s: %d, want %d", what, got.Status, status)
			}
		}
	}
	expect("with a grant", http.StatusOK)
	w.Exec(`UPDATE content_access SET deleted_at = now()`)
	expect("revoked", http.StatusForbidden)
	v.join(f.organization, "subscriber")
	expect("as a member", http.StatusOK)
	w.Exec(`UPDATE organization_memberships SET status = 'inactive'`)
	expect("removed", http.StatusForbidden)
	w.Exec(`UPDATE content SET access_type = 'free', price_cents = NULL`)
	expect("free", http.StatusOK)
	w.Exec(`UPDATE users SET deleted_at = now() WHERE id = $1`, v.id)
	expect("without an account", http.StatusForbidden)
	w.Exec(`UPDATE users SET deleted_at = NULL`)
	w.Exec(`UPDATE content SET status = 'draft'`)
	expect("unpublished", http.StatusForbidden)
	w.Exec(`UPDATE content SET status = 'published'`)
	expect("published again", http.StatusOK)
	w.Exec(`DELETE FROM sessions WHERE id = $1`, v.session)
	expect("signed out", http.StatusForbidden)
}

// brokenObjects is a store that fails.
type brokenObjects struct{ err error }

func (b brokenObjects) Read(context.Context, string, s3.Range, string, int64) ([]byte, error) {
	return nil, b.err
}

func (b brokenObjects) PresignGet(context.Context, string, time.Duration) (string, error) {
	return "", b.err
}

func (b brokenObjects) PresignDownload(context.Context, string, string, string, time.Duration) (string, error) {
	return "", b.err
}

func TestAnOutageOfTheStoreIsNotAMissingPlaylist(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{errors.New("out of order")}})
	f := w.film("")
	v := w.signIn()
	f.grantTo(v)
	s := v.opened(f, "")
	segment := strings.Replace(*s.StreamingURL, "master.m3u8", "720p/stream.mp4", 1)
	for _, address := range []string{*s.StreamingURL, *s.WaveformURL, segment} {
		if got := w.get(address); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", address, got.Status, got.Body)
		}
	}
}

func TestOneAddressFetchesSixtyPlaylistsAMinute(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		development bool
		want        int
	}{{false, http.StatusTooManyRequests}, {true, http.StatusForbidden}} {
		w := newHarness(t, options{readOnly: true, objects: brokenObjects{}, development: c.development})
		playlist := func() answer {
			return w.get("/api/access/content/" + uuid.NewString() + "/hls/master.m3u8?token=x")
		}
		for range 60 {
			if got := playlist(); got.Status != http.StatusForbidden {
				t.Fatalf("within the limit: %d", got.Status)
			}
		}
		got := playlist()
		if got.Status != c.want || (c.want == http.StatusTooManyRequests && got.Header.Get("Retry-After") == "") {
			t.Errorf("the 61st (development %v): %d %v", c.development, got.Status, got.Header)
		}
	}
}
