package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	embeddednats "github.com/codex-platform/codex/deploy/embedded/nats"
	embeddedpg "github.com/codex-platform/codex/deploy/embedded/postgres"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

// BenchmarkBusAgainstDirectHandler sends the same request, POST a new draft, to two
// handlers of one edge over HTTP: ours, through the bus, and a direct one that inserts the
// same rows (command, content and its counts, outbox) with plain INSERTs in one pipelined
// transaction and publishes nothing. Postgres is real and syncs; the relay publishes the
// events of our path. Every client is a user of its own. The two take turns, a second
// each, so that a change in the machine's speed affects both.
//
//	ratio-p50   our median response time over the direct one's  (smaller is better)
//	ratio-rate  our rate over the direct one's                  (larger is better)
func BenchmarkBusAgainstDirectHandler(b *testing.B) {
	w := newBenchHarness(b)
	for _, clients := range []int{1, 16, benchUsers} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			for b.Loop() {
				w.compare(b, clients)
			}
		})
	}
}

const (
	benchUsers  = 256
	benchRounds = 7
)

func (w *benchHarness) compare(b *testing.B, clients int) {
	b.Helper()
	var p50, rate, busP50, directP50, busRate, directRate []float64
	w.load("/api/content", clients, 500*time.Millisecond) // warm-up: connections, statements, caches
	w.load("/direct/content", clients, 500*time.Millisecond)
	for range benchRounds {
		ours := w.load("/api/content", clients, time.Second)
		peer := w.load("/direct/content", clients, time.Second)
		p50 = append(p50, ours.p50/peer.p50)
		rate = append(rate, ours.rate/peer.rate)
		busP50 = append(busP50, ours.p50)
		directP50 = append(directP50, peer.p50)
		busRate = append(busRate, ours.rate)
		directRate = append(directRate, peer.rate)
	}

	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(busP50), "bus-p50-ms")
	b.ReportMetric(median(directP50), "direct-p50-ms")
	b.ReportMetric(median(p50), "ratio-p50")
	b.ReportMetric(median(busRate), "bus-req/s")
	b.ReportMetric(median(directRate), "direct-req/s")
	b.ReportMetric(median(rate), "ratio-rate")
	b.ReportMetric(w.unpublished(b), "unpublished-after-2s")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// measured are milliseconds and requests per second.
type measured struct{ p50, rate float64 }

