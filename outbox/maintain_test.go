package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/outbox"
)

// restricted creates a role that may change rows and call the functions that maintain the
// outbox, and nothing else. It returns the database's URL for this role.
func (w *world) restricted(t *testing.T) (address, role string) {
	t.Helper()
	role = "runtime_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(t, fmt.Sprintf(`
		CREATE ROLE %[1]s LOGIN PASSWORD 'secret';
		GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, relay_state TO %[1]s;
		GRANT USAGE ON SEQUENCE outbox_position TO %[1]s;
		GRANT EXECUTE ON FUNCTION outbox_prepare(date, int), outbox_expire() TO %[1]s`, role))
	t.Cleanup(func() {
		_, _ = w.db.Exec(context.Background(), fmt.Sprintf(`DROP OWNED BY %[1]s; DROP ROLE %[1]s`, role))
	})
	parsed, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	parsed.User = url.UserPassword(role, "secret")
	return parsed.String(), role
}

func (w *world) exec(t *testing.T, statements string) {
	t.Helper()
	if _, err := w.db.Exec(context.Background(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

// partitions returns the names of the outbox's partitions.
func (w *world) partitions(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := w.db.Query(context.Background(),
		`SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'outbox'::regclass`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range names {
		found[name] = true
	}
	return found
}

// day returns the name of the partition of the day in n days.
func day(n int) string { return "outbox_" + time.Now().UTC().AddDate(0, 0, n).Format("20060102") }

// insertAt returns the statement that appends the first event of an aggregate, n days from now.
func insertAt(aggregate string, n int) string {
	e := event(aggregate, 1)
	e.Time = time.Now().UTC().AddDate(0, 0, n)
	return fmt.Sprintf(`
		INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id,
		                    data, occurred_at)
		VALUES ('%s', '%s', '%s', 'tenant', '%s', 1, 'cause', 'c', 'a', '%s', '%s')`,
		e.Time.Format(time.DateOnly), e.ID, e.Type, aggregate, e.Data, e.Time.Format(time.RFC3339))
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
}

func TestARoleWithoutDDLPublishesAndMaintainsTheOutbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `SELECT outbox_prepare((now() AT TIME ZONE 'utc')::date - 40, 1)`)
	w.exec(t, insertAt("in-its-day", -40)+`;`+insertAt("in-default", -50)+`; UPDATE outbox SET published_at = now()`)
	w.exec(t, `DROP TABLE `+day(7))
	if found := w.partitions(t); !found[day(-40)] || found[day(7)] {
		t.Fatalf("partitions before: %v", found)
	}

	address, _ := w.restricted(t)
	w.relay(t, func(c *outbox.RelayConfig) { c.DatabaseURL = address })
	w.append(t, event("a", 1))
	await(t, "the coming days have no partitions, or the old day has one", func() bool {
		found := w.partitions(t)
		return found[day(7)] && !found[day(-40)]
	})
	w.waitPublished(t, 1) // the row of the default partition has expired as well
}

func TestTheOutboxIsPublishedWhenItCannotBeMaintained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 9 {
		w.exec(t, `DROP TABLE `+day(n-1))
	}
	address, role := w.restricted(t)
	w.exec(t, `REVOKE EXECUTE ON FUNCTION outbox_prepare(date, int), outbox_expire() FROM `+role)
	log := &recorder{}
	w.relay(t, func(c *outbox.RelayConfig) {
		c.DatabaseURL = address
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	w.append(t, event("a", 1), event("a", 2))
	w.waitPublished(t, 2) // kept in the default partition
	w.append(t, event("a", 3))
	w.waitPublished(t, 3)
	assertOrdered(t, w.stream(t))
	await(t, "the failure is not logged", func() bool { return strings.Contains(log.String(), "not maintained") })
}

func TestUnpublishedDaysAreNotDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `SELECT outbox_prepare((now() AT TIME ZONE 'utc')::date - 40, 1)`)
	w.exec(t, insertAt("waiting", -40))
	var kept string
	if err := w.db.QueryRow(context.Background(), `SELECT outbox_expire()`).Scan(&kept); err != nil || kept != day(-40) {
		t.Errorf("kept %q, %v", kept, err)
	}
	if !w.partitions(t)[day(-40)] {
		t.Error("a day with an unpublished event was dropped")
	}
}

// recorder keeps a log.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
