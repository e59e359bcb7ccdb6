package edge_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/accounts"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/organizations"
	"github.com/codex-platform/codex/handlers/publishing"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// publicURL is where clients find the installation.
const publicURL = "https://codex.example"

// harness is one installation with one or more edges.
type harness struct {
	*handlertest.Harness
	// handler is the first edge, edges are the addresses of all.
	handler http.Handler
	edges   []string
	modules []handlers.Module
}

// options change the configuration of an installation in production.
type options struct {
	edges int
	// bus starts a bus and the consumers of commands.
	bus    bool
	change func(*edge.Config)
}

// patient lets a request wait for its outcome however slow the machine is.
func patient(cfg *edge.Config) { cfg.Wait = time.Minute }

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	w.modules = []handlers.Module{
		accounts.New(accounts.Config{
			Pool:      w.Pool,
			Passwords: handlertest.Passwords(t),
			PublicURL: publicURL,
			Now:       w.Now,
		}),
		organizations.New(organizations.Config{Pool: w.Pool, PublicURL: publicURL}),
		publishing.New(publishing.Config{Pool: w.Pool}),
		{Name: "test", Routes: testRoutes()},
	}
	if o.bus {
		w.StartBus(natstest.Server(t), 2)
		w.StartModules(w.modules...)
	}
	w.handler, w.edges = w.newEdge(o), []string{w.URL}
	w.Serve(w.handler)
	for len(w.edges) < o.edges {
		server := httptest.NewServer(w.newEdge(o))
		t.Cleanup(server.Close)
		w.edges = append(w.edges, server.URL)
	}
	return w
}

func (w *harness) newEdge(o options) http.Handler {
	w.Helper()
	return w.Edge(func(cfg *edge.Config) {
		cfg.PublicURL, cfg.LimitFactor = publicURL, 0
		if o.bus {
			cfg.Dispatcher = w.NewDispatcher()
		}
		if o.change != nil {
			o.change(cfg)
		}
	}, w.modules...).Handler()
}

// user makes a user with a session and returns the cookie.
func (w *harness) user(role string) string { w.Helper(); return handlertest.Cookie(w.User(role)) }

type answer = handlertest.Answer

// send sends a request to the first edge.
func (w *harness) send(method, path string, body any, headers ...string) answer {
	w.Helper()
	return w.sendTo(0, method, path, body, headers...)
}

func (w *harness) sendTo(n int, method, path string, body any, headers ...string) answer {
	w.Helper()
	return w.Send(
		handlertest.Request{
			Method: method,
			Path:   w.edges[n] + path,
			Body:   body,
			Header: handlertest.Pairs(headers...),
		})
}

// testRoutes are a page, one that does not end, handlers that fail, and routes that
// respond with who asked.
func testRoutes() []edge.Route {
	page := func(path string, handle func(*edge.Request) error) edge.Route {
		return edge.Route{
			Method: http.MethodGet,
			Path:   path,
			Name:   path,
			Page:   true,
			Handle: handle,
		}
	}
	return []edge.Route{
		page("/page", func(r *edge.Request) error {
			r.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<p>A page."))
			return nil
		}),
		page("/panic", func(*edge.Request) error { panic("a secret of ours") }),
		page("/endless", func(r *edge.Request) error {
			for piece := make([]byte, 64<<10); ; {
				if _, err := r.Writer.Write(piece); err != nil {
					return nil //nolint:nilerr // the client is gone, which ends it
				}
			}
		}),
		page("/half", func(r *edge.Request) error {
			_, _ = r.Writer.WriteString("the first half")
			r.Writer.Flush()
			panic("in the middle")
		}),
		{
			Method: http.MethodGet,
			Path:   "/test/session",
			Name:   "testSession",
			Auth:   edge.Session(),
			Handle: func(r *edge.Request) error { return r.WriteBare(r.Actor().SessionID) },
		},
		{
			Method: http.MethodPost,
			Path:   "/test/signed",
			Name:   "testSigned",
			Auth:   edge.WorkerSignature,
			Handle: func(r *edge.Request) error {
				body, err := r.ReadBody(1 << 10)
				if err != nil {
					return err
				}
				return r.WriteBare(string(body))
			},
		},
	}
}
