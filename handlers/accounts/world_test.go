// Package accounts_test tests identity as a whole, over HTTP and with real parts: an
// edge with its mailbox, Postgres and, where a command is sent, a bus with the
// consumers.
package accounts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/identity/smtp"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe/sandbox"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/web"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// password is one that the rules like.
const password = "a quiet winter river"

// world is one installation.
type world struct {
	pool *pgxpool.Pool
	url  string
	// database and conn are there for what follows from events.
	database string
	conn     *nats.Conn
	// sandbox and payments are the payment provider, there with the bus.
	sandbox  *sandbox.Server
	payments *stripe.Client
	hasher   *argon2id.Hasher
	mailer   *smtp.Mailer
	woken    atomic.Int64
	// statements are those that the installation sends to the database.
	statements statements
	// shift is what the installation's clock is ahead of the real one.
	shift atomic.Int64
}

// statements notes what is sent to the database between begin and end.
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

type options struct {
	production bool
	// bus starts a bus and the consumers.
	bus bool
	// limited enforces the limits of the routes.
	limited bool
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{}
	log := slog.New(slog.DiscardHandler)
	w.database = pgtest.Database(t)
	database, err := pgxpool.ParseConfig(w.database)
	if err != nil {
		t.Fatal(err)
	}
	database.ConnConfig.Tracer = &w.statements
	if w.pool, err = pgxpool.NewWithConfig(context.Background(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	if w.hasher, err = argon2id.New(argon2id.Config{Memory: 64, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	w.mailer = &smtp.Mailer{Pool: w.pool, Now: w.now, Log: log}

	// The server has to be there before the edge, which is told its address.
	var handler atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler.Load().(http.Handler).ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	cfg := edge.Config{Pool: w.pool, PublicURL: w.url, Development: !o.production, LimitFactor: edge.NoLimits, Workers: w.workers(t), Now: w.now, Log: log}
	if o.limited {
		cfg.LimitFactor = 1
	}
	if o.bus {
		cfg.Dispatcher = w.startBus(t, log)
	}
	e, err := edge.New(cfg,
		edge.AuthRoutes{Passwords: w.hasher, Committed: func() { w.woken.Add(1) }},
		edge.OrganizationRoutes{}, edge.AccessRoutes{Tokens: w.streamTokens(t)}, edge.UserRoutes{Committed: func() { w.woken.Add(1) }},
		web.Home{}, web.Invitations{}, web.ResetPassword{},
		web.Mailbox{Pool: w.pool, Development: !o.production, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	handler.Store(e.Handler())
	return w
}

func (w *world) startBus(t *testing.T, log *slog.Logger) *bus.Dispatcher {
	t.Helper()
	conn, err := bus.Connect(natstest.Server(t).URL(), "accounts-test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	w.conn = conn
	limits := bus.DefaultStreamLimits()
	relay, err := outbox.NewRelay(outbox.RelayConfig{DatabaseURL: w.database, Conn: conn, Limits: limits, Log: log, Poll: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	run(t, relay.Run)
	run(t, reactions.New(reactions.Config{Pool: w.pool, Conn: conn, Limits: limits, Now: w.now, Log: log}, reactions.Erasure(w.now)).Run)
	w.startSandbox(t)
	run(t, (&reactions.CustomerErasure{Pool: w.pool, Stripe: w.payments, Every: 20 * time.Millisecond, Now: w.now, Log: log}).Run)
	run(t, commands.NewRunner(commands.Config{
		Pool: w.pool, Conn: conn, Limits: limits, Now: w.now, Log: log,
	}, []commands.Context{commands.Organization{PublicURL: w.url}, commands.User{}}, nil).Run)
	dispatcher, err := bus.NewDispatcher(conn, uuid.NewString(), 1, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dispatcher.Close)
	return dispatcher
}

func (w *world) startSandbox(t *testing.T) {
	t.Helper()
	const key = "sk_test_accounts"
	var err error
	if w.sandbox, err = sandbox.Start(context.Background(), sandbox.Config{SecretKey: key}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := w.sandbox.Stop(ctx); err != nil {
			t.Errorf("stop the sandbox: %v", err)
		}
	})
	if w.payments, err = stripe.New(stripe.Config{SecretKey: key, BackendURL: w.sandbox.URL(), Timeout: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.payments.Close)
}

// run runs f until the test ends.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-stopped:
		case <-time.After(20 * time.Second):
			t.Error("a part of the installation does not stop")
		}
	})
}

// eventually waits until a count is what is wanted.
func (w *world) eventually(t *testing.T, want int, sql string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for got := w.count(t, sql, args...); got != want; got = w.count(t, sql, args...) {
		if time.Now().After(deadline) {
			t.Fatalf("%d, want %d: %s", got, want, sql)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.shift.Load())) }

// later moves the installation's clock.
func (w *world) later(d time.Duration) { w.shift.Add(int64(d)) }

// browser is a client that keeps its cookies and follows no redirect.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{w: w, client: &http.Client{
		Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// at returns the value at a dotted path of a JSON body, nil when there is none.
func (a answer) at(path string) any {
	var value any
	if json.Unmarshal(a.body, &value) != nil {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[part]
	}
	return value
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

func (b *browser) call(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	var payload io.Reader
	if raw, ok := body.(string); ok {
		payload = strings.NewReader(raw)
	} else if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, b.w.url+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Origin", b.w.url)
	} else if method == http.MethodPost {
		request.Header.Set("Origin", b.w.url)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: read}
}

func (b *browser) post(t *testing.T, path string, body any) answer {
	t.Helper()
	return b.call(t, http.MethodPost, path, body)
}

func (b *browser) get(t *testing.T, path string) answer {
	t.Helper()
	return b.call(t, http.MethodGet, path, nil)
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// wantError checks the envelope of a refusal.
func (a answer) wantError(t *testing.T, status int, code string) answer {
	t.Helper()
	a.want(t, status)
	if a.text("error.code") != code || a.text("error.message") == "" {
		t.Fatalf("error %s, want code %s", a.body, code)
	}
	return a
}

// wantFields checks that a 400 names exactly these fields.
func (a answer) wantFields(t *testing.T, paths ...string) {
	t.Helper()
	a.wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	details, _ := a.at("error.details").([]any)
	var got []string
	for _, detail := range details {
		field, _ := detail.(map[string]any)
		path, _ := field["path"].(string)
		got = append(got, path)
	}
	if strings.Join(got, ",") != strings.Join(paths, ",") {
		t.Errorf("fields %v, want %v: %s", got, paths, a.body)
	}
}

// cookie returns the session cookie that an answer sets, nil when it sets none.
func (a answer) cookie() *http.Cookie {
	response := http.Response{Header: a.header}
	for _, c := range response.Cookies() {
		if c.Name == "codex-session" {
			return c
		}
	}
	return nil
}

func (b *browser) signedIn(t *testing.T) bool {
	t.Helper()
	body := string(b.get(t, "/api/auth/get-session").want(t, http.StatusOK).body)
	return body != "null"
}

// signUp makes an unverified account.
func (b *browser) signUp(t *testing.T, email string) answer {
	t.Helper()
	return b.post(t, "/api/auth/sign-up/email", map[string]any{"name": "Ada", "email": email, "password": password}).want(t, http.StatusOK)
}

func (b *browser) signIn(t *testing.T, email, secret string) answer {
	t.Helper()
	return b.post(t, "/api/auth/sign-in/email", map[string]any{"email": email, "password": secret})
}

var linkPattern = regexp.MustCompile(`https?://\S+[?&]token=\S+`)

// links returns the verification links that were mailed to an address, oldest first.
func (w *world) links(t *testing.T, email string) []string {
	t.Helper()
	return w.mailedLinks(t, "verify-email", email)
}

// mailedLinks returns the links with a token in the mails of a template to an
// address, oldest first.
func (w *world) mailedLinks(t *testing.T, template, email string) []string {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), `SELECT text_body FROM mails WHERE template = $1 AND recipient = $2 ORDER BY created_at, id`, template, email)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, body := range bodies {
		links = append(links, strings.TrimPrefix(linkPattern.FindString(body), w.url))
	}
	return links
}

// member makes a verified account, signed in.
func (w *world) member(t *testing.T, email string) *browser {
	t.Helper()
	b := w.browser(t)
	b.signUp(t, email)
	links := w.links(t, email)
	b.get(t, links[len(links)-1]).want(t, http.StatusFound)
	return b
}

// creator makes a verified creator, signed in.
func (w *world) creator(t *testing.T, email string) *browser {
	t.Helper()
	b := w.member(t, email)
	w.exec(t, `UPDATE users SET role = 'creator' WHERE email = $1`, email)
	return b
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := w.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// rows is how many rows all of identity has: refused requests must not change it.
func (w *world) rows(t *testing.T) int {
	t.Helper()
	return w.count(t, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM sessions)
		+ (SELECT count(*) FROM verification) + (SELECT count(*) FROM mails) + (SELECT count(*) FROM organizations)
		+ (SELECT count(*) FROM organization_memberships) + (SELECT count(*) FROM outbox)`)
}

// story returns the events of an aggregate as "type vN", in order, and checks that
// each can be decoded and holds nothing personal.
func (w *world) story(t *testing.T, aggregate string) string {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), `SELECT type, version, tenant, actor_id, causation_id, correlation_id, data FROM outbox WHERE aggregate_id = $1 ORDER BY version`, aggregate)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	var e events.Event
	_, err = pgx.ForEachRow(rows, []any{&e.Type, &e.Version, &e.Tenant, &e.ActorID, &e.CausationID, &e.CorrelationID, &e.Data}, func() error {
		if _, err := e.Decode(); err != nil {
			t.Error(err)
		}
		if e.Tenant == "" || e.ActorID == "" || e.CausationID == "" || e.CorrelationID == "" {
			t.Errorf("event %s lacks a part of its envelope: %+v", e.Type, e)
		}
		if strings.Contains(string(e.Data), "@") || strings.Contains(string(e.Data), "Ada") {
			t.Errorf("event %s holds personal data: %s", e.Type, e.Data)
		}
		told = append(told, e.Type+" v"+string(rune('0'+e.Version)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(told, ", ")
}

func query(path string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + values.Encode()
}
