package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// filmBytes is what was uploaded.
var filmBytes = strings.Repeat("the bytes of a film ", 5000)

// save downloads a file that was uploaded as filmBytes.
func save(t *testing.T, pages map[string]page, name string) (rangeErr, wholeErr error) {
	t.Helper()
	s, site := newSite(t, pages)
	s.film = upload{path: filepath.Join(s.dir, "film.mp4"), bytes: int64(len(filmBytes))}
	if err := os.WriteFile(s.film.path, []byte(filmBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.downloadRange(t.Context(), site+"/file"), s.downloadWhole(t.Context(), site+"/file", name)
}

func TestADownloadMustBeWhatWasUploaded(t *testing.T) {
	t.Parallel()
	pages := map[string]page{
		"/file":     {"", "{{site}}/film.mp4"},
		"/film.mp4": {"video/mp4", filmBytes},
	}
	if rangeErr, wholeErr := save(t, pages, "film.mp4"); rangeErr != nil || wholeErr != nil {
		t.Fatal(rangeErr, wholeErr)
	}
	if rangeErr, wholeErr := save(t, pages, "movie.mp4"); rangeErr != nil || wholeErr == nil {
		t.Errorf("another name: %v, %v", rangeErr, wholeErr)
	}
	half := len(filmBytes) / 2
	for name, body := range map[string]string{
		"a damaged byte":    filmBytes[:half] + "X" + filmBytes[half+1:],
		"a byte more":       filmBytes + ".",
		"a byte less":       filmBytes[:len(filmBytes)-1],
		"another beginning": "T" + filmBytes[1:],
		"nothing":           "",
	} {
		rangeErr, wholeErr := save(t, map[string]page{"/file": pages["/file"], "/film.mp4": {"video/mp4", body}}, "film.mp4")
		if wholeErr == nil {
			t.Errorf("%s in the whole: accepted", name)
		}
		if name != "another beginning" && rangeErr == nil { // a range from the middle does not have it
			t.Errorf("%s in a range: accepted", name)
		}
	}
}
