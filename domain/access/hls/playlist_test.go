package hls_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/access/hls"
)

const master = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=3300000,RESOLUTION=1280x720,FRAME-RATE=25.000,CODECS="avc1.64001F,mp4a.40.2"
720p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1700000,RESOLUTION=854x480,CODECS="avc1.64001E,mp4a.40.2"
480p/index.m3u8
`

const byteRanges = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:6
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="stream.mp4",BYTERANGE="870@0"
#EXTINF:6.000000,
#EXT-X-BYTERANGE:1042@870
stream.mp4
#EXTINF:2.480000,
#EXT-X-BYTERANGE:988@1912
stream.mp4
#EXT-X-ENDLIST
`

const numbered = "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-TARGETDURATION:6\r\n" +
	"#EXTINF:6.0,\r\nsegment_000.ts\r\n#EXTINF:3.2,\r\nsegment_001.ts\r\n#EXT-X-ENDLIST\r\n"

func proxied(variant string) (string, error) { return "/hls/" + variant + "?token=t", nil }

func signed(name string) (string, error) { return "https://store/" + name + "?sig=1&x=2", nil }

func TestEveryRenditionOfAMasterGetsAURL(t *testing.T) {
	t.Parallel()
	got, err := hls.Master(master, proxied)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		"\n720p/index.m3u8", "\n/hls/720p?token=t",
		"\n480p/index.m3u8", "\n/hls/480p?token=t",
	).Replace(master)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAlternateRenditionsAndTrickPlayAreRewrittenInTheirAttributes(t *testing.T) {
	t.Parallel()
	got, err := hls.Master("#EXTM3U\n"+
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English, UK",URI="128k/index.m3u8",DEFAULT=YES`+"\n"+
		`#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="x",INSTREAM-ID="CC1"`+"\n"+
		`#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="480p/index.m3u8"`+"\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=2\nsource/index.m3u8\n", proxied)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`NAME="English, UK",URI="/hls/128k?token=t",DEFAULT=YES`, `INSTREAM-ID="CC1"`,
		`BANDWIDTH=1,URI="/hls/480p?token=t"`, "\n/hls/source?token=t\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestARenditionInOneFileIsSignedOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	got, err := hls.Media(byteRanges, func(name string) (string, error) {
		calls++
		return signed(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		`"stream.mp4"`, `"https://store/stream.mp4?sig=1&x=2"`,
		"\nstream.mp4", "\nhttps://store/stream.mp4?sig=1&x=2",
	).Replace(byteRanges)
	if got != want || calls != 1 {
		t.Errorf("signed %d times, got\n%s\nwant\n%s", calls, got, want)
	}
}

func TestEveryNumberedSegmentIsSigned(t *testing.T) {
	t.Parallel()
	var names []string
	got, err := hls.Media(numbered, func(name string) (string, error) {
		names = append(names, name)
		return signed(name)
	})
	if err != nil || !slices.Equal(names, []string{"segment_000.ts", "segment_001.ts"}) {
		t.Fatalf("%v, %v", names, err)
	}
	if strings.Contains(got, "\r") || !strings.HasSuffix(got, "#EXT-X-ENDLIST\n") {
		t.Errorf("got %q", got)
	}
}

