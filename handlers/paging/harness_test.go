package paging_test

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/ingest"
	"github.com/codex-platform/codex/handlers/organizations"
	"github.com/codex-platform/codex/handlers/payments"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/streaming"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

//go:embed testdata/seed.sql
var seed string

// size says how many rows a world has; see testdata/seed.sql.
type size struct{ rows, items, heavy, others int }

var (
	thousand = size{rows: 1000, items: 1000, heavy: 1000, others: 1000}
	// mixed has others as well, so that the planner takes nobody for the owner of all.
	mixed = size{rows: 3000, items: 3000, heavy: 1000, others: 1000}
	// hundredThousand has owners with more rows than page 1000 at the limit 100 needs.
	hundredThousand = size{rows: 200_000, items: 150_000, heavy: 120_000, others: 5_000}
)

// world is a seeded database and an edge before it.
type harness struct {
	pool       *pgxpool.Pool
	server     *httptest.Server
	statements *recorder
}

// newHarness seeds a database. The pool has the platform's settings; its connections are
// few, so that all statements soon have the plans that they keep.
func newHarness(tb testing.TB, s size) *harness {
	tb.Helper()
	ctx := context.Background()
	database := pgtest.Database(tb)
	if s.rows > 0 {
		plant(tb, database, s)
	}
	cfg, err := pgxpool.ParseConfig(database)
	check(tb, err)
	cfg.MaxConns = 2
	maps.Copy(cfg.ConnConfig.RuntimeParams, postgres.Planner())
	w := &harness{}
	w.statements = &recorder{}
	cfg.ConnConfig.Tracer = w.statements
	w.pool, err = pgxpool.NewWithConfig(ctx, cfg)
	check(tb, err)
	tb.Cleanup(w.pool.Close)
	keys, err := token.NewKeys([]byte("the secret of stream tokens"))
	check(tb, err)
	e, err := edge.New(edge.Config{
		Pool: w.pool, PublicURL: "http://paging", Development: true, LimitFactor: edge.NoLimits,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}, slices.Concat(
		publishing.New(publishing.Config{Pool: w.pool}).Routes,
		ingest.New(ingest.Config{Pool: w.pool}).Routes,
		payments.New(payments.Config{Pool: w.pool}).Routes,
		streaming.New(streaming.Config{Pool: w.pool, Tokens: keys, Now: time.Now}).Routes,
		organizations.New(organizations.Config{Pool: w.pool}).Routes,
	))
	check(tb, err)
	w.server = httptest.NewServer(e.Handler())
	tb.Cleanup(w.server.Close)
	return w
}

// plant runs the seed, statement by statement: VACUUM minds company.
func plant(tb testing.TB, database string, s size) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, database)
	check(tb, err)
	defer func() { check(tb, conn.Close(ctx)) }()
	text := strings.NewReplacer("@rows", strconv.Itoa(s.rows), "@items", strconv.Itoa(s.items),
		"@heavy", strconv.Itoa(s.heavy), "@others", strconv.Itoa(s.others)).Replace(seed)
	for statement := range strings.SplitSeq(text, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.Exec(ctx, statement); err != nil {
			tb.Fatalf("%v in\n%s", err, statement)
		}
	}
	for _, user := range []string{"customer", "creator", "member"} {
		signIn(tb, conn, user)
	}
}

// signIn gives a user a session, whose token is the user's name.
func signIn(tb testing.TB, conn *pgx.Conn, user string) {
	tb.Helper()
	hash := sha256.Sum256([]byte(tokenOf(user)))
	_, err := conn.Exec(
		context.Background(),
		`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $1, now() + interval '1 day')`,
		user,
		hash[:],
	)
	check(tb, err)
}

func tokenOf(user string) string { return "session-token-of-" + user }

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// page is the answer of any list.
type page struct {
	Items      []json.RawMessage `json:"items"`
	Pagination edge.Pagination   `json:"pagination"`
}

// send sends a request and returns its status and body.
func (w *harness) send(tb testing.TB, user, path string) (status int, body string) {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.server.URL+path, nil)
	check(tb, err)
	if user != "" {
		r.Header.Set("Cookie", "codex-session="+tokenOf(user))
	}
	res, err := w.server.Client().Do(r)
	check(tb, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	check(tb, err)
	return res.StatusCode, string(text)
}

// ask sends a request and returns the body of its answer, which must be 200.
func (w *harness) ask(tb testing.TB, user, path string) string {
	tb.Helper()
	status, body := w.send(tb, user, path)
	if status != http.StatusOK {
		tb.Fatalf("%s answered %d: %s", path, status, body)
	}
	return body
}

