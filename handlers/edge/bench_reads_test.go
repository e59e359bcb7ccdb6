package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	embeddedpg "github.com/codex-platform/codex/deploy/embedded/postgres"
	accesspg "github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/streaming"
	"github.com/codex-platform/codex/migrations"
)

// BenchmarkReadsAgainstBareRoute sends reads to the edge and to a bare gin route, which looks
// up the session and reads one row by its key: the least that a signed-in read can do. Both
// have a pool of their own on one database. They take turns, so that a change in the
// machine's speed affects both.
//
//	ratio-rate  our rate over the bare route's  (larger is better)
//	ratio-p50   our median over the bare route's  (smaller is better)
//	ratio-cpu   the bare route's CPU time per request over ours, with Postgres and the client;
//	            what ratio-rate tends to when the machine does nothing else  (larger is better)
//
// CODEX_BENCH_TURN is the length of a turn, by default a second.
func BenchmarkReadsAgainstBareRoute(b *testing.B) {
	w := newReadsHarness(b)
	for _, clients := range []int{1, 64} {
		for _, r := range w.reads() {
			b.Run(fmt.Sprintf("clients=%d/%s", clients, strings.ReplaceAll(r.name, " ", "-")), func(b *testing.B) {
				for b.Loop() {
					w.compare(b, clients, r)
				}
			})
		}
	}
}

// readRounds is how many turns each side has.
const readRounds = 5

// benchRead is one read as a client asks for it.
type benchRead struct{ name, path, cookie string }

type readsHarness struct {
	ours, bare                 string // host and port
	postmaster                 string // process id
	organization, film         string
	creatorCookie, buyerCookie string
	// segment is a path with a token, which leads to a file in the store.
	segment string
}

func (w *readsHarness) streamPath() string { return "/api/access/content/" + w.film + "/stream" }

func (w *readsHarness) reads() []benchRead {
	return []benchRead{
		{"access decision", "/api/access/content/" + w.film + "/decision", w.buyerCookie},
		{"stream address", w.streamPath(), w.buyerCookie},
		{"segment", w.segment, ""},
		{"library page", "/api/access/user/library?limit=20", w.buyerCookie},
		{"public list", "/api/content/public?limit=20&orgId=" + w.organization, ""},
		{"own item", "/api/content/" + w.film, w.creatorCookie},
		{"public item", "/api/content/public/" + w.film, ""},
	}
}

func (w *readsHarness) compare(b *testing.B, clients int, r benchRead) {
	b.Helper()
	turn := time.Second
	if v, err := time.ParseDuration(os.Getenv("CODEX_BENCH_TURN")); err == nil {
		turn = v
	}
	peer := benchRead{"bare", "/content/" + w.film, w.buyerCookie}
	loadReads(w.ours, r, clients, turn/2) // warm-up: connections, statements, plans
	loadReads(w.bare, peer, clients, turn/2)
	var p50, rate, cpu, ourP50, ourRate, ourCPU, bareRate []float64
	for range readRounds {
		us, usCPU := w.measure(w.ours, r, clients, turn)
		them, themCPU := w.measure(w.bare, peer, clients, turn)
		p50, rate, cpu = append(p50, us.p50/them.p50), append(rate, us.rate/them.rate), append(cpu, themCPU/usCPU)
		ourP50, ourRate, ourCPU = append(ourP50, us.p50), append(ourRate, us.rate), append(ourCPU, usCPU)
		bareRate = append(bareRate, them.rate)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ourP50), "p50-ms")
	b.ReportMetric(median(p50), "ratio-p50")
	b.ReportMetric(median(ourRate), "req/s")
	b.ReportMetric(median(bareRate), "bare-req/s")
	b.ReportMetric(median(rate), "ratio-rate")
	b.ReportMetric(median(ourCPU)*1e6, "cpu-µs/req")
	b.ReportMetric(median(cpu), "ratio-cpu")
}

// measure is loadReads with the CPU seconds per request.
func (w *readsHarness) measure(
	address string, r benchRead, clients int, d time.Duration,
) (m measured, cpuPerRequest float64) {
	before, start := w.cpuSeconds(), time.Now()
	m = loadReads(address, r, clients, d)
	return m, (w.cpuSeconds() - before) / (m.rate * time.Since(start).Seconds())
}

// cpuSeconds is the CPU time of this process and of Postgres, as Linux counts it.
func (w *readsHarness) cpuSeconds() (seconds float64) {
	children, _ := os.ReadFile(filepath.Join("/proc", w.postmaster, "task", w.postmaster, "children"))
	for _, pid := range append(strings.Fields(string(children)), "self") {
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil {
			continue // it has ended
		}
		// Behind the name: the user and the system time are the 12th and 13th, in 1/100 s.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, _ := strconv.ParseFloat(field, 64)
			seconds += ticks / 100
		}
	}
	return seconds
}

