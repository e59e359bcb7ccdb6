package edge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	embeddednats "github.com/codex-platform/codex/deploy/embedded/nats"
	embeddedpg "github.com/codex-platform/codex/deploy/embedded/postgres"
	"github.com/codex-platform/codex/domain/content"
	contentpg "github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

// BenchmarkBusAgainstDirectHandler sends the same request, POST a new draft, to two
// handlers of one edge over HTTP: ours, through the bus, and a direct one that inserts the same
// rows (command, content, outbox) in one pipelined transaction and publishes nothing.
// Postgres is real and syncs; the relay runs and publishes what our path emits. The
// two take turns, a second each, so that a change in the machine's speed meets both.
//
//	ratio-p50   our median answer time over the direct one's  (1 client; smaller is better)
//	ratio-rate  our rate over the direct one's                (256 clients; larger is better)
func BenchmarkBusAgainstDirectHandler(b *testing.B) {
	w := newBenchHarness(b)
	for _, clients := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			for b.Loop() {
				w.compare(b, clients)
			}
		})
	}
}

const rounds = 7

func (w *benchHarness) compare(b *testing.B, clients int) {
	b.Helper()
	var p50, rate, busP50, directP50, busRate, directRate []float64
	w.load("/api/content", clients, 500*time.Millisecond) // warm-up: connections, statements, caches
	w.load("/direct/content", clients, 500*time.Millisecond)
	for range rounds {
		ours := w.load("/api/content", clients, time.Second)
		peer := w.load("/direct/content", clients, time.Second)
		p50 = append(p50, ours.p50/peer.p50)
		rate = append(rate, ours.rate/peer.rate)
		busP50, directP50 = append(busP50, ours.p50), append(directP50, peer.p50)
		busRate, directRate = append(busRate, ours.rate), append(directRate, peer.rate)
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

type measured struct{ p50, rate float64 } // ms, requests per second

// load lets clients send requests one after the other for a while.
func (w *benchHarness) load(path string, clients int, d time.Duration) measured {
	var all []time.Duration
	var mu sync.Mutex
	var wait sync.WaitGroup
	start := time.Now()
	deadline := start.Add(d)
	for range clients {
		wait.Go(func() {
			var took []time.Duration
			for time.Now().Before(deadline) {
				took = append(took, w.request(path))
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wait.Wait()
	elapsed := time.Since(start)
	slices.Sort(all)
	return measured{
		p50:  float64(all[len(all)/2].Microseconds()) / 1000,
		rate: float64(len(all)) / elapsed.Seconds(),
	}
}

type benchHarness struct {
	pool   *pgxpool.Pool
	server *httptest.Server
	cookie string
	n      atomic.Int64
}

func (w *benchHarness) request(path string) time.Duration {
	body := fmt.Sprintf(`{"title":"A piece of work","slug":"piece-%d","contentType":"written","contentBody":"Some words to read.","accessType":"paid","priceCents":2999}`, w.n.Add(1))
	r, err := http.NewRequest(http.MethodPost, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", w.cookie)
	start := time.Now()
	res, err := w.server.Client().Do(r)
	if err != nil {
		panic(err)
	}
	answer, err := io.ReadAll(res.Body)
	took := time.Since(start)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusCreated {
		panic(fmt.Sprintf("%s answered %d: %s (%v)", path, res.StatusCode, answer, err))
	}
	return took
}

// unpublished is how many events the relay has not published two seconds after the load.
func (w *benchHarness) unpublished(b *testing.B) float64 {
	b.Helper()
	deadline := time.Now().Add(2 * time.Second)
	for {
		var n float64
		if err := w.pool.QueryRow(context.Background(), `SELECT count(*) FROM outbox WHERE published_at IS NULL AND actor_id <> 'direct'`).Scan(&n); err != nil {
			b.Fatal(err)
		}
		if n == 0 || time.Now().After(deadline) {
			return n
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
}

func newBenchHarness(b *testing.B) *benchHarness {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	pg, err := embeddedpg.Start(ctx, embeddedpg.Config{Dir: b.TempDir(), Logger: log})
	check(b, err)
	server, err := embeddednats.Start(embeddednats.Config{Dir: b.TempDir(), Port: -1, Logger: log})
	check(b, err)
	_, err = migrations.Apply(ctx, pg.URL())
	check(b, err)
	poolCfg, err := pgxpool.ParseConfig(pg.URL())
	check(b, err)
	poolCfg.MaxConns = 24
	poolCfg.ConnConfig.RuntimeParams["enable_seqscan"] = "off" // as the platform's pool
	pool, err := pgxpool.NewWithConfig(ctx, poolCfg)
	check(b, err)
	poolCfg.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	// The peer's transactions get the same plans as ours.
	directPool, err := pgxpool.NewWithConfig(ctx, poolCfg)
	check(b, err)
	runnerPool, err := pgxpool.NewWithConfig(ctx, poolCfg)
	check(b, err)
	conn, err := bus.Connect(server.URL(), "bench", log, nats.InProcessServer(server))
	check(b, err)
	js, err := jetstream.New(conn)
	check(b, err)
	check(b, bus.EnsureStreams(ctx, js, bus.DefaultStreamLimits()))
	dispatcher, err := bus.NewDispatcher(conn, "bench", 1, log)
	check(b, err)
	e, err := edge.New(edge.Config{Pool: pool, Dispatcher: dispatcher, PublicURL: "http://bench", Development: true, LimitFactor: edge.NoLimits, Log: log},
		edge.ContentRoutes{}, directRoutes{directPool})
	check(b, err)
	relay, err := outbox.NewRelay(outbox.RelayConfig{DatabaseURL: pg.URL(), Conn: conn, Limits: bus.DefaultStreamLimits(), Log: log})
	check(b, err)
	runner := commands.NewRunner(commands.Config{Pool: runnerPool, Conn: conn, Limits: bus.DefaultStreamLimits(), Log: log},
		[]commands.Context{commands.Content{}.Commands()}, nil)
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	running.Go(func() { _ = relay.Run(ctx) })
	web := httptest.NewServer(e.Handler())
	web.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 256
	b.Cleanup(func() {
		web.Close()
		cancel()
		running.Wait()
		dispatcher.Close()
		conn.Close()
		pool.Close()
		runnerPool.Close()
		directPool.Close()
		_ = server.Stop(context.Background())
		_ = pg.Stop(context.Background())
	})
	w := &benchHarness{pool: pool, server: web}
	w.cookie = signIn(b, pool)
	return w
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// signIn makes a creator with a session and returns the cookie.
func signIn(tb testing.TB, pool *pgxpool.Pool) string {
	tb.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	token := "bench-token-" + id
	hash := sha256.Sum256([]byte(token))
	_, err := pool.Exec(context.Background(), `INSERT INTO users (id, name, email, email_verified, role) VALUES ($1, 'B', $1 || '@example.test', true, 'creator')`, id)
	check(tb, err)
	_, err = pool.Exec(context.Background(), `INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $1, now() + interval '1 day')`, id, hash[:])
	check(tb, err)
	return "codex-session=" + token
}

// directRoutes is the peer: it decodes, decides and inserts in the request.
type directRoutes struct{ pool *pgxpool.Pool }

func (d directRoutes) Register(e *edge.Edge, r gin.IRouter) {
	r.POST("/direct/content", edge.SignedIn(e, "creator"), d.create)
}

func (d directRoutes) create(c *gin.Context) {
	var request content.Create
	body, _ := io.ReadAll(c.Request.Body)
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&request); err != nil || len(request.Validate()) > 0 {
		c.AbortWithStatus(http.StatusBadRequest)
		return
	}
	now := time.Now().UTC()
	actor := edge.ActorOf(c)
	id := uuid.Must(uuid.NewV7()).String()
	item, happened, err := content.New(id, request, content.Facts{ActorID: actor.UserID, ActorRole: actor.Role}, now)
	if err != nil {
		c.AbortWithStatus(http.StatusUnprocessableEntity)
		return
	}
	cmd := events.Command{ID: uuid.Must(uuid.NewV7()).String(), Type: content.CommandCreate, ActorID: "direct", Payload: body}
	event, err := events.Fact{Tenant: item.Tenant(), AggregateID: id, Version: 1, Payload: happened[0]}.Event(uuid.Must(uuid.NewV7()).String(), events.CauseOf(cmd, now))
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	answer, _ := json.Marshal(Single{Data: ContentOf(item)})
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	_ = contentpg.QueueSave(batch, []content.Content{item}, nil)
	// Marked as published, so that the relay leaves it alone: the peer publishes nothing.
	batch.Queue(`INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id, data, occurred_at, published_at)
		VALUES ($1::date, $2, $3, $4, $5, 1, $6, $6, 'direct', $7::json, $1, $1)`,
		now, event.ID, event.Type, event.Tenant, id, cmd.ID, string(event.Data))
	batch.Queue(`INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at)
		VALUES ($1, 'direct', 'content.create', $2, 'applied', 201, $3::json, $4, $4)`, cmd.ID, cmd.PayloadHash(), string(answer), now)
	batch.Queue("COMMIT")
	if err := d.pool.SendBatch(c, batch).Close(); err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.Data(http.StatusCreated, "application/json", answer)
}
