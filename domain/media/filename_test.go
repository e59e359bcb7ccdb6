package media_test

import (
	"mime"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media"
)

func TestADownloadIsNamedAfterItsTitle(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Falling water":           "Falling water.mp4",
		"Été ☂":                   "Été ☂.mp4",
		"../../etc/passwd":        "etc-passwd.mp4",
		`C:\a "b" <c>|d?*`:        `C--a -b- -c--d.mp4`,
		".hidden":                 "hidden.mp4",
		"...":                     "download.mp4",
		"line\nbreak\r\x00":       "line break.mp4",
		"100% & more; filename=x": "100- & more; filename=x.mp4",
		"\u202egnp.exe":           "gnp.exe.mp4",
		strings.Repeat("é", 300):  strings.Repeat("é", 120) + ".mp4",
		"trailing dot. ":          "trailing dot.mp4",
	} {
		name := media.Filename(title, "video/mp4")
		if name != want {
			t.Errorf("%q is saved as %q, want %q", title, name, want)
		}
		header := media.Attachment(name)
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || params["filename"] != name {
			t.Errorf("%s is read as %q %v, %v", header, kind, params, err)
		}
		for _, c := range header {
			if c < ' ' || c > '~' {
				t.Errorf("%s has %q", header, c)
			}
		}
	}
	if got := media.Filename("Song", "audio/flac"); got != "Song.flac" {
		t.Errorf("saved as %q", got)
	}
}

func FuzzAttachment(f *testing.F) {
	f.Add("Été; filename=\"x\"", "video/mp4")
	f.Add("a\r\nSet-Cookie: x", "audio/mpeg")
	f.Fuzz(func(t *testing.T, title, kind string) {
		name := media.Filename(title, kind)
		_, params, err := mime.ParseMediaType(media.Attachment(name))
		if err != nil || params["filename"] != name || strings.ContainsAny(name, "/\\\r\n\x00") {
			t.Errorf("%q is saved as %q, read as %v: %v", title, name, params, err)
		}
	})
}
