// Package accounts_test tests identity as a whole, over HTTP and with real parts: an
// edge with its mailbox, Postgres and, where a command is sent, a bus with the
// consumers.
package accounts_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/mail/smtp"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/accounts"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/web"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// password is one that the rules like.
const password = "a quiet winter river"

// harness is one installation.
type harness struct {
	*handlertest.Harness
	hasher *argon2id.Hasher
	mailer *smtp.Mailer
	// woken is how often the mailer was woken after a commit.
	woken *atomic.Int64
	// statements are those that the installation sends to the database.
	statements *statements
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
	// bus starts a bus with the consumers, and the payment provider.
	bus bool
	// limited enforces the limits of the routes.
	limited bool
}

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	w := &harness{hasher: handlertest.Passwords(t), woken: &atomic.Int64{}, statements: &statements{}}
	w.Harness = handlertest.New(t, handlertest.Options{Pool: func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = w.statements }})
	w.Workers = handlertest.Must(workersig.NewKeys(workerSecrets...))(t)
	w.mailer = &smtp.Mailer{Pool: w.Pool, Now: w.Now, Log: w.Logger}
	if o.bus {
		w.StartBus(natstest.Server(t), 1)
		w.StartReactions(reactions.Erasure(w.Now))
		w.StartSandbox(sandbox.Config{})
		w.Start((&reactions.CustomerErasure{Pool: w.Pool, Stripe: w.Stripe, Every: 20 * time.Millisecond, Now: w.Now, Log: w.Logger}).Run)
		w.StartCommands([]commands.Context{commands.Organization{PublicURL: w.URL}.Commands(), commands.User{}.Commands()})
	}
	tokens := handlertest.Must(token.NewKeys([]byte("a secret of stream tokens")))(t)
	committed := func() { w.woken.Add(1) }
	w.Serve(w.Edge(func(cfg *edge.Config) {
		cfg.Development = !o.production
		if o.limited {
			cfg.LimitFactor = 1
		}
	}, accounts.Routes(accounts.Config{
		Pool: w.Pool, Passwords: w.hasher, PublicURL: w.URL, Development: !o.production, Committed: committed,
	}),
		edge.OrganizationRoutes{}, edge.AccessRoutes{Tokens: tokens},
		web.Home{}.Routes(), web.Invitations{}.Routes(), web.ResetPassword{}.Routes(),
		web.Mailbox{Pool: w.Pool, Development: !o.production}.Routes()).Handler())
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
}

func (w *harness) browser() *browser {
	w.Helper()
	return &browser{w, handlertest.Must(cookiejar.New(nil))(w)}
}

// in is the browser for a subtest.
func (b *browser) in(t *testing.T) *browser { return &browser{b.harness.in(t), b.jar} }

// answer is a response, read.
type answer struct{ handlertest.Answer }

func (b *browser) call(method, path string, body any, headers ...string) answer {
	b.Helper()
	header := handlertest.Pairs(headers...)
	if _, given := header["Origin"]; !given && (body != nil || method == http.MethodPost) {
		header["Origin"] = b.URL
	}
	return answer{b.Send(handlertest.Request{Method: method, Path: path, Body: body, Header: header, Jar: b.jar})}
}

func (b *browser) post(path string, body any) answer {
	b.Helper()
	return b.call(http.MethodPost, path, body)
}

func (b *browser) get(path string) answer {
	b.Helper()
	return b.call(http.MethodGet, path, nil)
}

