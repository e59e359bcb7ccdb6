package streaming_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/png"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

const (
	itunes  = "http://www.itunes.com/dtds/podcast-1.0.dtd"
	podcast = "https://podcastindex.org/namespace/1.0"
)

// element is one of a feed, whatever its name.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e element) all(space, name string) (list []element) {
	for _, child := range e.Children {
		if child.XMLName == (xml.Name{Space: space, Local: name}) {
			list = append(list, child)
		}
	}
	return list
}

// text is that of the only child of a name, "" when there is none or are several.
func (e element) text(space, name string) string {
	if list := e.all(space, name); len(list) == 1 {
		return strings.TrimSpace(list[0].Text)
	}
	return ""
}

// attr is an attribute of the only child of a name.
func (e element) attr(space, name, attribute string) string {
	if list := e.all(space, name); len(list) == 1 {
		for _, a := range list[0].Attrs {
			if a.Name.Local == attribute {
				return a.Value
			}
		}
	}
	return ""
}

// rule is one of Apple's (A: "A Podcaster's Guide to RSS", "Podcast RSS feed requirements") or of
// the Podcasting 2.0 namespace (P).
type rule struct {
	text string
	ok   func(w *harness, e element) bool
}

var channelRules = []rule{
	{"A: title, description and link are there", func(_ *harness, c element) bool {
		return c.text("", "title") != "" && c.text("", "description") != "" && isURL(c.text("", "link"))
	}},
	{"A: language is an ISO 639 code", func(_ *harness, c element) bool {
		return regexp.MustCompile(`^[a-z]{2}(-[a-z]{2})?$`).MatchString(c.text("", "language"))
	}},
	{"A: the image is a square PNG or JPEG of 1400 to 3000 pixels, its path has the extension", isCover},
	{"A: there is a category of Apple's list", func(_ *harness, c element) bool {
		const list = "Arts|Business|Comedy|Education|Fiction|Government|History|Health & Fitness|Kids & Family|Leisure|" +
			"Music|News|Religion & Spirituality|Science|Society & Culture|Sports|Technology|True Crime|TV & Film"
		return slices.Contains(strings.Split(list, "|"), c.attr(itunes, "category", "text"))
	}},
	{"A: explicit is true or false", isExplicit},
	{"A: type is episodic or serial", func(_ *harness, c element) bool {
		return slices.Contains([]string{"episodic", "serial"}, c.text(itunes, "type"))
	}},
	{"A: a private feed is kept out of the directory", func(_ *harness, c element) bool {
		return c.text(itunes, "block") == "Yes"
	}},
	{"A: dates follow RFC 2822", func(_ *harness, c element) bool { return isDate(c.text("", "lastBuildDate")) }},
	{"P: guid is a UUID version 5", func(_ *harness, c element) bool {
		id, err := uuid.Parse(c.text(podcast, "guid"))
		return err == nil && id.Version() == 5
	}},
	{"P: locked is yes", func(_ *harness, c element) bool { return c.text(podcast, "locked") == "yes" }},
	{"P: medium is podcast", func(_ *harness, c element) bool { return c.text(podcast, "medium") == "podcast" }},
}

var itemRules = []rule{
	{"A: title is there, description within 4000 bytes", func(_ *harness, i element) bool {
		return i.text("", "title") != "" && len(i.text("", "description")) <= 4000
	}},
	{"A: guid is there and no link", func(_ *harness, i element) bool {
		return i.text("", "guid") != "" && i.attr("", "guid", "isPermaLink") == "false"
	}},
	{"A: pubDate follows RFC 2822", func(_ *harness, i element) bool { return isDate(i.text("", "pubDate")) }},
	{"A: the enclosure's path has the extension of its type", func(_ *harness, i element) bool {
		u, err := url.Parse(i.attr("", "enclosure", "url"))
		return err == nil && path.Ext(u.Path) == ".m4a" && i.attr("", "enclosure", "type") == "audio/x-m4a"
	}},
	{"A: the enclosure's length and type are those of the file", func(w *harness, i element) bool {
		file := w.file(i.attr("", "enclosure", "url"), nil)
		return file.Status == http.StatusOK && strconv.Itoa(len(file.Body)) == i.attr("", "enclosure", "length") &&
			file.Header.Get("Content-Type") == i.attr("", "enclosure", "type")
	}},
	{"A: the server supports byte ranges", func(w *harness, i element) bool {
		part := w.file(i.attr("", "enclosure", "url"), handlertest.Pairs("Range", "bytes=2-4"))
		return part.Status == http.StatusPartialContent && part.Body == sound[2:5]
	}},
	{"A: duration is in seconds", func(_ *harness, i element) bool { return i.text(itunes, "duration") == "100" }},
	{"A: explicit is true or false", isExplicit},
	{"A: episodeType is one of three", func(_ *harness, i element) bool {
		return slices.Contains([]string{"full", "trailer", "bonus"}, i.text(itunes, "episodeType"))
	}},
	{"P: chapters are JSON chapters", func(w *harness, i element) bool {
		file := w.get(i.attr(podcast, "chapters", "url"))
		kind, _, _ := mime.ParseMediaType(file.Header.Get("Content-Type"))
		return file.Status == http.StatusOK && kind == i.attr(podcast, "chapters", "type") && file.Text("version") != "" &&
			kind == "application/json+chapters"
	}},
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}

