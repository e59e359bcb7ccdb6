package ingest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media"
)

// extracted is a report with subtitles of the file in these languages, whose texts are stored. Those
// of a language without a text are missing.
func extracted(u user, id, job string, texts map[string]string) media.Callback {
	u.Helper()
	report := u.Completed(id, job)
	for language, text := range texts {
		key := media.PrefixesOf(u.ID, id).HLS + "captions/" + language + ".vtt"
		if text != "" {
			body := bytes.NewReader([]byte(text))
			if _, err := u.Media.Put(u.Context(), key, body, int64(len(text)), "text/vtt"); err != nil {
				u.Fatal(err)
			}
		}
		report.Output.Captions = append(report.Output.Captions, media.OutputCaptions{
			Key:      key,
			Language: language,
			Label:    strings.ToUpper(language),
			Default:  language == "de",
		})
	}
	return report
}

func TestCaptionsOfAFileAreExtracted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	path := "/api/media/" + id + "/captions"
	mine := fields{"label": "Mine", "text": strings.Replace(webVTT, "Hello", "Mine", 1)}
	u.Ask(http.MethodPut, path+"/fr", mine).Want(http.StatusOK, "")
	report := extracted(u, id, job, map[string]string{
		"de": webVTT,
		"fr": webVTT,
		"es": "Dear diary",
		"it": strings.Repeat("x", 600<<10),
		"pt": "",
	})
	report.Output.Notes = []media.Note{{Code: "PICTURE_SUBTITLES", Stream: 9, Message: "They are pictures."}}
	h.Callback(report).Want(http.StatusOK, "")
	h.Callback(report).Want(http.StatusOK, "") // delivered again

	list := u.Ask(http.MethodGet, path, nil).Want(http.StatusOK, "")
	if list.Text("data.0.language") != "fr" || list.At("data.0.extracted") != false ||
		list.Text("data.1.language") != "de" || list.At("data.1.extracted") != true || list.At("data.1.default") != true ||
		list.Text("data.2.language") != "" {
		t.Errorf("list %s", list.Body)
	}
	for language, word := range map[string]string{"fr": "Mine", "de": "Hello"} {
		if a := u.Ask(http.MethodGet, path+"/"+language, nil); !strings.Contains(a.Text("data.text"), word) {
			t.Errorf("%s: %s", language, a.Body)
		}
	}
	item := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if strings.Count(item.Body, "DAMAGED_SUBTITLES") != 3 || item.Text("data.notes.0.code") != "PICTURE_SUBTITLES" {
		t.Errorf("notes %s", item.Body)
	}
	ready, failed := h.CountEvents(id, "captions.ready"), h.CountEvents(id, "captions.failed")
	if ready != 1 || failed != 4 {
		t.Errorf("%d captions ready, %d failed", ready, failed)
	}

	// The creator replaces one, and makes another the default.
	u.Ask(http.MethodPut, path+"/de", fields{"label": "Deutsch", "text": webVTT}).Want(http.StatusOK, "")
	u.Ask(http.MethodPut, path+"/en", fields{"label": "English", "text": webVTT, "default": true}).Want(http.StatusOK, "")
	list = u.Ask(http.MethodGet, path, nil)
	if list.At("data.1.extracted") != false || list.At("data.1.default") != false || list.At("data.2.default") != true {
		t.Errorf("list %s", list.Body)
	}
}

func TestExtractedCaptionsGoWithTheirFile(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	report := extracted(u, id, job, map[string]string{"de": webVTT, "fr": webVTT})
	report.Output.ChaptersKey = storedChapters(u, id, `{"chapters":[{"startTime":1,"title":"One"}]}`)
	h.Callback(report).Want(http.StatusOK, "")

	// As if another file were transcoded.
	h.Exec(`UPDATE media_items SET status = 'transcoding', transcoding_seen_at = now() WHERE id = $1`, id)
	h.Callback(extracted(u, id, job, map[string]string{"fr": webVTT})).Want(http.StatusOK, "")
	list := u.Ask(http.MethodGet, "/api/media/"+id+"/captions", nil)
	if list.Text("data.0.language") != "fr" || list.Text("data.1.language") != "" {
		t.Errorf("list %s", list.Body)
	}
	if n := h.Number(`SELECT count(*) FROM media_captions`); n != 1 {
		t.Errorf("%d texts are kept", n)
	}
	if a := u.Ask(http.MethodGet, "/api/media/"+id+"/chapters", nil); a.Text("data.chapters.0.title") != "" {
		t.Errorf("chapters %s", a.Body)
	}
}

func TestCaptionsOfAnotherItemAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	other, _ := u.Transcoding()
	report := u.Completed(id, job)
	report.Output.Captions = extracted(u, other, "", map[string]string{"de": webVTT}).Output.Captions
	a := h.Callback(report).Want(http.StatusOK, "")
	if !strings.Contains(a.Body, "output.captions.0.key") || h.MediaStatus(id) != media.Failed {
		t.Errorf("%s, item %s", a.Body, h.MediaStatus(id))
	}
	if n := h.Number(`SELECT count(*) FROM media_captions`); n != 0 {
		t.Errorf("%d texts", n)
	}
}
