// Package guard_test tests what stands in front of every route: limits, origins,
// headers, proxies, the bounds of requests, and what a request that is sent again
// leads to. All of it over HTTP, with real parts.
package guard_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// publicURL is where clients find the installation.
const publicURL = "https://codex.example"

// world is one installation with one or more edges.
type world struct {
	*testing.T
	pool  *pgxpool.Pool
	edges []*httptest.Server
}

// options change the configuration of an installation in production.
type options struct {
	edges int
	// bus starts a bus and the consumers of commands.
	bus    bool
	change func(*edge.Config)
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{T: t}
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.pool, err = pgxpool.New(context.Background(), pgtest.Database(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	passwords, err := argon2id.New(argon2id.Config{Memory: 64, Iterations: 1})
	if err != nil {
		t.Fatal(err)
	}
	var address string
	if o.bus {
		address = natstest.Server(t).URL()
		w.consume(address, log)
	}
	for range max(1, o.edges) {
		cfg := edge.Config{Pool: w.pool, PublicURL: publicURL, Log: log}
		if o.bus {
			cfg.Dispatcher = w.dispatcher(address, log)
		}
		if o.change != nil {
			o.change(&cfg)
		}
		e, err := edge.New(cfg, edge.AuthRoutes{Passwords: passwords}, edge.ContentRoutes{}, edge.OrganizationRoutes{}, pages{})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(e.Handler())
		server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
		t.Cleanup(server.Close)
		w.edges = append(w.edges, server)
	}
	return w
}

func (w *world) dispatcher(address string, log *slog.Logger) *bus.Dispatcher {
	w.Helper()
	conn, err := bus.Connect(address, "guard-test", log)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(conn.Close)
	d, err := bus.NewDispatcher(conn, uuid.NewString(), 2, log)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(d.Close)
	return d
}

// consume applies commands until the test ends.
func (w *world) consume(address string, log *slog.Logger) {
	w.Helper()
	conn, err := bus.Connect(address, "guard-test-consumer", log)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(conn.Close)
	runner := commands.NewRunner(commands.Config{
		Pool: w.pool, Conn: conn, Partitions: 2, Limits: bus.DefaultStreamLimits(), Log: log,
	}, []commands.Context{commands.Content{}, commands.Organization{}}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- runner.Run(ctx) }()
	w.Cleanup(func() {
		cancel()
		select {
		case err := <-stopped:
			if err != nil && !errors.Is(err, context.Canceled) {
				w.Errorf("the runner stopped with %v", err)
			}
		case <-time.After(20 * time.Second):
			w.Error("the runner does not stop")
		}
	})
}

// user makes a user with a session and returns the cookie.
func (w *world) user(role string) string {
	w.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	token := "token-" + id
	hash := sha256.Sum256([]byte(token))
	w.exec(`INSERT INTO users (id, name, email, email_verified, role) VALUES ($1, 'U', $1 || '@example.test', true, $2)`, id, role)
	w.exec(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $1, now() + interval '1 day')`, id, hash[:])
	return "codex-session=" + token
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// code is the code of the error envelope.
func (a answer) code() string {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(a.body, &body) != nil || body.Error.Message == "" {
		return ""
	}
	return body.Error.Code
}

// send sends a request to the first edge, without following redirects.
func (w *world) send(method, path string, body any, headers ...string) answer {
	w.Helper()
	return w.sendTo(0, method, path, body, headers...)
}

func (w *world) sendTo(n int, method, path string, body any, headers ...string) answer {
	w.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	server := w.edges[n]
	r, err := http.NewRequestWithContext(w.Context(), method, server.URL+path, reader)
	if err != nil {
		w.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	if r.Header.Get("Host") != "" {
		r.Host = r.Header.Get("Host")
	}
	response, err := server.Client().Transport.RoundTrip(r)
	if err != nil {
		w.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, raw}
}

// pages are a page, one that does not end, and handlers that fail.
type pages struct{}

func (pages) Register(_ *edge.Edge, r gin.IRouter) {
	r.GET("/page", func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<p>A page.")) })
	r.GET("/panic", func(*gin.Context) { panic("a secret of ours") })
	r.GET("/endless", func(c *gin.Context) {
		for piece := make([]byte, 64<<10); ; {
			if _, err := c.Writer.Write(piece); err != nil {
				return
			}
		}
	})
	r.GET("/half", func(c *gin.Context) {
		_, _ = c.Writer.WriteString("the first half")
		c.Writer.Flush()
		panic("in the middle")
	})
}
