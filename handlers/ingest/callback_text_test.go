package ingest_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
)

// Text that a database cannot store is the sender's fault, signed or not: 400, never 500.
func callbackThatIsNoText(t *testing.T, h *harness) {
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	const bad = "\xff\xfe"
	failed := func(reason string) []byte {
		return []byte(`{"status":"failed","jobId":"` + job + `","error":"` + reason + `"}`)
	}
	good := failed("broken")
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		body   []byte
	}{
		"signature":         {"", map[string]string{media.SignatureHeader: bad}, good},
		"timestamp":         {"", map[string]string{media.TimestampHeader: bad}, good},
		"another header":    {"", map[string]string{"User-Agent": bad}, good},
		"path":              {"/%ff", nil, good},
		"NUL in the path":   {"%00", nil, good},
		"query":             {"?a=%ff", nil, good},
		"NUL in the query":  {"?a=%00", nil, good},
		"body":              {"", nil, failed(bad)},
		"NUL in the body":   {"", nil, failed(`\u0000`)},
		"surrogate in body": {"", nil, failed(`\ud800`)},
	} {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		header := map[string]string{
			media.TimestampHeader: at,
			media.SignatureHeader: media.Sign([]byte(secret), at, c.body),
		}
		for name, value := range c.header {
			header[name] = value
		}
		a := request(h, http.MethodPost, "/api/transcoding/webhook"+c.path, header, c.body)
		if a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := h.Number(`SELECT count(*) FROM media_items WHERE id = $1 AND status = 'failed'`, id); n != 0 {
		t.Error("a callback that is no text changed its item")
	}
}