func TestUnknownTagsAndCommentsAreLeftOut(t *testing.T) {
	const version = "#EXT-X-VERSION:7\n"
	t.Parallel()
	for name, rewritten := range map[string]func() (string, error){
		"master": func() (string, error) {
			return hls.Master(strings.Replace(master, version, version+"# by hand\n"+
				`#EXT-X-SESSION-DATA:DATA-ID="x",URI="https://evil/x"`+"\n"+
				`#EXT-X-CONTENT-STEERING:SERVER-URI="//evil"`+"\n\n", 1), proxied)
		},
		"media": func() (string, error) {
			return hls.Media(strings.Replace(byteRanges, version, version+
				`#EXT-X-DATERANGE:ID="a",X-ASSET-URI="https://evil/"`+"\n#EXT-X-KEY:METHOD=NONE\n#note\n", 1), signed)
		},
	} {
		got, err := rewritten()
		if err != nil || strings.Contains(got, "evil") || strings.Contains(got, "KEY") || strings.Contains(got, "hand") ||
			strings.Contains(got, "note") {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

func TestRenditionsOfOtherCodecsTracksAndIFramesHavePlaylists(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"240p": true, "2160p-av1": true, "source-hevc": true, "sound-3": true, "iframes": true,
		"sound-": false, "sound-12": false, "sound-x": false, "720p-": false, "720p-vp9": false, "-av1": false, "": false,
	} {
		if hls.IsVariant(name) != want {
			t.Errorf("IsVariant(%q) is %v", name, !want)
		}
	}
}

func TestAMasterThatNamesAnythingElseIsUnusable(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"https://evil/720p/index.m3u8", "//evil/index.m3u8", "/720p/index.m3u8", "../other/720p/index.m3u8",
		"720p/../index.m3u8", "720p/index.m3u8?x=1", "720p\\index.m3u8", "720p%2findex.m3u8", "4320p/index.m3u8",
		"preview/index.m3u8", "720p/other.m3u8", "720p/index.m3u8 ",
	} {
		for _, text := range []string{
			"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n" + uri + "\n",
			"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"" + uri + "\"\n",
			"#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:URI=\"" + uri + "\"\n",
		} {
			if got, err := hls.Master(text, proxied); !errors.Is(err, hls.ErrUnusable) {
				t.Errorf("%q became %q, %v", text, got, err)
			}
		}
	}
}

func TestARenditionThatNamesAnythingElseIsUnusable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"https://evil/a.ts", "//evil/a.ts", "/a.ts", "../a.ts", "a/b.ts", "..", ".", ".hidden", "a..ts", "a b.ts",
		"a%2e.ts", "a?b", "a\\b", "a{$x}.ts", "ä.ts", strings.Repeat("a", 256),
	} {
		for _, text := range []string{"#EXTM3U\n#EXTINF:6,\n" + name + "\n", "#EXTM3U\n#EXT-X-MAP:URI=\"" + name + "\"\n"} {
			if got, err := hls.Media(text, signed); !errors.Is(err, hls.ErrUnusable) {
				t.Errorf("%q became %q, %v", text, got, err)
			}
		}
	}
}

