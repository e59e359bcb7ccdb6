package demo

import (
	"slices"
	"strings"
	"testing"
)

const master = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2000000,RESOLUTION=1280x720,CODECS="avc1.64001F,mp4a.40.2"
720p/index.m3u8?token=abc

#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="x",URI="128k/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1500000,RESOLUTION=854x480,AUDIO="sound"
/other/480p/index.m3u8
`

func TestAMasterPlaylistNamesItsVariants(t *testing.T) {
	t.Parallel()
	got, err := parseMaster(master, "http://codex.test/api/hls/master.m3u8?token=old")
	if err != nil {
		t.Fatal(err)
	}
	want := []variant{
		{"720p", "http://codex.test/api/hls/720p/index.m3u8?token=abc", 720, true},
		{"128k", "http://codex.test/api/hls/128k/index.m3u8", 0, true},
		{"480p", "http://codex.test/other/480p/index.m3u8", 480, false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

const media = `#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-MAP:URI="stream.mp4?sig=1,2",BYTERANGE="100@0"
#EXTINF:6.000000,
#EXT-X-BYTERANGE:2000@100
stream.mp4?sig=1,2
#EXTINF:2.5,a title, with a comma
#EXT-X-BYTERANGE:300
stream.mp4?sig=1,2
#EXT-X-ENDLIST
`

func TestAMediaPlaylistIsWalkedRangeByRange(t *testing.T) {
	t.Parallel()
	got, err := parseVariant(media, "https://codex.test/hls/720p/index.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	const file = "https://codex.test/hls/720p/stream.mp4?sig=1,2"
	want := []part{
		{url: file, offset: 0, length: 100},
		{url: file, offset: 100, length: 2000, seconds: 6},
		{url: file, offset: 2100, length: 300, seconds: 2.5}, // without an offset: after the one before
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAPlaylistThatNoPlayerCouldPlayIsRejected(t *testing.T) {
	t.Parallel()
	masterOf := func(text string) error { _, err := parseMaster(text, "http://codex.test/"); return err }
	mediaOf := func(text string) error { _, err := parseVariant(text, "http://codex.test/"); return err }
	for name, c := range map[string]struct {
		parse func(string) error
		text  string
	}{
		"no playlist at all":        {masterOf, "<html>"},
		"empty":                     {mediaOf, ""},
		"no variants":               {masterOf, "#EXTM3U\n"},
		"an unannounced variant":    {masterOf, "#EXTM3U\n720p/index.m3u8\n"},
		"no end":                    {mediaOf, strings.Replace(media, "#EXT-X-ENDLIST", "", 1)},
		"no segments":               {mediaOf, "#EXTM3U\n#EXT-X-ENDLIST\n"},
		"a segment without a range": {mediaOf, strings.Replace(media, "#EXT-X-BYTERANGE:2000@100\n", "", 1)},
		"a segment without a time":  {mediaOf, strings.Replace(media, "#EXTINF:6.000000,\n", "", 1)},
		"a negative length":         {mediaOf, strings.Replace(media, "2000@100", "-1@100", 1)},
		"a time that is no number":  {mediaOf, strings.Replace(media, "6.000000", "six", 1)},
	} {
		if c.parse(c.text) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
