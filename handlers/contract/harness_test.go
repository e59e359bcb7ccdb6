// Package contract_test tests the HTTP contract as a whole: that its description says
// what the router does, that every example in it is true, that every limit holds, who
// may do what in which state, and that a client of the original finds everything
// where it expects it. All of it over HTTP, with real parts in one process.
package contract_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/accounts"
	"github.com/codex-platform/codex/handlers/cleanup"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/images"
	"github.com/codex-platform/codex/handlers/ingest"
	"github.com/codex-platform/codex/handlers/organizations"
	"github.com/codex-platform/codex/handlers/payments"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/streaming"
	"github.com/codex-platform/codex/handlers/web"
)

const (
	webhookSecret    = "whsec_contract"
	transcoderSecret = "the secret of transcoders"
	password         = "a quiet winter river"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

type (
	request = handlertest.Request
	answer  = handlertest.Answer
)

// harness is one installation in development mode, with everything.
type harness struct {
	*handlertest.Harness
	edge *edge.Edge
	hash string // of password
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	passwords := handlertest.Passwords(t)
	w.hash = handlertest.Must(passwords.Hash(context.Background(), password))(t)
	w.StartBus(natstest.Embedded(t), 1)
	w.StartStore()
	w.StartSandbox(sandbox.Config{})
	modules := w.modules(passwords)
	if err := handlers.Check(modules); err != nil {
		t.Fatal(err)
	}
	w.StartModules(modules...)
	w.edge = w.Edge(func(cfg *edge.Config) { cfg.Development = true }, modules...)
	w.Serve(w.edge.Handler())
	return w
}

// in is the harness for a part of its test.
func (w *harness) in(t *testing.T) *harness {
	inner := *w
	inner.Harness = w.In(t)
	return &inner
}

// modules are all activities, as cmd/codex lists them.
func (w *harness) modules(passwords *argon2id.Hasher) []handlers.Module {
	secrets := map[string][]string{}
	for _, name := range []string{"booking", "payment", "dispute", "subscription", "connect", "customer"} {
		secrets[name] = []string{webhookSecret}
	}
	return []handlers.Module{
		accounts.New(accounts.Config{
			Pool:        w.Pool,
			Passwords:   passwords,
			PublicURL:   w.URL,
			Development: true,
			Committed:   func() { _ = bus.WakeRelay(w.Conn) },
			Now:         w.Now,
		}),
		organizations.New(organizations.Config{Pool: w.Pool, PublicURL: w.URL}),
		publishing.New(publishing.Config{Pool: w.Pool}),
		ingest.New(ingest.Config{
			Pool:            w.Pool,
			Media:           w.Media,
			CompleteWait:    handlertest.Within,
			CallbackSecrets: [][]byte{[]byte(transcoderSecret)},
			Dispatcher:      w.Dispatcher,
			Development:     true,
			Now:             w.Now,
			Log:             w.Logger,
		}),
		images.New(images.Config{
			Frames:     handlertest.Must(ffmpeg.New(ffmpeg.Config{Logger: w.Logger}))(w),
			Pool:       w.Pool,
			Store:      w.Assets,
			Renditions: w.Media,
			Maker:      handlertest.Must(ffmpeg.New(ffmpeg.Config{Logger: w.Logger}))(w),
			PublicURL:  w.URL,
			Now:        w.Now,
			Log:        w.Logger,
		}),
		cleanup.New(cleanup.Config{
			Pool:   w.Pool,
			Media:  w.Media,
			Assets: w.Assets,
			Now:    w.Now,
			Log:    w.Logger,
		}),
		payments.New(payments.Config{
			Pool:           w.Pool,
			Dispatcher:     w.Dispatcher,
			Stripe:         w.Stripe,
			WebhookSecrets: secrets,
			Rates:          money.DefaultRates(),
			PublicURL:      w.URL,
			Development:    true,
			Now:            w.Now,
			Log:            w.Logger,
		}),
		streaming.New(streaming.Config{
			Pool:      w.Pool,
			Objects:   w.Media,
			Tokens:    handlertest.Must(token.NewKeys([]byte("the secret of stream tokens")))(w),
			PublicURL: w.URL,
			Now:       w.Now,
		}),
		web.New(web.Config{Pool: w.Pool, Development: true}),
	}
}

// exec changes the database in one round trip.
func (w *harness) exec(statements ...statement) {
	w.Helper()
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	if err := w.Pool.SendBatch(context.Background(), b).Close(); err != nil {
		w.Fatalf("%s: %v", statements[0].sql, err)
	}
}

type statement struct {
	sql  string
	args []any
}

func sql(text string, args ...any) statement { return statement{text, args} }

// send sends a request as a browser at the service's own address does.
func (w *harness) send(r request) answer {
	w.Helper()
	header := map[string]string{"Origin": w.URL}
	for name, value := range r.Header {
		header[name] = value
	}
	r.Header = header
	return w.Send(r)
}

// signedByStripe returns the headers with which Stripe sends a body.
func signedByStripe(body []byte) map[string]string {
	return map[string]string{"Stripe-Signature": handlertest.StripeSignature(body, webhookSecret, time.Now())}
}

// signedByTranscoder returns the headers with which a transcoder sends a body.
func signedByTranscoder(body []byte) map[string]string {
	return handlertest.SignedByTranscoder(body, transcoderSecret, strconv.FormatInt(time.Now().Unix(), 10))
}
