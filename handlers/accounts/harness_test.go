// Package accounts_test tests accounts over HTTP, with Postgres and, where a command is
// sent, a bus with the consumers.
package accounts_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/accounts"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// password is one that the rules accept, and another a second one.
const (
	password = "a quiet winter river"
	another  = "a loud summer canyon"
)

// harness is one installation.
type harness struct {
	*handlertest.Harness
	hasher *argon2id.Hasher
	// committed counts the commits that left events or mails.
	committed *atomic.Int64
	// statements are those that the installation sends to the database.
	statements *statements
}

type options struct {
	production bool
	// bus starts a bus with the consumers.
	bus bool
	// limited enforces the limits of the routes.
	limited bool
	// proxied trusts the proxies of this machine.
	proxied bool
	// with returns the modules to install beside accounts; nil is none.
	with func(*harness) []handlers.Module
}

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	w := &harness{hasher: handlertest.Passwords(t), committed: &atomic.Int64{}, statements: &statements{}}
	w.Harness = handlertest.New(t, handlertest.Options{
		Pool: func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = w.statements },
	})
	if o.bus {
		w.StartBus(natstest.Server(t), 1)
	}
	modules := []handlers.Module{accounts.New(accounts.Config{
		Pool:        w.Pool,
		Passwords:   w.hasher,
		PublicURL:   w.URL,
		Development: !o.production,
		Committed:   func() { w.committed.Add(1) },
		Now:         w.Now,
	})}
	if o.with != nil {
		modules = append(modules, o.with(w)...)
	}
	w.Install(func(cfg *edge.Config) {
		cfg.Development = !o.production
		if o.proxied {
			cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
		}
		if o.limited {
			cfg.LimitFactor = 1
		}
	}, modules...)
	return w
}

// in is the harness for a subtest.
func (w *harness) in(t *testing.T) *harness {
	inner := *w
	inner.Harness = w.In(t)
	return &inner
}

// browser is a client that keeps its cookies and follows no redirect.
type browser struct {
	*harness
	jar http.CookieJar
	// address is the network address that a proxy tells of it, "" for none.
	address string
}

func (w *harness) browser() *browser {
	w.Helper()
	return &browser{w, handlertest.Must(cookiejar.New(nil))(w), ""}
}

// in is the browser for a subtest.
func (b *browser) in(t *testing.T) *browser { return &browser{b.harness.in(t), b.jar, b.address} }

// call sends a request; headers are names and values by turns.
func (b *browser) call(method, path string, body any, headers ...string) handlertest.Answer {
	b.Helper()
	header := handlertest.Pairs(headers...)
	if _, given := header["Origin"]; !given && (body != nil || method == http.MethodPost) {
		header["Origin"] = b.URL
	}
	if b.address != "" {
		header["X-Forwarded-For"] = b.address
	}
	return b.Send(handlertest.Request{
		Method: method,
		Path:   path,
		Body:   body,
		Header: header,
		Jar:    b.jar,
	})
}

// keyed sends a request with an Idempotency-Key.
func (b *browser) keyed(method, path, key string, body any) handlertest.Answer {
	b.Helper()
	return b.call(method, path, body, "Idempotency-Key", key)
}

func (b *browser) post(path string, body any) handlertest.Answer {
	b.Helper()
	return b.call(http.MethodPost, path, body)
}

func (b *browser) get(path string) handlertest.Answer {
	b.Helper()
	return b.call(http.MethodGet, path, nil)
}

// sessionCookie returns the session cookie that a response sets, nil when it sets none.
func sessionCookie(a handlertest.Answer) *http.Cookie {
	response := http.Response{Header: a.Header}
	for _, c := range response.Cookies() {
		if c.Name == "codex-session" {
			return c
		}
	}
	return nil
}

// reason is the code in the details of an error.
func reason(a handlertest.Answer) string { return a.Text("error.details.context.code") }

func (b *browser) signedIn() bool {
	b.Helper()
	return b.get("/api/auth/get-session").Want(http.StatusOK, "").Body != "null"
}

// signUp makes an unverified account.
func (b *browser) signUp(email string) handlertest.Answer {
	b.Helper()
	account := map[string]any{"name": "Ada", "email": email, "password": password}
	return b.post("/api/auth/sign-up/email", account).Want(http.StatusOK, "")
}

func (b *browser) signIn(email, secret string) handlertest.Answer {
	b.Helper()
	return b.post("/api/auth/sign-in/email", map[string]any{"email": email, "password": secret})
}

// member makes a verified account, signed in.
func (w *harness) member(email string) *browser {
	w.Helper()
	b := w.browser()
	b.signUp(email)
	links := w.links(email)
	b.get(links[len(links)-1]).Want(http.StatusFound, "")
	return b
}

// creator makes a verified creator, signed in.
func (w *harness) creator(email string) *browser {
	w.Helper()
	b := w.member(email)
	w.Exec(`UPDATE users SET role = 'creator' WHERE email = $1`, email)
	return b
}

func (w *harness) userID(email string) string {
	w.Helper()
	return handlertest.Value[string](w.Harness, `SELECT id FROM users WHERE email = $1`, email)
}

var linkPattern = regexp.MustCompile(`https?://\S+[?&]token=\S+`)

// links returns the verification links that were mailed to an address, oldest first.
func (w *harness) links(email string) []string {
	w.Helper()
	return w.mailedLinks("verify-email", email)
}

// mailedLinks returns the links with a token in the mails of a template to an address,
// oldest first.
func (w *harness) mailedLinks(template, email string) []string {
	w.Helper()
	bodies := handlertest.Value[[]string](w.Harness, `
SELECT COALESCE(array_agg(text_body ORDER BY created_at, id), '{}')
FROM mails WHERE template = $1 AND recipient = $2`, template, email)
	links := make([]string, len(bodies))
	for i, body := range bodies {
		links[i] = strings.TrimPrefix(linkPattern.FindString(body), w.URL)
	}
	return links
}

// rows is the number of rows in the tables of accounts: rejected requests must not change it.
func (w *harness) rows() int {
	w.Helper()
	return w.Number(`
SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM sessions)
     + (SELECT count(*) FROM verification) + (SELECT count(*) FROM mails) + (SELECT count(*) FROM outbox)`)
}

// history returns the events of an aggregate; they must not name the user.
func (w *harness) history(aggregate string) string {
	w.Helper()
	return w.History(aggregate, "@", "Ada")
}

// query returns a path with query parameters, given as names and values by turns.
func query(path string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + values.Encode()
}

// statements records what is sent to the database between begin and end.
type statements struct {
	mu    sync.Mutex
	noted []string
	on    bool
}

func (s *statements) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted, s.on = nil, true
}

func (s *statements) end() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = false
	return s.noted
}

func (s *statements) note(sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on {
		s.noted = append(s.noted, sql)
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	s.note(q.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		s.note(q.SQL)
	}
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