func TestAMalformedPlaylistIsUnusable(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":            "",
		"not a playlist":   "<Error><Code>NoSuchKey</Code></Error>",
		"byte order mark":  "\ufeff#EXTM3U\n",
		"not UTF-8":        "#EXTM3U\n\xff\n",
		"control":          "#EXTM3U\n#EXTINF:6,\x00\na.ts\n",
		"carriage return":  "#EXTM3U\n#EXTINF:6,\rhttps://evil/\na.ts\n",
		"encrypted":        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n",
		"key with NONE":    "#EXTM3U\n#EXT-X-KEY:METHOD=NONE,URI=\"https://evil\"\n",
		"two URIs":         "#EXTM3U\n#EXT-X-MAP:URI=\"a\",URI=\"b\"\n",
		"no URI":           "#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"1@0\"\n",
		"no attributes":    "#EXTM3U\n#EXT-X-MAP\n",
		"unquoted URI":     "#EXTM3U\n#EXT-X-MAP:URI=a\n",
		"open quote":       "#EXTM3U\n#EXT-X-MAP:URI=\"a\n",
		"quote in value":   "#EXTM3U\n#EXT-X-MAP:X=a\",URI=\"b\"\n",
		"after the quote":  "#EXTM3U\n#EXT-X-MAP:URI=\"a\"b\n",
		"URI where none":   "#EXTM3U\n#EXTINF:6,URI=\"x\"\na.ts\n",
		"larger than 1 MB": "#EXTM3U\n" + strings.Repeat("#EXTINF:6,\na.ts\n", 80_000),
	} {
		if got, err := hls.Media(text, signed); !errors.Is(err, hls.ErrUnusable) {
			t.Errorf("%s: became %q, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"address without a stream": "#EXTM3U\n720p/index.m3u8\n",
		"URI in the stream's tag":  "#EXTM3U\n#EXT-X-STREAM-INF:URI=\"720p/index.m3u8\"\n720p/index.m3u8\n",
	} {
		if got, err := hls.Master(text, proxied); !errors.Is(err, hls.ErrUnusable) {
			t.Errorf("%s: became %q, %v", name, got, err)
		}
	}
}

func TestAURLThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("no signature")
	if _, err := hls.Media(byteRanges, func(string) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := hls.Media(byteRanges, func(string) (string, error) { return `a"b`, nil }); err == nil {
		t.Error("an address with a quote was written into a quoted string")
	}
}

func TestSubtitlesAreDeclaredForEveryStream(t *testing.T) {
	t.Parallel()
	got, err := hls.Master("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=1\n720p/index.m3u8\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=2\n480p/index.m3u8\n", proxied,
		hls.Subtitles{Language: "en", Name: "English \"SDH\"\n", URL: "https://ours/en", Sounds: true},
		hls.Subtitles{Language: "pt-BR", Name: "Português", URL: "https://ours/pt", Default: true},
		hls.Subtitles{Language: "pt-BR-x-forced", Name: "Português (forced)", URL: "https://ours/f", Forced: true})
	want := "#EXTM3U\n#EXT-X-VERSION:7\n" +
		`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="English 'SDH''",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,` +
		`CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound",` +
		`URI="https://ours/en"` + "\n" +
		`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Português",LANGUAGE="pt-BR",DEFAULT=YES,AUTOSELECT=YES,` +
		`URI="https://ours/pt"` + "\n" +
		`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Português (forced)",LANGUAGE="pt-BR-x-forced",` +
		`DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,URI="https://ours/f"` + "\n"
	if err != nil || !strings.HasPrefix(got, want) || strings.Count(got, `,SUBTITLES="captions"`) != 2 {
		t.Errorf("%v\n%s", err, got)
	}
}

// FuzzPlaylistRewrite rewrites any text in both ways. The result contains no other URLs
// than the caller's, and only plain names are passed to the caller.
func FuzzPlaylistRewrite(f *testing.F) {
	for _, seed := range []string{
		master,
		byteRanges,
		numbered,
		"#EXTM3U\n#EXT-X-MEDIA:URI=\"64k/index.m3u8\"\n",
		"#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n",
	} {
		f.Add(seed)
	}
	const ours = "https://ours/"
	f.Fuzz(func(t *testing.T, text string) {
		address := func(name string) (string, error) {
			if strings.ContainsAny(name, "/\\%?#\"'\r\n ") || strings.Contains(name, "..") || name == "" {
				return "", fmt.Errorf("called with %q", name)
			}
			return ours + name, nil
		}
		master := func(text string, url func(string) (string, error)) (string, error) {
			return hls.Master(text, url, hls.Subtitles{Language: "en", Name: "\"\n", URL: ours})
		}
		for _, rewritten := range []func(string, func(string) (string, error)) (string, error){master, hls.Media} {
			got, err := rewritten(text, address)
			if err != nil {
				if !errors.Is(err, hls.ErrUnusable) {
					t.Fatal(err)
				}
				continue
			}
			for line := range strings.Lines(got) {
				line = strings.TrimSuffix(line, "\n")
				if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ours) {
					t.Fatalf("the address %q is not ours, from %q", line, text)
				}
				if strings.HasPrefix(line, "#") && strings.Count(line, "URI=") != strings.Count(line, `URI="`+ours) {
					t.Fatalf("the tag %q has an address that is not ours, from %q", line, text)
				}
			}
		}
	})
}
