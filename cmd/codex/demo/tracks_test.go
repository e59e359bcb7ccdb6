package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"
)

// page is what a path of a server responds with.
type page struct{ kind, body string }

// newSite serves pages by their paths, as files to save; {{site}} in them is its address. A page
// without a kind redirects to the address that is its body.
func newSite(t *testing.T, pages map[string]page) (*show, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, found := pages[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		body := strings.ReplaceAll(p.body, "{{site}}", "http://"+r.Host)
		if p.kind == "" {
			http.Redirect(w, r, body, http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", p.kind)
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", path.Base(r.URL.Path)))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
	}))
	t.Cleanup(server.Close)
	player := &client{base: server.URL, http: &http.Client{CheckRedirect: stayUnlessPlaying}}
	return &show{
		report:  newReport(&bytes.Buffer{}),
		dir:     t.TempDir(),
		creator: &person{client: player},
		buyer:   &person{client: player},
		player:  player,
	}, server.URL
}

// spoiled is pages with one text replaced by another.
func spoiled(t *testing.T, pages map[string]page, where, old, text string) map[string]page {
	t.Helper()
	all := map[string]page{}
	for p, content := range pages {
		if p == where {
			if !strings.Contains(content.kind+"\n"+content.body, old) {
				t.Fatalf("%s has no %q", where, old)
			}
			kind, body, _ := strings.Cut(strings.Replace(content.kind+"\n"+content.body, old, text, 1), "\n")
			content = page{kind, body}
		}
		all[p] = content
	}
	return all
}

const hlsType = "application/vnd.apple.mpegurl"

var trackPages = map[string]page{
	"/master.m3u8": {hlsType, `#EXTM3U
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="English",LANGUAGE="en",DEFAULT=YES,URI="en/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720,SUBTITLES="captions"
720p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=854x480,SUBTITLES="captions"
480p/index.m3u8
`},
	"/en/index.m3u8": {hlsType, "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20.0,\ntext.vtt\n#EXT-X-ENDLIST\n"},
	"/en/text.vtt": {"text/vtt", `WEBVTT

00:00:01.000 --> 00:00:04.000
Red &amp; blue make purple.

00:00:05.000 --> 00:00:09.000
Grün is the German word for green,
and 1 &lt; 2.

00:00:12.000 --> 00:00:18.000
This is the end.
`},
	"/chapters.json": {"application/json+chapters", `{"version":"1.2.0","chapters":[{"startTime":0,"title":"Opening"},` +
		`{"startTime":8,"title":"Colours & shapes"},{"startTime":15,"title":"Credits"}]}`},
	"/chapters.vtt": {"text/vtt", `WEBVTT

00:00:00.000 --> 00:00:08.000
Opening

00:00:08.000 --> 00:00:15.000
Colours &amp; shapes

00:00:15.000 --> 00:00:20.000
Credits
`},
}

// readTracks is the steps that read captions and chapters.
func readTracks(t *testing.T, pages map[string]page) error {
	t.Helper()
	s, site := newSite(t, pages)
	list := fmt.Sprintf(`{"data":{"streamingUrl":"%[1]s/master.m3u8",`+
		`"captions":[{"language":"en","url":"%[1]s/en/text.vtt"}],`+
		`"chapters":{"url":"%[1]s/chapters.json","trackUrl":"%[1]s/chapters.vtt"}}}`, site)
	var err error
	if s.stream, err = one[stream](response{body: []byte(list)}); err != nil {
		t.Fatal(err)
	}
	if _, err = s.readCaptions(t.Context()); err == nil {
		_, err = s.readChapters(t.Context())
	}
	return err
}

func TestCaptionsAndChaptersMustBeThoseOfTheFile(t *testing.T) {
	t.Parallel()
	if err := readTracks(t, trackPages); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, old, text string }{
		"no subtitles in the master":     {"/master.m3u8", "TYPE=SUBTITLES", "TYPE=CLOSED-CAPTIONS"},
		"a variant without subtitles":    {"/master.m3u8", `854x480,SUBTITLES="captions"`, "854x480"},
		"a variant of another group":     {"/master.m3u8", `854x480,SUBTITLES="captions"`, `854x480,SUBTITLES="x"`},
		"another language":               {"/master.m3u8", `LANGUAGE="en"`, `LANGUAGE="de"`},
		"a playlist that leads nowhere":  {"/en/index.m3u8", "text.vtt", "none.vtt"},
		"a playlist of half the video":   {"/en/index.m3u8", "#EXTINF:20.0", "#EXTINF:10.0"},
		"a playlist that does not end":   {"/en/index.m3u8", "#EXT-X-ENDLIST", ""},
		"another media type":             {"/en/text.vtt", "text/vtt", "text/plain"},
		"no WebVTT":                      {"/en/text.vtt", "WEBVTT", "1"},
		"other words":                    {"/en/text.vtt", "purple", "orange"},
		"damaged letters":                {"/en/text.vtt", "ü", "Ã¼"},
		"a lost line":                    {"/en/text.vtt", ",\nand 1", ","},
		"a lost cue":                     {"/en/text.vtt", "\n00:00:12.000 --> 00:00:18.000\nThis is the end.\n", ""},
		"a cue at another time":          {"/en/text.vtt", "00:00:05.000", "00:00:05.500"},
		"a cue without times":            {"/en/text.vtt", "00:00:05.000 -->", "soon -->"},
		"another chapter in the JSON":    {"/chapters.json", "Credits", "Debits"},
		"JSON chapters without version":  {"/chapters.json", "1.2.0", ""},
		"a chapter at another time":      {"/chapters.json", `"startTime":8`, `"startTime":9`},
		"another chapter in the WebVTT":  {"/chapters.vtt", "Credits", "Debits"},
		"chapters of another media type": {"/chapters.json", "application/json+chapters", "application/json"},
	} {
		if readTracks(t, spoiled(t, trackPages, c.path, c.old, c.text)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