func (a answer) want(status int) answer {
	a.T.Helper()
	if a.Status != status {
		a.T.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// wantError checks the envelope of a refusal.
func (a answer) wantError(status int, code string) answer {
	a.T.Helper()
	a.want(status)
	if a.Text("error.code") != code || a.Text("error.message") == "" {
		a.T.Fatalf("error %s, want code %s", a.Body, code)
	}
	return a
}

// wantFields checks that a 400 names exactly these fields.
func (a answer) wantFields(paths ...string) {
	a.T.Helper()
	a.wantError(http.StatusBadRequest, "VALIDATION_ERROR")
	details, _ := a.At("error.details").([]any)
	var got []string
	for _, detail := range details {
		field, _ := detail.(map[string]any)
		path, _ := field["path"].(string)
		got = append(got, path)
	}
	if strings.Join(got, ",") != strings.Join(paths, ",") {
		a.T.Errorf("fields %v, want %v: %s", got, paths, a.Body)
	}
}

// cookie returns the session cookie that an answer sets, nil when it sets none.
func (a answer) cookie() *http.Cookie {
	response := http.Response{Header: a.Header}
	for _, c := range response.Cookies() {
		if c.Name == "codex-session" {
			return c
		}
	}
	return nil
}

func (b *browser) signedIn() bool {
	b.Helper()
	body := b.get("/api/auth/get-session").want(http.StatusOK).Body
	return body != "null"
}

// signUp makes an unverified account.
func (b *browser) signUp(email string) answer {
	b.Helper()
	return b.post("/api/auth/sign-up/email", map[string]any{"name": "Ada", "email": email, "password": password}).want(http.StatusOK)
}

func (b *browser) signIn(email, secret string) answer {
	b.Helper()
	return b.post("/api/auth/sign-in/email", map[string]any{"email": email, "password": secret})
}

var linkPattern = regexp.MustCompile(`https?://\S+[?&]token=\S+`)

// links returns the verification links that were mailed to an address, oldest first.
func (w *harness) links(email string) []string {
	w.Helper()
	return w.mailedLinks("verify-email", email)
}

// mailedLinks returns the links with a token in the mails of a template to an
// address, oldest first.
func (w *harness) mailedLinks(template, email string) []string {
	w.Helper()
	rows, err := w.Pool.Query(w.Context(), `SELECT text_body FROM mails WHERE template = $1 AND recipient = $2 ORDER BY created_at, id`, template, email)
	if err != nil {
		w.Fatal(err)
	}
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.Fatal(err)
	}
	var links []string
	for _, body := range bodies {
		links = append(links, strings.TrimPrefix(linkPattern.FindString(body), w.URL))
	}
	return links
}

// member makes a verified account, signed in.
func (w *harness) member(email string) *browser {
	w.Helper()
	b := w.browser()
	b.signUp(email)
	links := w.links(email)
	b.get(links[len(links)-1]).want(http.StatusFound)
	return b
}

// creator makes a verified creator, signed in.
func (w *harness) creator(email string) *browser {
	w.Helper()
	b := w.member(email)
	w.Exec(`UPDATE users SET role = 'creator' WHERE email = $1`, email)
	return b
}

// rows is how many rows all of identity has: refused requests must not change it.
func (w *harness) rows() int {
	w.Helper()
	return w.Number(`SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM sessions)
		+ (SELECT count(*) FROM verification) + (SELECT count(*) FROM mails) + (SELECT count(*) FROM organizations)
		+ (SELECT count(*) FROM organization_memberships) + (SELECT count(*) FROM outbox)`)
}

// story returns the events of an aggregate as "type vN", in order, and checks that
// each can be decoded and holds nothing personal.
func (w *harness) story(aggregate string) string {
	w.Helper()
	rows, err := w.Pool.Query(w.Context(), `SELECT type, version, tenant, actor_id, causation_id, correlation_id, data FROM outbox WHERE aggregate_id = $1 ORDER BY version`, aggregate)
	if err != nil {
		w.Fatal(err)
	}
	var told []string
	var e events.Event
	_, err = pgx.ForEachRow(rows, []any{&e.Type, &e.Version, &e.Tenant, &e.ActorID, &e.CausationID, &e.CorrelationID, &e.Data}, func() error {
		if _, err := e.Decode(); err != nil {
			w.Error(err)
		}
		if e.Tenant == "" || e.ActorID == "" || e.CausationID == "" || e.CorrelationID == "" {
			w.Errorf("event %s lacks a part of its envelope: %+v", e.Type, e)
		}
		if strings.Contains(string(e.Data), "@") || strings.Contains(string(e.Data), "Ada") {
			w.Errorf("event %s holds personal data: %s", e.Type, e.Data)
		}
		told = append(told, e.Type+" v"+string(rune('0'+e.Version)))
		return nil
	})
	if err != nil {
		w.Fatal(err)
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