func isDate(s string) bool {
	_, err := mail.ParseDate(s)
	return err == nil
}

func isExplicit(_ *harness, e element) bool {
	return slices.Contains([]string{"true", "false"}, e.text(itunes, "explicit"))
}

func isCover(w *harness, c element) bool {
	address := c.attr(itunes, "image", "href")
	file := w.get(address)
	u, _ := url.Parse(address)
	picture, err := png.Decode(bytes.NewReader([]byte(file.Body)))
	if err != nil || path.Ext(u.Path) != ".png" || file.Header.Get("Content-Type") != "image/png" {
		return false
	}
	size := picture.Bounds().Size()
	return size.X == size.Y && size.X >= 1400 && size.X <= 3000
}

const sound = "the sound of a film"

// episode gives a film its sound in one file, and chapters.
func (w *harness) episode(f film) {
	w.Helper()
	key := f.folder() + "/audio.m4a"
	w.PutObject(w.Media, key, sound, "audio/x-m4a")
	w.Exec(`UPDATE media_items SET audio_key = $2, audio_bytes = $3,
		chapters = '{"list": [{"startTime": 0, "title": "Introduction"}]}' WHERE id = $1`, f.media, key, len(sound))
}

// file follows the address of a file to the store.
func (w *harness) file(address string, header map[string]string) answer {
	w.Helper()
	found := w.get(address)
	if found.Status != http.StatusFound {
		return found
	}
	req := handlertest.Must(http.NewRequestWithContext(w.Context(), http.MethodGet, found.Header.Get("Location"), nil))(w)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return w.Do(req)
}

func (v viewer) openPodcast(organization string) (address string) {
	v.Helper()
	v.ask(http.MethodPost, "/api/access/organizations/"+organization+"/podcast", "").Want(http.StatusOK, "")
	a := v.ask(http.MethodGet, "/api/access/organizations/"+organization+"/podcast", "").Want(http.StatusOK, "")
	return a.Text("data.feedUrl")
}

func (w *harness) channel(address string) (c element) {
	w.Helper()
	a := w.get(address).Want(http.StatusOK, "")
	var document struct {
		Version string  `xml:"version,attr"`
		Channel element `xml:"channel"`
	}
	if err := xml.Unmarshal([]byte(a.Body), &document); err != nil || document.Version != "2.0" {
		w.Fatalf("%v: %s", err, a.Body)
	}
	return document.Channel
}

func TestAPodcastFeedFollowsTheRulesOfAppleAndPodcasting20(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	v := w.signIn()
	f := w.film(organization)
	w.episode(f)
	f.grantTo(v)
	channel := w.channel(v.openPodcast(organization))
	for _, r := range channelRules {
		if !r.ok(w, channel) {
			t.Errorf("%s: %+v", r.text, channel)
		}
	}
	items := channel.all("", "item")
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	for _, r := range itemRules {
		if !r.ok(w, items[0]) {
			t.Errorf("%s: %+v", r.text, items[0])
		}
	}
	name := handlertest.Value[string](w.Harness, `SELECT name FROM users WHERE id = $1`, v.id)
	email := handlertest.Value[string](w.Harness, `SELECT email FROM users WHERE id = $1`, v.id)
	if text := fmt.Sprintf("%+v", channel); strings.Contains(text, email) || strings.Contains(text, v.id) ||
		len(name) > 4 && strings.Contains(text, name) {
		t.Errorf("the feed names its user: %s", text)
	}
}

