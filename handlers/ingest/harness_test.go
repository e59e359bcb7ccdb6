package ingest_test

import (
	"cmp"
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

const (
	secret = handlertest.TranscoderSecret
	// oldSecret is valid as well, as during a rotation.
	oldSecret = "the secret before"
)

// mp4Header is enough of a film where no probe is configured.
var mp4Header = handlertest.MP4Header

type options struct {
	// quota limits each creator; the default one when it is zero.
	quota  domain.Quota
	prober ingest.Prober
	// probeWithin limits the probe when an upload is completed; a minute when it is zero.
	probeWithin time.Duration
	// probes is how many files are probed at once; the default when it is zero.
	probes      int
	development bool
	// store replaces the bucket that the edge uses.
	store func(*s3.Bucket) *s3.Bucket
	// parts replaces the store that uploads in parts use.
	parts func(ingest.PartsStore) ingest.PartsStore
	// idle is how long a client may send nothing, readTimeout the server's limit for a request.
	idle, readTimeout time.Duration
}

// newHarness starts ingest on real parts, from the HTTP edge to the object store. Only the
// transcoder is missing: tests post its callbacks.
func newHarness(t *testing.T, o options) *handlertest.Harness {
	t.Helper()
	h := startParts(t, o)
	h.Install(func(cfg *edge.Config) {
		cfg.Development = o.development
		cfg.Wait = time.Minute
	}, newModule(h, o))
	return h
}

// startParts starts what the module needs.
func startParts(t *testing.T, o options) *handlertest.Harness {
	t.Helper()
	h := handlertest.New(t, handlertest.Options{Server: func(s *http.Server) { s.ReadTimeout = o.readTimeout }})
	startPartsOn(h)
	return h
}

// startPartsOn starts a bus and a store, to which pages of these origins may upload.
func startPartsOn(h *harness, origins ...string) {
	h.StartBus(natstest.Embedded(h.T), 1)
	h.StartStore(origins...)
}

func newModule(h *handlertest.Harness, o options) handlers.Module {
	cfg := ingest.Config{
		Pool:            h.Pool,
		Media:           h.Media,
		Parts:           h.Media,
		Prober:          o.prober,
		ProbeWithin:     cmp.Or(o.probeWithin, time.Minute),
		Probes:          o.probes,
		CompleteWait:    time.Minute, // a busy machine must not turn outcomes into 202
		UploadIdle:      o.idle,
		TempDir:         h.TempDir(),
		CallbackSecrets: [][]byte{[]byte(oldSecret), []byte(secret)},
		Dispatcher:      h.Dispatcher,
		Development:     o.development,
		Quota:           o.quota,
		Now:             h.Now,
		Log:             h.Logger,
	}
	if o.store != nil {
		cfg.Media = o.store(h.Media)
	}
	if o.parts != nil {
		cfg.Parts = o.parts(h.Media)
	}
	return ingest.New(cfg)
}

type (
	harness = handlertest.Harness
	user    = handlertest.Uploader
	answer  = handlertest.Answer
	fields  = map[string]any
)

// request sends a request without a session.
func request(h *harness, method, path string, header map[string]string, body []byte) answer {
	h.Helper()
	return h.Send(handlertest.Request{
		Method: method,
		Path:   path,
		Header: header,
		Body:   body,
	})
}

// send sends a request of a user with more headers.
func send(u user, method, path string, header map[string]string, body []byte) answer {
	u.Helper()
	return u.Send(handlertest.Request{Method: method, Path: path, Session: u.ID, Header: header, Body: body})
}

// wantNoPresignedURLs fails the test when a command holds a presigned URL.
func wantNoPresignedURLs(h *harness) {
	h.Helper()
	if n := h.Number(`SELECT count(*) FROM commands
		WHERE response_body::text LIKE '%Amz%' OR envelope::text LIKE '%Amz%'`); n != 0 {
		h.Errorf("%d commands hold a presigned URL", n)
	}
}

// signed sends a request as another program of the installation.
func signed(h *harness, method, path, body string) answer {
	h.Helper()
	return request(h, method, path, h.SignedByWorker(method, path, []byte(body)), []byte(body))
}
