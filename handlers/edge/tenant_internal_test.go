package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// organizationID has the slug trains, deletedID had it before.
const (
	organizationID = "0190f5d2-0000-7000-8000-000000000001"
	deletedID      = "0190f5d2-0000-7000-8000-000000000002"
)

func newTestEdge(t *testing.T, cfg Config) *Edge {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	cfg.Pool, cfg.Now, cfg.Log = pool, time.Now, slog.New(slog.DiscardHandler)
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ask makes the context of a request by a user.
func ask(target, user, role string) *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodGet, target, nil)
	c.Set(actorKey, &Actor{UserID: user, Role: role})
	return c
}

func TestAnOrganizationIsFoundByItsHostAndThenByTheQuery(t *testing.T) {
	t.Parallel()
	e := newTestEdge(t, Config{PublicURL: "https://codex.example:8443"})
	for _, sql := range []string{
		`INSERT INTO users (id, name, email) SELECT x, x, x || '@example.org' FROM unnest(ARRAY['owner', 'plain', 'gone', 'eve']) x`,
		`INSERT INTO organizations (id, name, slug, deleted_at) VALUES ('` + organizationID + `', 'Trains', 'trains', NULL), ('` + deletedID + `', 'Old', 'trains', now())`,
		`INSERT INTO organization_memberships (organization_id, user_id, role, status) SELECT o.id, m.who, m.role, m.status
			FROM organizations o, (VALUES ('owner', 'owner', 'active'), ('plain', 'member', 'active'), ('gone', 'owner', 'inactive')) AS m (who, role, status)`,
	} {
		if _, err := e.cfg.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	const host, byID = "http://trains.codex.example/", "http://codex.example/?organizationId="
	for _, c := range []struct {
		target, user, role string
		manage             bool
		want               error
	}{
		{target: host, user: "plain"},
		{target: "http://TRAINS.codex.example:8443/", user: "plain"},
		{target: host, user: "plain", manage: true, want: identity.ErrNotManager},
		{target: host, user: "owner", manage: true},
		{target: host, user: "gone", want: identity.ErrNotMember},
		{target: host, user: "eve", want: identity.ErrNotMember},
		{target: host, user: "eve", role: "platform_owner", manage: true},
		{target: "http://unknown.codex.example/", user: "plain", want: identity.ErrNotMember},
		{target: "http://unknown.codex.example/?organizationId=" + organizationID, user: "plain", want: identity.ErrNotMember},
		{target: byID + organizationID, user: "plain"},
		{target: byID + organizationID, user: "eve", want: identity.ErrNotMember},
		{target: byID + deletedID, user: "owner", want: identity.ErrOrganizationNotFound},
		{target: byID + deletedID, user: "eve", want: identity.ErrNotMember},
		{target: "http://admin.codex.example/?organizationId=" + organizationID, user: "plain"},
		{target: "http://codex.example/", user: "plain", want: errNoTenant},
		{target: "http://trains.evil.example/", user: "plain", want: errNoTenant},
		{target: "http://trains.localhost/", user: "plain", want: errNoTenant},
	} {
		got, err := e.hostTenant(ask(c.target, c.user, c.role), c.manage)
		if !errors.Is(err, c.want) || (err == nil && got.organization.ID != organizationID) {
			t.Errorf("%s, %s: %s, %v, want %v", c.target, c.user, got.organization.ID, err, c.want)
		}
	}
	for _, target := range []string{byID, byID + "x", byID + organizationID + "&organizationId=" + deletedID} {
		if _, err := e.hostTenant(ask(target, "plain", ""), false); !domain.IsClass(err, domain.Invalid) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestLocalNamesLeadToOrganizationsInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"trains.localhost:8080": "trains", "trains.lvh.me": "trains", "localhost:8080": "", "127.0.0.1:8080": "", "a.b.localhost": "",
	} {
		dev := &Edge{cfg: Config{Development: true, PublicURL: "http://127.0.0.1:8080"}}
		if got := dev.hostSlug(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
		if got := (&Edge{cfg: Config{PublicURL: "https://codex.example"}}).hostSlug(host); got != "" {
			t.Errorf("%s outside development: %q", host, got)
		}
	}
}

func TestASignedChangeIsTakenOnce(t *testing.T) {
	t.Parallel()
	keys, err := workersig.NewKeys([]byte("the secret of other programs"))
	if err != nil {
		t.Fatal(err)
	}
	e := newTestEdge(t, Config{Workers: keys, PublicURL: "https://codex.example"})
	send := func(nonce, body string) (string, error) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/internal/change?x=1", strings.NewReader(body))
		r := workersig.Request{
			Method: http.MethodPost, Target: "/internal/change?x=1", Body: []byte(`{"a":1}`),
			Timestamp: strconv.FormatInt(time.Now().Unix(), 10), Nonce: nonce,
		}
		c.Request.Header.Set(workersig.SignatureHeader, keys.Sign(r))
		c.Request.Header.Set(workersig.TimestampHeader, r.Timestamp)
		c.Request.Header.Set(workersig.NonceHeader, nonce)
		if err := e.verifyWorker(c); err != nil {
			return "", err
		}
		read, err := readBody(c, maxJSONBytes)
		return string(read), err
	}
	if read, err := send("0123456789abcdef", `{"a":1}`); err != nil || read != `{"a":1}` {
		t.Fatalf("%q, %v", read, err)
	}
	if _, err := send("0123456789abcdef", `{"a":1}`); !errors.Is(err, workersig.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
	if _, err := send("fedcba9876543210", `{"a":2}`); !errors.Is(err, workersig.ErrInvalidSignature) {
		t.Errorf("another body: %v", err)
	}
	if _, err := send("fedcba9876543210", `{"a":1}`); err != nil {
		t.Errorf("a refused request used up its nonce: %v", err)
	}
	if _, err := e.cfg.Pool.Exec(t.Context(), `UPDATE worker_nonces SET expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if _, err := send("a-nonce-that-is-new", `{"a":1}`); err != nil {
		t.Errorf("a new one: %v", err)
	}
	var kept int
	if err := e.cfg.Pool.QueryRow(t.Context(), `SELECT count(*) FROM worker_nonces`).Scan(&kept); err != nil || kept != 1 {
		t.Errorf("%d nonces are kept, %v", kept, err)
	}
	if err := (&Edge{}).verifyWorker(nil); !errors.Is(err, workersig.ErrNoSecret) {
		t.Errorf("without a secret: %v", err)
	}
}
