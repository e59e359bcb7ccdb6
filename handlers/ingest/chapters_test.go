package ingest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media"
)

// storedChapters stores chapters as a transcoder does.
func storedChapters(u user, id, text string) *string {
	u.Helper()
	key := media.PrefixesOf(u.ID, id).HLS + "chapters.json"
	_, err := u.Media.Put(u.Context(), key, strings.NewReader(text), int64(len(text)), "application/json")
	if err != nil {
		u.Fatal(err)
	}
	return &key
}

func TestChaptersAreReplacedAndSorted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	path := "/api/media/" + id + "/chapters"
	report := u.Completed(id, job)
	report.Output.ChaptersKey = storedChapters(u, id,
		`{"version":"1.2.0","chapters":[{"startTime":2,"title":"From the file"}]}`)
	h.Callback(report).Want(http.StatusOK, "")
	if a := u.Ask(http.MethodGet, path, nil); a.Text("data.chapters.0.title") != "From the file" {
		t.Fatalf("from the file: %s", a.Body)
	}

	set := func(body string) answer {
		t.Helper()
		return send(u, http.MethodPut, path, nil, []byte(body))
	}
	a := set(`{"chapters":[{"startTime":7.25,"title":" Second "},{"startTime":0,"title":"First"}]}`)
	a.Want(http.StatusOK, "")
	b := u.Ask(http.MethodGet, path, nil)
	for _, got := range []answer{a, b} {
		if got.Text("data.version") != "1.2.0" || got.At("data.chapters.0.startTime") != 0.0 ||
			got.At("data.chapters.1.startTime") != 7.25 || got.Text("data.chapters.1.title") != "Second" {
			t.Errorf("set %s", got.Body)
		}
	}
	many := strings.Repeat(`{"startTime":1,"title":"a"},`, 251)
	for body, field := range map[string]string{
		`{"chapters":[{"startTime":12,"title":"at the end"}]}`:                        "chapters.0.startTime",
		`{"chapters":[{"startTime":-1,"title":"before the start"}]}`:                  "chapters.0.startTime",
		`{"chapters":[{"startTime":1,"title":"a"},{"startTime":1.0001,"title":"b"}]}`: "chapters.1.startTime",
		`{"chapters":[{"startTime":1,"title":"` + strings.Repeat("a", 101) + `"}]}`:   "chapters.0.title",
		`{"chapters":[{"startTime":1,"title":" "}]}`:                                  "chapters.0.title",
		`{"chapters":[{"startTime":1,"title":"two\nlines"}]}`:                         "chapters.0.title",
		`{"chapters":[` + strings.TrimSuffix(many, ",") + `]}`:                        "chapters",
		`{}`: "chapters",
	} {
		if a := set(body).Want(http.StatusBadRequest, "VALIDATION_ERROR"); !strings.Contains(a.Body, strconv.Quote(field)) {
			t.Errorf("%.100s: %s", body, a.Body)
		}
	}
	set(`{"chapters":[]}`).Want(http.StatusOK, "")
	if a := u.Ask(http.MethodGet, path, nil); a.Text("data.chapters.0.title") != "" {
		t.Errorf("removed: %s", a.Body)
	}
	if n := h.CountEvents(id, "media.chapters_set"); n != 2 {
		t.Errorf("%d events", n)
	}
}
