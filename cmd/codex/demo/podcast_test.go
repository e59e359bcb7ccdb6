package demo

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// podcastPages are the feed of one episode, with real sound.
func podcastPages(t *testing.T) map[string]page {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound.m4a")
	_, err := tool(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine", "-t", "20",
		"-c:a", "aac", "-b:a", "64k", path)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]page{
		"/feed.xml": {"application/rss+xml", `<?xml version="1.0"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
 xmlns:podcast="https://podcastindex.org/namespace/1.0">
<channel><title>Demo</title><itunes:block>Yes</itunes:block>
<item><title>A film</title><guid isPermaLink="false">1</guid>
<enclosure url="{{site}}/audio.m4a" length="` + strconv.Itoa(len(sound)) + `" type="audio/x-m4a"></enclosure>
<podcast:chapters url="{{site}}/chapters.json" type="application/json+chapters"></podcast:chapters></item>
</channel></rss>`},
		"/audio.m4a":     {"", "{{site}}/stored.m4a"},
		"/stored.m4a":    {"audio/x-m4a", string(sound)},
		"/chapters.json": trackPages["/chapters.json"],
	}
}

func hear(t *testing.T, pages map[string]page) error {
	t.Helper()
	s, site := newSite(t, pages)
	s.podcastURL = site + "/feed.xml"
	s.content = content{id: "1", title: "A film"}
	_, err := s.playPodcast(t.Context())
	return err
}

func TestAPodcastFeedMustHaveTheSoundOfTheVideo(t *testing.T) {
	t.Parallel()
	pages := podcastPages(t)
	if err := hear(t, pages); err != nil {
		t.Fatal(err)
	}
	sound := pages["/stored.m4a"].body
	for name, c := range map[string]struct{ path, old, text string }{
		"another media type":           {"/feed.xml", "application/rss+xml", "text/html"},
		"a damaged feed":               {"/feed.xml", "</channel>", ""},
		"a feed that may be listed":    {"/feed.xml", "<itunes:block>Yes", "<itunes:block>No"},
		"another episode":              {"/feed.xml", `isPermaLink="false">1`, `isPermaLink="false">2`},
		"another title":                {"/feed.xml", "A film", "A play"},
		"another type":                 {"/feed.xml", "audio/x-m4a", "audio/mpeg"},
		"another length":               {"/feed.xml", `length="`, `length="9`},
		"sound that is not there":      {"/audio.m4a", "stored", "none"},
		"sound that is none":           {"/stored.m4a", "moov", "free"},
		"damaged sound":                {"/stored.m4a", sound[len(sound)/2 : len(sound)/2+900], string(make([]byte, 900))},
		"an episode without chapters":  {"/feed.xml", "podcast:chapters url", "podcast:chapters href"},
		"an episode of other chapters": {"/chapters.json", "Credits", "Debits"},
	} {
		if hear(t, spoiled(t, pages, c.path, c.old, c.text)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAFeedWithoutAccessMustBeEmpty(t *testing.T) {
	t.Parallel()
	const start = `<rss xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>Demo</title>` +
		`<itunes:block>Yes</itunes:block>`
	for items, empty := range map[string]bool{"": true, "<item><title>A film</title></item>": false} {
		s, site := newSite(t, map[string]page{"/feed.xml": {"application/rss+xml", start + items + "</channel></rss>"}})
		s.podcastURL = site + "/feed.xml"
		if err := s.expectNoEpisodes(t.Context()); (err == nil) != empty {
			t.Errorf("%q: %v", items, err)
		}
	}
}