// wider returns another pool of the same database.
func (w *harness) wider(tb testing.TB, connections int32) *pgxpool.Pool {
	tb.Helper()
	cfg := w.pool.Config().Copy()
	cfg.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	check(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

func (w *harness) read(tb testing.TB, user, path string) page {
	tb.Helper()
	var p page
	check(tb, json.Unmarshal([]byte(w.ask(tb, user, path)), &p))
	return p
}

// list is a list as a client asks for it; page and limit are added.
type list struct {
	name, user, path string
}

const heavyOrganization = "0000006f-0000-7000-8000-000000000000"

// indexed are the lists whose pages are ranges of an index, in all orders.
func indexed() []list {
	all := []list{
		{"purchases", "customer", "/purchases?"},
		{"purchases of a status", "customer", "/purchases?status=completed"},
		{"library", "customer", "/api/access/user/library?"},
		{"library of a member", "member", "/api/access/user/library?"},
		{"library of a member, title", "member", "/api/access/user/library?sortBy=title"},
		{"library, title", "customer", "/api/access/user/library?sortBy=title"},
		{"library, duration", "customer", "/api/access/user/library?sortBy=duration"},
		{"library, in progress", "customer", "/api/access/user/library?filter=in_progress"},
		{"library, type", "customer", "/api/access/user/library?contentType=video"},
		{
			"library, not started, type, duration",
			"customer",
			"/api/access/user/library?filter=not_started&contentType=audio&sortBy=duration",
		},
		{"public, newest", "", "/api/content/public?orgId=" + heavyOrganization},
		{"public, oldest", "", "/api/content/public?sort=oldest&orgId=" + heavyOrganization},
		{"public, title", "", "/api/content/public?sort=title&orgId=" + heavyOrganization},
		{"public, by slug and type", "", "/api/content/public?slug=organization-0&contentType=video"},
		{"discover, newest", "", "/api/content/public/discover?"},
		{"discover, oldest", "", "/api/content/public/discover?sort=oldest"},
		{"discover, title", "", "/api/content/public/discover?sort=title"},
		{"discover, type", "", "/api/content/public/discover?contentType=audio"},
		{"members", "creator", "/api/organizations/" + heavyOrganization + "/members?"},
		{"members of a role", "member", "/api/organizations/" + heavyOrganization + "/members?role=member"},
		{"creators", "", "/api/organizations/public/organization-0/creators?"},
		{"public members", "", "/api/organizations/public/organization-0/members?"},
		{"public members of a role", "", "/api/organizations/public/organization-0/members?role=member"},
		{"organizations, name", "creator", "/api/organizations?sortBy=name"},
		{"organizations, createdAt", "creator", "/api/organizations?sortBy=createdAt"},
		{"content of an access type", "creator", "/api/content?accessType=free"},
		{"content of a category", "creator", "/api/content?category=category-3&sortBy=title&sortOrder=asc"},
		{"content of an organization", "creator", "/api/content?organizationId=" + heavyOrganization},
		{"browse a category", "member", "/api/content/browse?category=category-3&organizationId=" + heavyOrganization},
		{"public, category", "", "/api/content/public?category=category-3&orgId=" + heavyOrganization},
		{"content of a status and type", "creator", "/api/content?status=published&contentType=written"},
	}
	for _, order := range []string{"desc", "asc"} {
		for _, sort := range []string{"createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"} {
			all = append(
				all,
				list{"content, " + sort + " " + order, "creator", "/api/content?sortBy=" + sort + "&sortOrder=" + order},
				list{
					"browse, " + sort + " " + order,
					"member",
					"/api/content/browse?organizationId=" + heavyOrganization + "&sortBy=" + sort + "&sortOrder=" + order,
				},
			)
		}
		for _, sort := range []string{"createdAt", "uploadedAt", "title"} {
			all = append(
				all,
				list{"media, " + sort + " " + order, "creator", "/api/media?sortBy=" + sort + "&sortOrder=" + order},
			)
		}
	}
	return all
}

// derived are lists whose filters or orders no index has: their time grows with what their
// owner has.
func derived() []list {
	return []list{
		{"library, duration, of a member", "member", "/api/access/user/library?sortBy=duration"},
		{"library, source", "customer", "/api/access/user/library?accessType=purchased"},
		{"library, search", "customer", "/api/access/user/library?search=piece+12"},
		{"content, search", "creator", "/api/content?search=abcd"},
		{"content, access type and category", "creator", "/api/content?accessType=paid&category=category-3"},
		{"discover, search", "", "/api/content/public/discover?search=abcd"},
	}
}
