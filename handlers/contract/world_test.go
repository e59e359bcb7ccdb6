// Package contract_test tests the HTTP contract as a whole: that its description says
// what the router does, that every example in it is true, that every limit holds, who
// may do what in which state, and that a client of the original finds everything
// where it expects it. All of it over HTTP, with real parts in one process.
package contract_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe/sandbox"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/objects"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/web"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

const (
	stripeKey        = "sk_test_contract"
	webhookSecret    = "whsec_contract"
	transcoderSecret = "the secret of transcoders"
	workerSecret     = "the secret of workers"
	password         = "a quiet winter river"
	within           = 20 * time.Second
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// world is one installation in development mode, without limits of rate.
type world struct {
	*testing.T
	url      string
	edge     *edge.Edge
	pool     *pgxpool.Pool
	conn     *nats.Conn
	log      *slog.Logger
	client   *http.Client
	media    *s3.Bucket
	assets   *s3.Bucket
	payments *stripe.Client
	sandbox  *sandbox.Server
	workers  *workersig.Keys
	hash     string // of password
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, log: quiet(), client: &http.Client{
		Timeout: within, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(w.client.CloseIdleConnections)
	database := pgtest.Database(t)
	w.pool = must(pgxpool.New(context.Background(), database))(t)
	t.Cleanup(w.pool.Close)
	w.conn = must(bus.Connect(natstest.Embedded(t).URL(), "contract-test", w.log))(t)
	t.Cleanup(w.conn.Close)
	storage := must(s3.Open(s3.Config{
		Endpoint: s3test.Server(t).Endpoint(), Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
	}))(t)
	t.Cleanup(storage.Close)
	w.media, w.assets = storage.Bucket(s3test.MediaBucket), storage.Bucket(s3test.AssetsBucket)
	w.startSandbox()

	// The server has to be there before the edge, which is told its address.
	var handler atomic.Value
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler.Load().(http.Handler).ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.url = front.URL
	dispatcher := w.startCommands(database)
	w.edge = must(edge.New(edge.Config{
		Pool: w.pool, Dispatcher: dispatcher, PublicURL: w.url, Development: true, LimitFactor: edge.NoLimits, Workers: w.workers, Now: time.Now, Log: w.log,
	}, w.parts(dispatcher)...))(t)
	handler.Store(w.edge.Handler())
	return w
}

// in is the world for a part of its test.
func (w *world) in(t *testing.T) *world {
	inner := *w
	inner.T = t
	return &inner
}

// parts are what the edge serves.
func (w *world) parts(dispatcher *bus.Dispatcher) []any {
	passwords := must(argon2id.New(argon2id.Config{Memory: 64, Iterations: 1}))(w.T)
	w.hash = must(passwords.Hash(context.Background(), password))(w.T)
	tokens := must(token.NewKeys([]byte("the secret of stream tokens")))(w.T)
	wake := func() { _ = bus.WakeRelay(w.conn) }
	secrets := map[string][]string{}
	for _, name := range []string{"booking", "payment", "dispute", "subscription", "connect", "customer"} {
		secrets[name] = []string{webhookSecret}
	}
	return []any{
		edge.AuthRoutes{Passwords: passwords, Committed: wake},
		edge.UserRoutes{Committed: wake},
		edge.OrganizationRoutes{},
		edge.ContentRoutes{},
		edge.NewImageRoutes(edge.ImageConfig{Store: w.assets, Maker: must(ffmpeg.New(ffmpeg.Config{Logger: w.log}))(w.T)}),
		edge.Assets{Objects: w.assets},
		edge.NewMediaRoutes(edge.MediaConfig{Store: w.media}),
		edge.TranscodingRoutes{Secrets: [][]byte{[]byte(transcoderSecret)}, Orphans: &objects.Orphans{
			Pool: w.pool, Media: w.media, Assets: w.assets, Now: time.Now, Log: w.log,
		}},
		edge.CheckoutRoutes{Sessions: w.payments},
		&edge.WebhookRoutes{Intake: &edge.StripeIntake{Pool: w.pool, Dispatcher: dispatcher, Now: time.Now, Log: w.log}, Secrets: secrets},
		edge.PurchaseRoutes{},
		edge.AccessRoutes{Tokens: tokens, Objects: w.media},
		web.Home{Development: true},
		web.Mailbox{Pool: w.pool, Development: true, Log: w.log},
		web.Docs{},
	}
}

// startCommands runs what stands behind the edge: the consumers, the relay and the
// reactions.
func (w *world) startCommands(database string) *bus.Dispatcher {
	w.Helper()
	w.workers = must(workersig.NewKeys([]byte(workerSecret)))(w.T)
	dispatcher := must(bus.NewDispatcher(w.conn, uuid.NewString(), 1, w.log))(w.T)
	w.Cleanup(dispatcher.Close)
	limits := bus.DefaultStreamLimits()
	w.run(commands.NewRunner(commands.Config{Pool: w.pool, Conn: w.conn, Partitions: 1, Limits: limits, Log: w.log}, []commands.Context{
		commands.User{},
		commands.Organization{},
		commands.Content{},
		commands.Media{Development: true},
		commands.Image{},
		commands.Purchase{Rates: money.DefaultRates()},
		commands.Playback{},
	}, []commands.External{
		&commands.Checkout{Pool: w.pool, Stripe: w.payments, Rates: money.DefaultRates(), Log: w.log},
		&commands.Uploads{Store: w.media},
	}).Run)
	w.run(must(outbox.NewRelay(outbox.RelayConfig{DatabaseURL: database, Conn: w.conn, Limits: limits, Log: w.log}))(w.T).Run)
	w.run(reactions.New(reactions.Config{Pool: w.pool, Conn: w.conn, Limits: limits, Now: time.Now, Log: w.log}, reactions.Access(time.Now), reactions.Transcoding(time.Now), reactions.Erasure(time.Now),
		reactions.Counters(), reactions.Images(time.Now)).Run)
	return dispatcher
}

func (w *world) startSandbox() {
	w.Helper()
	w.sandbox = must(sandbox.Start(context.Background(), sandbox.Config{SecretKey: stripeKey}))(w.T)
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := w.sandbox.Stop(ctx); err != nil {
			w.Errorf("stop the sandbox: %v", err)
		}
	})
	w.payments = must(stripe.New(stripe.Config{SecretKey: stripeKey, BackendURL: w.sandbox.URL(), Timeout: 5 * time.Second}))(w.T)
	w.Cleanup(w.payments.Close)
}

