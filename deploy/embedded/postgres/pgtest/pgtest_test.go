package pgtest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "CREATE TABLE notes (text text NOT NULL)")
		return err
	}))
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connect to the test's database: %v", err)
	}
	return conn
}

func TestEveryTestGetsItsOwnCopyOfTheTemplate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"first", "second", "third"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, pgtest.Database(t))
			if _, err := conn.Exec(t.Context(), "INSERT INTO notes (text) VALUES ($1)", name); err != nil {
				t.Fatalf("the template's table is missing: %v", err)
			}
			var count int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&count); err != nil || count != 1 {
				t.Fatalf("rows = %d, %v; want only the test's own", count, err)
			}
			// The connection stays open: the drop at the end must not mind.
		})
	}
}

func TestTheDatabaseIsGoneAfterTheTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("user", func(t *testing.T) { url = pgtest.Database(t) })
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_ = conn.Close(t.Context())
		t.Fatal("the database still exists after its test")
	}
	if !strings.Contains(err.Error(), "3D000") && !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("unexpected error: %v", err)
	}
}

func TestANamedImageWithoutDockerFailsLoudly(t *testing.T) {
	t.Parallel()
	if os.Getenv(pgtest.ImageVariable) != "" {
		t.Skip("this run has an image of its own")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEveryTestGetsItsOwnCopyOfTheTemplate$")
	cmd.Env = append(os.Environ(),
		pgtest.ImageVariable+"=postgres:17",
		"DOCKER_HOST=unix://"+t.TempDir()+"/no-daemon.sock",
	)
	output, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "no Docker daemon answers") {
		t.Fatalf("the run must fail and say why: %v\n%s", err, output)
	}
}
