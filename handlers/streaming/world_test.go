package streaming_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

const tokenSecret = "the secret of stream tokens"

// world is one installation as a viewer meets it: edge, consumer, relay, reactions
// and the object store. Its clock stands still until a test moves it.
type world struct {
	pool  *pgxpool.Pool
	bus   *bus.Dispatcher
	edge  *httptest.Server
	media *s3.Bucket
	clock atomic.Pointer[time.Time]
}

type options struct {
	// readOnly leaves out everything that a change needs.
	readOnly bool
	// objects replaces the bucket that the edge sees.
	objects     edge.StreamObjects
	development bool
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w, log := &world{}, slog.New(slog.DiscardHandler)
	start := time.Now().UTC().Truncate(time.Second)
	w.clock.Store(&start)
	database := pgtest.Database(t)
	var err error
	if w.pool, err = pgxpool.New(context.Background(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	cfg := edge.Config{Pool: w.pool, PublicURL: "http://codex.test", Now: w.now, Log: log, Development: o.development}
	if !o.readOnly {
		w.bus = w.startPipeline(t, database, log)
		cfg.Dispatcher = w.bus
	}
	keys, err := token.NewKeys([]byte(tokenSecret))
	if err != nil {
		t.Fatal(err)
	}
	if o.objects == nil {
		client, err := s3.Open(s3.Config{
			Endpoint: s3test.Server(t).Endpoint(), Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		w.media = client.Bucket(s3test.MediaBucket)
		o.objects = w.media
	}
	e, err := edge.New(cfg, edge.AccessRoutes{Objects: o.objects, Tokens: keys})
	if err != nil {
		t.Fatal(err)
	}
	w.edge = httptest.NewServer(e.Handler())
	t.Cleanup(w.edge.Close)
	return w
}

func (w *world) startPipeline(t *testing.T, database string, log *slog.Logger) *bus.Dispatcher {
	t.Helper()
	server, limits := natstest.Embedded(t), bus.DefaultStreamLimits()
	conn, err := bus.Connect(server.URL(), "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	dispatcher, err := bus.NewDispatcher(conn, uuid.NewString(), 1, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dispatcher.Close)
	run(t, commands.NewRunner(commands.Config{Pool: w.pool, Conn: conn, Limits: limits, Now: w.now, Log: log},
		[]commands.Context{commands.Playback{}}, nil).Run)
	relay, err := outbox.NewRelay(outbox.RelayConfig{DatabaseURL: database, Conn: conn, Limits: limits, Log: log, Poll: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	run(t, relay.Run)
	w.startReactions(t, conn, server.URL(), log)
	return dispatcher
}

func (w *world) startReactions(t *testing.T, conn *nats.Conn, url string, log *slog.Logger) {
	t.Helper()
	run(t, reactions.New(reactions.Config{
		Pool: w.pool, Conn: conn, Limits: bus.DefaultStreamLimits(), Now: w.now, Log: log,
	}, reactions.Access(w.now)).Run)
}

func (w *world) now() time.Time { return *w.clock.Load() }

func (w *world) pass(d time.Duration) {
	later := w.now().Add(d)
	w.clock.Store(&later)
}

// run runs f until the test ends.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("stopped with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("did not stop within 20 s")
		}
	})
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) number(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// eventually waits until a query gives the wanted number.
func (w *world) eventually(t *testing.T, want int, sql string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for w.number(t, sql, args...) != want {
		if time.Now().After(deadline) {
			t.Fatalf("%s is %d after 30 s, want %d", sql, w.number(t, sql, args...), want)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond): // between two looks at the condition
		}
	}
}

// viewer is a signed-in user.
type viewer struct {
	*world
	id, session string
}

func (w *world) signIn(t *testing.T) viewer {
	t.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(t, `INSERT INTO users (id, name, email, email_verified) VALUES ($1, 'Test', $1 || '@example.test', true)`, id)
	return viewer{w, id, w.session(t, id)}
}

// session makes a session of a user; its id is its token.
func (w *world) session(t *testing.T, userID string) string {
	t.Helper()
	session := uuid.NewString()
	hash := sha256.Sum256([]byte(session))
	w.exec(t, `INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`, session, hash[:], userID)
	return session
}

func (w *world) organization(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	w.exec(t, `INSERT INTO organizations (id, name, slug) VALUES ($1, 'Test', $2)`, id, "o-"+id)
	return id
}

func (v viewer) join(t *testing.T, organization, role string) {
	t.Helper()
	v.exec(t, `INSERT INTO organization_memberships (organization_id, user_id, role) VALUES ($1, $2, $3)
		ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role, status = 'active'`, organization, v.id, role)
}

// film is a published video for sale, with its media.
type film struct{ id, media, creator, organization string }

func (f film) folder() string { return f.creator + "/hls/" + f.media }

func (w *world) film(t *testing.T, organization string) film {
	t.Helper()
	f := film{id: uuid.NewString(), media: uuid.NewString(), creator: w.signIn(t).id, organization: organization}
	w.exec(t, `INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, hls_master_playlist_key, waveform_key, duration_seconds, ready_variants)
		VALUES ($1, $2, 'Film', 'video', 'ready', 'original', $3, $4, 100, '["720p","480p"]')`,
		f.media, f.creator, f.folder()+"/master.m3u8", f.creator+"/waveforms/"+f.media+"/waveform.json")
	w.exec(t, `INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, content_type, access_type, price_cents, status, published_at)
		VALUES ($1, $2, NULLIF($3, '')::uuid, $4, 'Film', $5, 'video', 'paid', 2999, 'published', now())`, f.id, f.creator, organization, f.media, "f-"+f.id)
	return f
}

// grantTo gives a viewer a complimentary grant.
func (f film) grantTo(t *testing.T, v viewer) {
	t.Helper()
	v.exec(t, `INSERT INTO content_access (user_id, content_id, access_type, source_id) VALUES ($1, $2, 'complimentary', 'a gift')`, v.id, f.id)
}

// purchase is a purchase whose events a test tells.
type purchase struct {
	id, customer string
	film         film
}

func (v viewer) buy(f film) purchase { return purchase{uuid.NewString(), v.id, f} }

func (p purchase) completed() events.Payload {
	return events.PurchaseCompleted{PurchaseID: p.id, CustomerID: p.customer, ContentID: p.film.id, CreatorID: p.film.creator, AmountCents: 2999, Currency: "gbp"}
}

func (p purchase) refunded(full bool) events.Payload {
	return events.PurchaseRefunded{PurchaseID: p.id, CustomerID: p.customer, ContentID: p.film.id, AmountCents: 2999, Full: full}
}

func (p purchase) disputed() events.Payload {
	return events.PurchaseDisputed{PurchaseID: p.id, CustomerID: p.customer, ContentID: p.film.id}
}

func (p purchase) closed(won bool) events.Payload {
	return events.PurchaseDisputeClosed{PurchaseID: p.id, CustomerID: p.customer, ContentID: p.film.id, Won: won}
}

func (p purchase) event(t *testing.T, payload events.Payload, version int64) events.Event {
	t.Helper()
	e, err := events.Fact{Tenant: p.film.creator, AggregateID: p.id, Version: version, Payload: payload}.
		Event(uuid.Must(uuid.NewV7()).String(), events.Cause{ID: uuid.NewString(), ActorID: "stripe", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// publish appends an event of the purchase to the outbox; the relay does the rest.
func (w *world) publish(t *testing.T, p purchase, payload events.Payload, version int64) events.Event {
	t.Helper()
	e := p.event(t, payload, version)
	err := pgx.BeginFunc(context.Background(), w.pool, func(tx pgx.Tx) error {
		return outbox.NewPublisher(tx).Publish("", outbox.Message(context.Background(), e))
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// answer is a response whose body was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// want checks the status and the error code, "" for none.
func (a answer) want(t *testing.T, status int, code string) answer {
	t.Helper()
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal([]byte(a.body), &body)
	if a.status != status || body.Error.Code != code {
		t.Fatalf("answer %d %s, want %d %s", a.status, a.body, status, code)
	}
	return a
}

// read decodes the body into T.
func read[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// single is the envelope of one resource.
type single[T any] struct {
	Data T `json:"data"`
}

func (v viewer) ask(t *testing.T, method, path, body string) answer {
	t.Helper()
	return v.fetch(t, method, v.edge.URL+path, body, "codex-session="+v.session)
}

// get fetches an address that stands on its own, as a player does.
func (w *world) get(t *testing.T, address string) answer {
	t.Helper()
	return w.fetch(t, http.MethodGet, strings.Replace(address, "http://codex.test", w.edge.URL, 1), "", "")
}

func (w *world) fetch(t *testing.T, method, address, body, cookie string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := w.edge.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}