// must ends the test when making something failed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func quiet() *slog.Logger {
	if os.Getenv("CODEX_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// run runs f until the test ends.
func (w *world) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	w.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				w.Errorf("stopped with %v", err)
			}
		case <-time.After(within):
			w.Error("did not stop in time")
		}
	})
}

// exec changes the database in one round trip.
func (w *world) exec(statements ...statement) {
	w.Helper()
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	if err := w.pool.SendBatch(context.Background(), b).Close(); err != nil {
		w.Fatalf("%s: %v", statements[0].sql, err)
	}
}

type statement struct {
	sql  string
	args []any
}

func sql(text string, args ...any) statement { return statement{text, args} }

// request is what a test sends.
type request struct {
	method, path string
	// session is the token of a session, "" for none.
	session string
	// body is sent as JSON, unless it is bytes.
	body    any
	headers map[string]string
}

// answer is what it gets.
type answer struct {
	status int
	header http.Header
	raw    []byte
}

// at returns the value at a dotted path of a JSON body, nil when there is none.
func (a answer) at(path string) any {
	var value any
	if json.Unmarshal(a.raw, &value) != nil {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// send sends a request as a browser at the service's own address does.
func (w *world) send(r request) answer {
	w.Helper()
	content, kind := []byte(nil), ""
	switch body := r.body.(type) {
	case nil:
	case []byte:
		content = body
	default:
		content, kind = must(json.Marshal(body))(w.T), "application/json"
	}
	req := must(http.NewRequestWithContext(w.Context(), r.method, w.url+r.path, bytes.NewReader(content)))(w.T)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Origin", w.url)
	if r.session != "" {
		req.AddCookie(&http.Cookie{Name: "codex-session", Value: r.session})
	}
	for k, v := range r.headers {
		req.Header.Set(k, v)
	}
	resp := must(w.client.Do(req))(w.T)
	defer resp.Body.Close()
	return answer{resp.StatusCode, resp.Header, must(io.ReadAll(resp.Body))(w.T)}
}

// signedByStripe returns the header with which Stripe sends a body.
func signedByStripe(body []byte) map[string]string {
	at := time.Now().Unix()
	return map[string]string{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%s", at, mac(webhookSecret, fmt.Sprintf("%d.%s", at, body)))}
}

// signedByTranscoder returns the headers with which a transcoder sends a body.
func signedByTranscoder(body []byte) map[string]string {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	return map[string]string{"X-Runpod-Timestamp": at, "X-Runpod-Signature": mac(transcoderSecret, at+"."+string(body))}
}

// signedByWorker returns the headers with which another program of the platform asks.
func (w *world) signedByWorker(method, target string, body []byte) map[string]string {
	r := workersig.Request{
		Method: method, Target: target, Body: body, Timestamp: strconv.FormatInt(time.Now().Unix(), 10), Nonce: strings.ReplaceAll(uuid.NewString(), "-", ""),
	}
	return map[string]string{
		workersig.TimestampHeader: r.Timestamp, workersig.NonceHeader: r.Nonce, workersig.SignatureHeader: w.workers.Sign(r),
	}
}

func mac(secret, text string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}