// loadReads lets clients send one request after the other for a while.
func loadReads(address string, r benchRead, clients int, d time.Duration) measured {
	var all []time.Duration
	var mu sync.Mutex
	var wait sync.WaitGroup
	start := time.Now()
	for range clients {
		wait.Go(func() {
			took := readInTurn(address, r, start.Add(d))
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wait.Wait()
	return summary(all, time.Since(start))
}

// readInTurn is one client on one connection. It writes and reads HTTP itself: the client of
// net/http costs as much as a read, of both sides alike, which would hide the difference.
func readInTurn(address string, r benchRead, deadline time.Time) (took []time.Duration) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	head := "GET " + r.path + " HTTP/1.1\r\nHost: bench\r\n"
	if r.cookie != "" {
		head += "Cookie: " + r.cookie + "\r\n"
	}
	request, response := []byte(head+"\r\n"), bufio.NewReaderSize(conn, 64<<10)
	for time.Now().Before(deadline) {
		start := time.Now()
		if _, err := conn.Write(request); err != nil {
			panic(err)
		}
		if status, err := skipResponse(response); err != nil || status != http.StatusOK && status != http.StatusFound {
			panic(fmt.Sprintf("%s: %d (%v)", r.path, status, err))
		}
		took = append(took, time.Since(start))
	}
	return took
}

// skipResponse reads a response and returns its status.
func skipResponse(r *bufio.Reader) (status int, err error) {
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		line = strings.TrimSpace(line)
		switch name, value, _ := strings.Cut(line, ": "); {
		case first:
			if status, err = strconv.Atoi(strings.Fields(line)[1]); err != nil {
				return 0, err
			}
		case name == "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return 0, err
			}
		case name == "Transfer-Encoding":
			chunked = true
		case line == "":
			if !chunked {
				_, err = r.Discard(length)
				return status, err
			}
			return status, skipChunks(r)
		}
	}
}

func skipChunks(r *bufio.Reader) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			return err
		}
		if _, err = r.Discard(int(size) + len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}

func newReadsHarness(b *testing.B) *readsHarness {
	b.Helper()
	ctx := context.Background()
	dir := b.TempDir()
	pg, err := embeddedpg.Start(ctx, embeddedpg.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	check(b, err)
	_, err = migrations.Apply(ctx, pg.URL())
	check(b, err)
	pool, barePool := benchPool(b, pg.URL()), benchPool(b, pg.URL())
	w := &readsHarness{}
	w.seed(b, pool)
	pid, err := filepath.Glob(filepath.Join(dir, "*", "postmaster.pid"))
	check(b, err)
	lock, err := os.ReadFile(pid[0])
	check(b, err)
	w.postmaster, _, _ = strings.Cut(string(lock), "\n")

	keys, err := token.NewKeys([]byte("the secret of the benchmark's tokens"))
	check(b, err)
	store, err := s3.Open(s3.Config{Endpoint: "http://store.invalid", AccessKey: "bench", SecretKey: "only signs"})
	check(b, err)
	e, err := edge.New(edge.Config{
		Pool:        pool,
		PublicURL:   "http://bench",
		LimitFactor: 100_000,                       // counts every request, and rejects none
		Log:         slog.New(slog.DiscardHandler), // requests are not logged by default
	}, append(
		publishing.New(publishing.Config{Pool: pool}).Routes,
		streaming.New(streaming.Config{
			Pool:      pool,
			Objects:   store.Bucket("media"),
			Tokens:    keys,
			PublicURL: "http://bench",
			Now:       time.Now,
		}).Routes...,
	))
	check(b, err)
	ours, bare := httptest.NewServer(e.Handler()), httptest.NewServer(bareRouter(barePool))
	w.ours, w.bare = ours.Listener.Addr().String(), bare.Listener.Addr().String()
	w.segment = w.openStream(b)
	b.Cleanup(func() {
		ours.Close()
		bare.Close()
		pool.Close()
		barePool.Close()
		_ = pg.Stop(ctx)
	})
	return w
}

// openStream returns the path of a segment, with a token.
func (w *readsHarness) openStream(b *testing.B) string {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+w.ours+w.streamPath(), nil)
	check(b, err)
	request.Header.Set("Cookie", w.buyerCookie)
	response, err := http.DefaultClient.Do(request)
	check(b, err)
	defer func() { _ = response.Body.Close() }()
	var opened struct {
		Data streaming.Stream `json:"data"`
	}
	check(b, json.NewDecoder(response.Body).Decode(&opened))
	master := strings.TrimPrefix(*opened.Data.StreamingURL, "http://bench")
	return strings.Replace(master, "master.m3u8", "720p/stream.mp4", 1)
}