func TestAPodcastShowsWhatItsUserMayHearAndNoMore(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	v := w.signIn()
	bought, other, silent := w.film(organization), w.film(organization), w.film(organization)
	elsewhere := w.film(w.Organization())
	for _, f := range []film{bought, other, elsewhere} {
		w.episode(f)
	}
	for _, f := range []film{bought, silent, elsewhere} {
		f.grantTo(v)
	}
	address := v.openPodcast(organization)
	guids := func() (list []string) {
		for _, i := range w.channel(address).all("", "item") {
			list = append(list, i.text("", "guid"))
		}
		return list
	}
	if got := guids(); !slices.Equal(got, []string{bought.id}) {
		t.Errorf("items %v, want %s", got, bought.id)
	}
	sounds := w.channel(address).all("", "item")[0].attr("", "enclosure", "url")
	for name, f := range map[string]film{
		"without access":          other,
		"of another organization": elsewhere,
		"without sound":           silent,
	} {
		if a := w.get(strings.Replace(sounds, bought.id, f.id, 1)); a.Status != http.StatusNotFound {
			t.Errorf("an item %s: %d", name, a.Status)
		}
	}
	first := w.get(address)
	conditional := func(header, value string) int {
		return w.Send(handlertest.Request{
			Path:   strings.TrimPrefix(address, publicURL),
			Header: handlertest.Pairs(header, value),
		}).Status
	}
	tag, changed := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	if conditional("If-None-Match", tag) != 304 || conditional("If-None-Match", `"x", W/`+tag) != 304 ||
		conditional("If-Modified-Since", changed) != 304 || conditional("If-None-Match", `"x"`) != 200 {
		t.Errorf("an unchanged feed with %s of %s is sent again", tag, changed)
	}

	// The grant ends: so do the address of the sound and the item.
	w.Pass(time.Hour)
	w.Exec(`UPDATE content_access SET deleted_at = $2, updated_at = $2 WHERE content_id = $1`, bought.id, w.Now())
	if a := w.get(sounds); a.Status != http.StatusNotFound {
		t.Errorf("sound after the grant has ended: %d", a.Status)
	}
	if got := guids(); len(got) != 0 {
		t.Errorf("items after the grant has ended: %v", got)
	}
	if conditional("If-None-Match", tag) != 200 || conditional("If-Modified-Since", changed) != 200 {
		t.Error("the changed feed counts as unchanged")
	}
}

func TestThePodcastAddressCanBeReplacedAndRevoked(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	v, another := w.signIn(), w.signIn()
	first, others := v.openPodcast(organization), another.openPodcast(organization)
	second := v.openPodcast(organization)
	status := func(address string) int { return w.get(address).Status }
	if first == second || status(first) != 404 || status(second) != 200 || status(others) != 200 {
		t.Errorf("after replacement: first %d, second %d, another user's %d", status(first), status(second), status(others))
	}
	base, token, _ := strings.Cut(second, "?token=")
	for name, address := range map[string]string{
		"no token":             base,
		"a changed token":      base + "?token=A" + token[1:],
		"a short token":        base + "?token=" + token[:20],
		"another feed's token": base + "?token=" + strings.Split(others, "?token=")[1],
		"another feed's name":  strings.Split(others, "?token=")[0] + "?token=" + token,
		"no feed's name":       publicURL + "/api/podcasts/feed/feed.xml?token=" + token,
	} {
		if got := status(address); got != http.StatusNotFound {
			t.Errorf("%s: %d", name, got)
		}
	}

	path := "/api/access/organizations/" + organization + "/podcast"
	v.ask(http.MethodDelete, path, "").Want(http.StatusNoContent, "")
	v.ask(http.MethodDelete, path, "").Want(http.StatusNoContent, "")
	v.ask(http.MethodGet, path, "").Want(http.StatusNotFound, "PODCAST_NOT_FOUND")
	if status(second) != 404 || status(others) != 200 {
		t.Errorf("after revocation: %d, another user's %d", status(second), status(others))
	}
	if third := v.openPodcast(organization); status(third) != 200 || status(second) != 404 {
		t.Error("a revoked address works again")
	}
	nowhere := "/api/access/organizations/" + uuid.NewString() + "/podcast"
	v.ask(http.MethodPost, nowhere, "").Want(http.StatusNotFound, "ORGANIZATION_NOT_FOUND")
	v.ask(http.MethodDelete, nowhere, "").Want(http.StatusNotFound, "PODCAST_NOT_FOUND")
	if events := w.CountEvents(handlertest.Value[string](w.Harness,
		`SELECT id::text FROM podcast_feeds WHERE user_id = $1`, v.id), "podcast.feed_opened"); events != 3 {
		t.Errorf("%d events", events)
	}
}
