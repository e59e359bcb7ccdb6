package captions_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/captions"
)

func TestCaptionsAreWrittenAsWebVTT(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"WebVTT": {
			"WEBVTT a title\n\nNOTE left out\n\nSTYLE\n::cue(.loud) { color: red }\n\n" +
				"intro\n00:01.000 --> 00:02.500 line:0 align:start\n<v Ada><b>Hello</b>\nthere\n\n" +
				"01:00:00.000 --> 01:00:01.000\nlate &amp; last\n",
			"WEBVTT\n\nSTYLE\n::cue(.loud) { color: red }\n\n" +
				"intro\n00:00:01.000 --> 00:00:02.500 line:0 align:start\n<v Ada><b>Hello</b>\nthere\n\n" +
				"01:00:00.000 --> 01:00:01.000\nlate &amp; last\n",
		},
		"SubRip": {
			"\ufeff1\r\n00:00:01,000 --> 00:00:02,5 X1:10 X2:20\r\n" +
				"<I>Grüße</I> {\\an8}<font color=\"red\">3 < 4 & 5</font>\r\n\r\n" +
				"2\r\n00:00:03,000 --> 00:00:04,000\r\nfirst\r\n\r\nafter a gap\r\n\r\n",
			"WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n<i>Grüße</i> 3 &lt; 4 &amp; 5\n\n" +
				"00:00:03.000 --> 00:00:04.000\nfirst\nafter a gap\n",
		},
		"out of order, without numbers": {
			"00:00:05.000 --> 00:00:06.000\nb\n\n00:00:01.000 --> 00:00:09.000\na",
			"WEBVTT\n\n00:00:01.000 --> 00:00:09.000\na\n\n00:00:05.000 --> 00:00:06.000\nb\n",
		},
	} {
		track, err := captions.Parse(c.text)
		if got := track.WebVTT(); err != nil || got != c.want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		again, err := captions.Parse(track.WebVTT())
		if err != nil || again.WebVTT() != c.want {
			t.Errorf("%s, again: %v\n%s", name, err, again.WebVTT())
		}
	}
}

func TestFaultsAreNamedWithTheirLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":       "line 1: there are no captions",
		"WEBVTT": "line 1: there are no captions",
		"Hello":  "line 1: this is neither WebVTT",
		"00:00:01,000 --> 00:00:02,000\na\n00:00:03,000 --> 00:00:04,000": "line 3: an empty line is missing",
		"WEBVTT\n\n00:02.000 --> 00:01.000\na":                            "line 3: the cue ends before",
		"WEBVTT\n\n00:61.000 --> 01:62.000\na":                            "line 3: a time is written as",
		"WEBVTT\n\n00:01.000 -->\na":                                      "line 3: the end of the cue",
		"WEBVTT\n\n26:00:00.000 --> 26:00:01.000\na":                      "line 3: the cue is later",
		"WEBVTT\n\na\nb":                         "line 3: a cue begins with its times",
		"1\n00:00:01,000 --> 00:00:02,000\n\xff": "line 1: the captions are not UTF-8",
		strings.Repeat("x", 512<<10+1):           "line 1: the captions are longer",

		"WEBVTT\n\nSTYLE\n::cue { background: URL(http://x) }\n\n00:01.000 --> 00:02.000\na": "line 3: a style sheet",
	} {
		_, err := captions.Parse(text)
		var fault *captions.Error
		if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("WEBVTT\n\nid\n00:01.000 --> 00:02.000 line:0\n<b>x</b>")
	f.Add("1\n00:00:01,000 --> 00:00:02,000\na & b\n\nc --&gt; d")
	f.Fuzz(func(t *testing.T, text string) {
		track, err := captions.Parse(text)
		if err != nil {
			return
		}
		written := track.WebVTT()
		again, err := captions.Parse(written)
		if err != nil && len(written) <= captions.MaxBytes {
			t.Fatalf("%q becomes %q: %v", text, written, err)
		}
		if err == nil && again.WebVTT() != written {
			t.Fatalf("%q is not stable: %q", written, again.WebVTT())
		}
	})
}
