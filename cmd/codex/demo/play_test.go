package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// cut makes ranges of these lengths that follow one another.
func cut(url string, lengths ...int64) []part {
	var parts []part
	var offset int64
	for _, n := range lengths {
		parts = append(parts, part{url: url, offset: offset, length: n})
		offset += n
	}
	return parts
}

func storage(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/stream.mp4"
}

func fetched(t *testing.T, parts []part) ([]byte, error) {
	t.Helper()
	var got bytes.Buffer
	_, err := fetchParts(t.Context(), newClient(""), parts, func(p []byte) error { _, err := got.Write(p); return err })
	return got.Bytes(), err
}

func TestRangesThatCoverAFileGiveItBack(t *testing.T) {
	t.Parallel()
	file := []byte(strings.Repeat("0123456789", 100))
	url := storage(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "stream.mp4", time.Time{}, bytes.NewReader(file))
	})
	got, err := fetched(t, cut(url, 7, 500, 493))
	if err != nil || !bytes.Equal(got, file) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	gap := cut(url, 7, 500, 493)
	gap[1].offset++
	for name, parts := range map[string][]part{
		"a range that leaves bytes out":        gap,
		"ranges that end early":                cut(url, 7, 500),
		"a range beyond the end":               cut(url, 7, 994),
		"a range of another file":              append(cut(url, 7), part{url: url + "?other", offset: 7, length: 993}),
		"a range that starts behind the first": cut(url, 7, 500, 493)[1:],
	} {
		if _, err := fetched(t, parts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAStorageThatDoesNotHonourRangesIsNoticed(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"the whole file":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "0123456789") },
		"an expired address":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"fewer bytes":         responds("bytes 0-9/10", "012345678"),
		"more bytes":          responds("bytes 0-9/10", "0123456789a"),
		"another range":       responds("bytes 1-10/11", "0123456789"),
		"an unknown size":     responds("bytes 0-9/*", "0123456789"),
		"no range in the 206": responds("", "0123456789"),
	} {
		if _, err := fetched(t, cut(storage(t, h), 10)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := fetched(t, cut(storage(t, responds("bytes 0-9/10", "0123456789")), 10)); err != nil {
		t.Errorf("the right response: %v", err)
	}
}

func responds(contentRange, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", contentRange)
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprint(w, body)
	}
}

func TestWhatWasDecodedMustBeWhatWentIn(t *testing.T) {
	t.Parallel()
	film := func() probe {
		var p probe
		p.Format.Duration = "20.02"
		p.Streams = append(p.Streams, struct {
			Type   string `json:"codec_type"`
			Height int    `json:"height"`
			Frames string `json:"nb_read_frames"`
		}{"video", 480, "600"}, struct {
			Type   string `json:"codec_type"`
			Height int    `json:"height"`
			Frames string `json:"nb_read_frames"`
		}{"audio", 0, "938"})
		return p
	}
	r := rendition{variant: variant{height: 480, sound: true}}
	if frames, err := r.check(film()); err != nil || frames != 600 {
		t.Fatalf("got %d frames, %v", frames, err)
	}
	for name, spoil := range map[string]func(*probe){
		"a lost frame":    func(p *probe) { p.Streams[0].Frames = "599" },
		"another picture": func(p *probe) { p.Streams[0].Height = 360 },
		"silence":         func(p *probe) { p.Streams = p.Streams[:1] },
		"no picture":      func(p *probe) { p.Streams = p.Streams[1:] },
		"too short":       func(p *probe) { p.Format.Duration = "19.4" },
		"no duration":     func(p *probe) { p.Format.Duration = "N/A" },
	} {
		p := film()
		spoil(&p)
		if _, err := r.check(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