// load lets clients, each a user, send requests one after the other for a while.
func (w *benchHarness) load(path string, clients int, d time.Duration) measured {
	var all []time.Duration
	var mu sync.Mutex
	var wait sync.WaitGroup
	start := time.Now()
	deadline := start.Add(d)
	for client := range clients {
		wait.Go(func() {
			var took []time.Duration
			for time.Now().Before(deadline) {
				took = append(took, w.request(path, w.cookies[client]))
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wait.Wait()
	return summary(all, time.Since(start))
}

func summary(took []time.Duration, elapsed time.Duration) measured {
	slices.Sort(took)
	return measured{
		p50:  float64(took[len(took)/2].Microseconds()) / 1000,
		rate: float64(len(took)) / elapsed.Seconds(),
	}
}

type benchHarness struct {
	pool    *pgxpool.Pool
	server  *httptest.Server
	cookies [benchUsers]string
	slugs   atomic.Int64
}

func (w *benchHarness) request(path, cookie string) time.Duration {
	body := fmt.Sprintf(`{"title":"A piece of work","slug":"piece-%d","contentType":"written",`+
		`"contentBody":"Some words to read.","accessType":"paid","priceCents":2999}`, w.slugs.Add(1))
	r, err := http.NewRequest(http.MethodPost, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", cookie)
	start := time.Now()
	res, err := w.server.Client().Do(r)
	if err != nil {
		panic(err)
	}
	response, err := io.ReadAll(res.Body)
	took := time.Since(start)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusCreated {
		panic(fmt.Sprintf("%s: %d %s (%v)", path, res.StatusCode, response, err))
	}
	return took
}

// unpublished is how many events the relay has not published two seconds after the load.
func (w *benchHarness) unpublished(b *testing.B) float64 {
	b.Helper()
	for deadline := time.Now().Add(2 * time.Second); ; {
		var n float64
		err := w.pool.QueryRow(b.Context(),
			`SELECT count(*) FROM outbox WHERE published_at IS NULL AND actor_id <> 'direct'`).Scan(&n)
		check(b, err)
		if n == 0 || time.Now().After(deadline) {
			return n
		}
		time.Sleep(20 * time.Millisecond) // between two inspections of the condition
	}
}

func newBenchHarness(b *testing.B) *benchHarness {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	pg, err := embeddedpg.Start(ctx, embeddedpg.Config{Dir: b.TempDir(), Logger: log})
	check(b, err)
	server, err := embeddednats.Start(embeddednats.Config{
		Dir:    b.TempDir(),
		Port:   -1,
		Token:  "the token of a benchmark",
		Logger: log,
	})
	check(b, err)
	_, err = migrations.Apply(ctx, pg.URL())
	check(b, err)

	// The pools are as the platform's.
	pool, directPool, runnerPool := benchPool(b, pg.URL()), benchPool(b, pg.URL()), benchPool(b, pg.URL())
	conn, err := bus.Connect(server.URL(), "bench", log, nats.InProcessServer(server))
	check(b, err)
	js, err := jetstream.New(conn)
	check(b, err)
	check(b, bus.EnsureStreams(ctx, js, bus.DefaultStreamLimits()))
	keys, err := bus.NewKeys("the secret that signs commands of a benchmark")
	check(b, err)
	dispatcher, err := bus.NewDispatcher(conn, keys, "bench", 1, log)
	check(b, err)

	module := publishing.New(publishing.Config{Pool: pool})
	e, err := edge.New(edge.Config{
		Pool:        pool,
		Dispatcher:  dispatcher,
		PublicURL:   "http://bench",
		Development: true,
		LimitFactor: edge.NoLimits,
		Log:         log,
	}, append(module.Routes, directRoute(directPool)))
	check(b, err)
	relay, err := outbox.NewRelay(outbox.RelayConfig{
		DatabaseURL: pg.URL(),
		Conn:        conn,
		Keys:        handlertest.EventKeys(),
		Limits:      bus.DefaultStreamLimits(),
		Log:         log,
	})
	check(b, err)
	runner := commands.NewRunner(commands.Config{
		Pool:   runnerPool,
		Conn:   conn,
		Keys:   keys,
		Limits: bus.DefaultStreamLimits(),
		Log:    log,
	}, module.Commands, nil)

	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	running.Go(func() { _ = relay.Run(ctx) })
	web := httptest.NewServer(e.Handler())
	web.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = benchUsers
	b.Cleanup(func() {
		web.Close()
		cancel()
		running.Wait()
		dispatcher.Close()
		conn.Close()
		for _, p := range []*pgxpool.Pool{pool, runnerPool, directPool} {
			p.Close()
		}
		_ = server.Stop(context.Background())
		_ = pg.Stop(context.Background())
	})

	w := &benchHarness{pool: pool, server: web}
	for i := range w.cookies {
		w.cookies[i] = benchUser(b, pool)
	}
	return w
}

func benchPool(b *testing.B, url string) *pgxpool.Pool {
	b.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	check(b, err)
	cfg.MaxConns = 24
	maps.Copy(cfg.ConnConfig.RuntimeParams, postgres.Planner())
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	check(b, err)
	return pool
}

// benchUser inserts a creator with a session and returns its cookie.
func benchUser(b *testing.B, pool *pgxpool.Pool) string {
	b.Helper()
	id := handlertest.FlatID()
	_, err := pool.Exec(b.Context(), `INSERT INTO users (id, name, email, email_verified, role)
		VALUES ($1, 'B', $1 || '@example.test', true, 'creator')`, id)
	check(b, err)
	_, err = pool.Exec(b.Context(), `INSERT INTO sessions (id, token_hash, user_id, expires_at)
		VALUES ($1, sha256($1::text::bytea), $1, now() + interval '1 day')`, id)
	check(b, err)
	return handlertest.Cookie(id)
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// directRoute is the peer: it decodes, decides and inserts in the request.
func directRoute(pool *pgxpool.Pool) edge.Route {
	return edge.Route{
		Method:    http.MethodPost,
		Path:      "/direct/content",
		Name:      "createContentDirectly",
		Auth:      edge.Session(edge.Creators...),
		Body:      content.Create{},
		Responses: []edge.Response{edge.Data[map[string]any](http.StatusCreated)},
		Handle:    func(r *edge.Request) error { return createDirectly(r, pool) },
	}
}

func createDirectly(r *edge.Request, pool *pgxpool.Pool) error {
	var request content.Create
	if err := r.Decode(&request); err != nil {
		return err
	}
	now, actor := r.Now(), r.Actor()
	facts := content.Facts{ActorID: actor.UserID, ActorRole: actor.Role}
	item, payloads, err := content.New(edge.NewID(), request, facts, now)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(request)
	if err != nil {
		return err
	}
	cmd := events.Command{
		ID:      edge.NewID(),
		Type:    content.CommandCreate,
		ActorID: "direct",
		Payload: payload,
	}
	fact := events.Fact{
		Tenant:      item.Tenant(),
		AggregateID: item.ID,
		Version:     1,
		Payload:     payloads[0],
	}
	event, err := fact.Event(edge.NewID(), events.CauseOf(cmd, now))
	if err != nil {
		return err
	}
	response, err := json.Marshal(edge.Single{Data: item})
	if err != nil {
		return err
	}

	if err := insertDirectly(r, pool, item, cmd, event, response); err != nil {
		return err
	}
	r.Data(http.StatusCreated, "application/json", response)
	return nil
}

// insertDirectly writes the rows that the runner writes for the command. The event is
// marked as published, so that the relay ignores it.
func insertDirectly(
	ctx context.Context, pool *pgxpool.Pool, item content.Content, cmd events.Command, event events.Event, response []byte,
) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(`
INSERT INTO content (id, creator_id, title, slug, description, content_type, content_body, tags, access_type,
	price_cents, featured, status, created_at, updated_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, '[]', $8, $9, $10, $11, $12, $12, 1)`,
		item.ID, item.CreatorID, item.Title, item.Slug, item.Description, item.Type, item.Body, item.Access, item.PriceCents,
		item.Featured, item.Status, item.CreatedAt)
	batch.Queue(`INSERT INTO content_stats (content_id, creator_id, content_type, access_type, status)
VALUES ($1, $2, $3, $4, $5)`, item.ID, item.CreatorID, item.Type, item.Access, item.Status)
	batch.Queue(`
INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id, data,
	occurred_at, published_at)
VALUES ($1::date, $2, $3, $4, $5, 1, $6, $6, 'direct', $7::json, $1, $1)`,
		event.Time, event.ID, event.Type, event.Tenant, item.ID, cmd.ID, string(event.Data))
	batch.Queue(`
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at)
VALUES ($1, 'direct', $2, $3, 'applied', 201, $4::json, $5, $5)`,
		cmd.ID, cmd.Type, cmd.PayloadHash(), string(response), event.Time)
	batch.Queue("COMMIT")
	return pool.SendBatch(ctx, batch).Close()
}
