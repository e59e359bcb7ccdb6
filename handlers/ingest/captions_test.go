package ingest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

const (
	subRip = "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello</i> & welcome\r\n"
	webVTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n<i>Hello</i> &amp; welcome\n"
)

func TestCaptionsPerLanguageAreSetReadAndRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", 10)
	path := "/api/media/" + id + "/captions"
	set := func(language, label, kind, text string) answer {
		t.Helper()
		return u.Ask(http.MethodPut, path+"/"+language, fields{"label": label, "kind": kind, "text": text})
	}

	set("en-gb", " English ", "captions", subRip).Want(http.StatusOK, "")
	set("de", "Deutsch", "subtitles", webVTT).Want(http.StatusOK, "")
	if a := u.Ask(http.MethodGet, path+"/EN-GB", nil).Want(http.StatusOK, ""); a.Text("data.text") != webVTT ||
		a.Text("data.language") != "en-GB" || a.Text("data.label") != "English" || a.Text("data.kind") != "captions" {
		t.Errorf("English: %s", a.Body)
	}
	set("en-GB", "English", "subtitles", strings.Replace(subRip, "Hello", "Good evening", 1)).Want(http.StatusOK, "")
	list := u.Ask(http.MethodGet, path, nil).Want(http.StatusOK, "")
	if list.Text("data.0.language") != "en-GB" || list.Text("data.0.kind") != "subtitles" ||
		list.Text("data.1.language") != "de" || list.Text("data.2.language") != "" {
		t.Errorf("list %s", list.Body)
	}
	if a := u.Ask(http.MethodGet, path+"/en-GB", nil); !strings.Contains(a.Text("data.text"), "Good evening") {
		t.Errorf("replaced: %s", a.Body)
	}

	u.Ask(http.MethodDelete, path+"/en-GB", nil).Want(http.StatusNoContent, "")
	u.Ask(http.MethodDelete, path+"/en-GB", nil).Want(http.StatusNotFound, "CAPTIONS_NOT_FOUND")
	u.Ask(http.MethodGet, path+"/en-GB", nil).Want(http.StatusNotFound, "CAPTIONS_NOT_FOUND")
	if n := h.Number(`SELECT count(*) FROM media_captions`); n != 1 {
		t.Errorf("%d texts are kept", n)
	}
	want := []string{
		"media.registered", "media.captions_set", "media.captions_set", "media.captions_set", "media.captions_removed",
	}
	if got := h.MediaEvents(id); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("events %v", got)
	}
}

func TestWhatIsWrongWithCaptionsIsNamed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", 10)
	path := "/api/media/" + id + "/captions/"
	for _, c := range []struct{ language, body, path, message string }{
		{"en", `{"label":"English","text":"WEBVTT\n\n00:02.000 --> 00:01.000\na"}`, "text", "line 3: the cue ends before"},
		{"en", `{"label":"English","text":"Dear diary"}`, "text", "line 1: this is neither"},
		{"en", `{"label":"English"}`, "text", ""},
		{"en", `{"label":" ","text":"WEBVTT"}`, "label", ""},
		{"en", `{"label":"\u200b","text":"WEBVTT"}`, "label", ""},
		{"en", `{"label":"English","kind":"lyrics","text":"WEBVTT"}`, "kind", ""},
		{"english", `{"label":"English","text":"WEBVTT"}`, "language", "must be a language tag"},
		{"e", `{"label":"English","text":"WEBVTT"}`, "language", ""},
	} {
		a := u.Send(handlertest.Request{Method: http.MethodPut, Path: path + c.language, Session: u.ID, Body: c.body})
		a.Want(http.StatusBadRequest, "VALIDATION_ERROR")
		if !strings.Contains(a.Body, `"`+c.path+`"`) || !strings.Contains(a.Body, c.message) {
			t.Errorf("%s: %s", c.body, a.Body)
		}
	}
}