// seed makes an organization with 200 films, one viewer who has bought all of them, and a
// thousand other users.
func (w *readsHarness) seed(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	ctx := b.Context()
	w.organization = uuid.NewString()
	w.creatorCookie, w.buyerCookie = benchUser(b, pool), benchUser(b, pool)
	user := func(cookie string) string { _, id, _ := strings.Cut(cookie, "="); return id }
	for _, sql := range []string{
		`INSERT INTO organizations (id, name, slug) VALUES ('$org', 'Bench', 'bench')`,
		`INSERT INTO organization_memberships (organization_id, user_id, role, status, joined_at)
		VALUES ('$org', '$creator', 'owner', 'active', now())`,
		`INSERT INTO users (id, name, email, email_verified)
		SELECT 'other' || i, 'Other', 'other' || i || '@example.test', true FROM generate_series(1, 1000) i`,
		`INSERT INTO sessions (id, token_hash, user_id, expires_at)
		SELECT id, sha256(id::bytea), id, now() + interval '1 day' FROM users WHERE id LIKE 'other%'`,
		`INSERT INTO organization_memberships (organization_id, user_id, role, status, joined_at)
		SELECT '$org', id, 'member', 'active', now() FROM users WHERE id LIKE 'other%'`,
		`WITH m AS (
			INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, hls_master_playlist_key,
				duration_seconds, ready_variants, uploaded_at)
			SELECT gen_random_uuid(), '$creator', 'm', 'video', 'ready', 'originals/' || i, 'hls/' || i || '/master.m3u8',
				60, '["720p","480p"]', now()
			FROM generate_series(1, 200) i RETURNING id
		), c AS (
			INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, description, content_type,
				access_type, price_cents, status, published_at, version)
			SELECT gen_random_uuid(), '$creator', '$org', m.id, 'A film', 'f-' || m.id, 'About it.', 'video',
				'paid', 2999, 'published', now() - random() * interval '90 days', 2
			FROM m RETURNING *
		), s AS (
			INSERT INTO content_stats (content_id, creator_id, organization_id, content_type, access_type, status, published_at)
			SELECT id, creator_id, organization_id, content_type, access_type, status, published_at FROM c
		)
		INSERT INTO content_access (user_id, content_id, organization_id, access_type, source_id, version)
		SELECT '$buyer', c.id, '$org', 'purchased', gen_random_uuid()::text, 1 FROM c`,
	} {
		_, err := pool.Exec(ctx, strings.NewReplacer(
			"$org", w.organization, "$creator", user(w.creatorCookie), "$buyer", user(w.buyerCookie)).Replace(sql))
		check(b, err)
	}
	rows, err := pool.Query(ctx, `SELECT user_id, content_id FROM content_access`)
	check(b, err)
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[accesspg.Question])
	check(b, err)
	batch := &pgx.Batch{}
	accesspg.QueueRefreshLibrary(batch, pairs)
	check(b, pool.SendBatch(ctx, batch).Close())
	_, err = pool.Exec(ctx, `VACUUM ANALYZE`)
	check(b, err)
	w.film = pairs[0].ContentID
}

// bareRouter is the peer: a session look-up and one row, without any middleware.
func bareRouter(pool *pgxpool.Pool) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.ContextWithFallback = true
	signedIn := func(c *gin.Context) {
		value, err := c.Cookie("codex-session")
		token, ok := identity.CookieToken(value)
		if err != nil || !ok {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		hash := token.Hash()
		var session, user, role string
		err = pool.QueryRow(c, `SELECT s.id, u.id, u.role FROM sessions s JOIN users u ON u.id = s.user_id
			WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.deleted_at IS NULL`, hash[:], time.Now()).
			Scan(&session, &user, &role)
		if err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
		}
	}
	router.GET("/content/:id", signedIn, func(c *gin.Context) {
		var row struct {
			ID    string    `json:"id"`
			Title string    `json:"title"`
			Slug  string    `json:"slug"`
			Body  *string   `json:"contentBody"`
			Type  string    `json:"contentType"`
			Price *int64    `json:"priceCents"`
			At    time.Time `json:"createdAt"`
		}
		err := pool.QueryRow(c, `SELECT id, title, slug, content_body, content_type, price_cents, created_at
			FROM content WHERE id = $1`, c.Param("id")).
			Scan(&row.ID, &row.Title, &row.Slug, &row.Body, &row.Type, &row.Price, &row.At)
		if err != nil {
			c.AbortWithStatus(http.StatusNotFound)
			return
		}
		c.JSON(http.StatusOK, row)
	})
	return router
}
