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
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

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
		read, err := readBody(c, MaxJSONBytes, time.Second)
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
