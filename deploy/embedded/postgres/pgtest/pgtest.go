// Package pgtest gives tests fresh databases in a real Postgres.
//
// A test binary wraps its tests once and then takes a database per test:
//
//	func TestMain(m *testing.M) { pgtest.Main(m, pgtest.WithTemplate(migrate)) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
//
// The first Database starts a private cluster in an ephemeral directory; Main
// stops and removes it. When CODEX_TEST_POSTGRES_IMAGE names an image (for
// example postgres:17) the same calls use a container of it, to test against other
// versions. A named image without a Docker daemon is an error.
//
// In the private cluster fsync is off: it does not survive a power cut.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ImageVariable names the environment variable that asks for a container.
const ImageVariable = "CODEX_TEST_POSTGRES_IMAGE"

const (
	startWithin  = 2 * time.Minute
	stopWithin   = 15 * time.Second
	queryWithin  = 30 * time.Second
	templateName = "codex_template"
)

// Migration prepares the template: it gets the URL of an empty database and must
// close its connections before it returns.
type Migration func(ctx context.Context, url string) error

// Option configures Main.
type Option func(*shared)

// WithTemplate runs the migration once per test binary; every Database is a copy
// of the result.
func WithTemplate(migration Migration) Option {
	return func(s *shared) { s.migration = migration }
}

// source is where databases come from: a private cluster or a container.
type source struct {
	// adminURL reaches the database "postgres" as a superuser.
	adminURL string
	stop     func(context.Context) error
}

type shared struct {
	migration Migration

	start  sync.Once
	source source
	err    error
	// creating serialises CREATE DATABASE: side by side it is not faster and two
	// copies of one template may refuse each other.
	creating sync.Mutex
}

// current is set by Main, before any test runs.
var current *shared

// Main runs the tests, stops what they started and ends the process with their
// exit code.
func Main(m *testing.M, options ...Option) { os.Exit(run(m, options...)) }

func run(m *testing.M, options ...Option) int {
	current = &shared{}
	for _, option := range options {
		option(current)
	}
	code := m.Run()
	if err := current.close(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: stop the shared Postgres: %v\n", err)
		return max(code, 1)
	}
	return code
}

// Database returns the URL of a fresh database that belongs to the test alone
// and is dropped, with its connections, when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	address, drop, err := Create()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("pgtest: drop the test's database: %v", err)
		}
	})
	return address
}

// Create is Database for examples, which have no test: they call drop themselves.
func Create() (address string, drop func() error, err error) {
	if current == nil {
		return "", nil, errors.New("this package needs func TestMain(m *testing.M) { pgtest.Main(m) }")
	}
	from, err := current.started()
	if err != nil {
		return "", nil, fmt.Errorf("start Postgres: %w", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := current.create(from, name); err != nil {
		return "", nil, fmt.Errorf("create a database: %w", err)
	}
	drop = func() error { return administer(from, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)") }
	return withDatabase(from.adminURL, name), drop, nil
}

func (s *shared) started() (source, error) {
	s.start.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		if image := os.Getenv(ImageVariable); image != "" {
			s.source, s.err = fromImage(image)
		} else {
			s.source, s.err = startPrivate(ctx)
		}
		if s.err == nil && s.migration != nil {
			s.err = s.prepareTemplate(ctx)
		}
	})
	return s.source, s.err
}

func (s *shared) prepareTemplate(ctx context.Context) error {
	if err := administer(s.source, "CREATE DATABASE "+quote(templateName)); err != nil {
		return fmt.Errorf("create the template: %w", err)
	}
	if err := s.migration(ctx, withDatabase(s.source.adminURL, templateName)); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	if err := s.awaitUnused(templateName); err != nil {
		return err
	}
	return administer(s.source, "ALTER DATABASE "+quote(templateName)+" WITH ALLOW_CONNECTIONS false")
}

// awaitUnused waits until a database has no connections: a server process ends a moment
// after its client. A connection left open would make every copy fail, so it is an error
// here.
func (s *shared) awaitUnused(database string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		var left int
		err := query(s.source, &left, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = $1 AND backend_type = 'client backend'`, database)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("the migration left %d connections to the template open", left)
		}
	}
}

func (s *shared) create(from source, name string) error {
	template := "template1"
	if s.migration != nil {
		template = templateName
	}
	s.creating.Lock()
	defer s.creating.Unlock()
	return administer(from, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template))
}

func (s *shared) close() error {
	if s.source.stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return s.source.stop(ctx)
}

func administer(from source, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, from.adminURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func query(from source, into any, statement string, arguments ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, from.adminURL)
	if err != nil {
		return err
	}
	err = conn.QueryRow(ctx, statement, arguments...).Scan(into)
	return errors.Join(err, conn.Close(ctx))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func withDatabase(address, name string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		panic(err) // this package made the URL
	}
	parsed.Path = "/" + name
	return parsed.String()
}
