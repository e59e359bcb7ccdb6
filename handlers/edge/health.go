package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Check is a health check of one part.
type Check struct {
	// Name is the part: database, bus, storage.
	Name string
	// Ask returns nil when the part works. /health shows a [Reason]; any other error is
	// shown as unreachable, and logged.
	Ask func(ctx context.Context) error
}

// Reason is why a part does not work, in words for everyone: /health is public.
type Reason string

// Error implements error.
func (r Reason) Error() string { return string(r) }

// What /health shows of a part that works, and of one whose failure has no [Reason].
const (
	partWorks       = "ok"
	partUnreachable = "unreachable"
)

const (
	// healthWait is how long the checks may take.
	healthWait = 3 * time.Second
	// healthFresh is how long their result is reused, because /health has no limit, and
	// its checks write.
	healthFresh = 2 * time.Second
)

// healthChecks are the checks with their last result.
type healthChecks struct {
	checks []Check
	log    *slog.Logger

	mu      sync.Mutex
	at      time.Time
	checked map[string]string
	healthy bool
}

// result returns the last result, or runs all checks at once.
func (h *healthChecks) result(ctx context.Context) (map[string]string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) < healthFresh {
		return h.checked, h.healthy
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthWait)
	defer cancel()
	errs := make([]error, len(h.checks))
	var running sync.WaitGroup
	for i, check := range h.checks {
		running.Go(func() { errs[i] = check.Ask(ctx) })
	}
	running.Wait()

	before := h.checked
	h.checked, h.healthy = make(map[string]string, len(h.checks)), true
	for i, check := range h.checks {
		shown := shownAs(errs[i])
		h.checked[check.Name] = shown
		h.healthy = h.healthy && errs[i] == nil
		if errs[i] != nil && before[check.Name] != shown {
			h.log.WarnContext(ctx, "health check failed", "part", check.Name, "shown", shown, "error", errs[i])
		}
	}
	h.at = time.Now()
	return h.checked, h.healthy
}

// shownAs is what /health shows of the result of a check.
func shownAs(err error) string {
	var reason Reason
	switch {
	case err == nil:
		return partWorks
	case errors.As(err, &reason):
		return string(reason)
	default:
		return partUnreachable
	}
}

// getHealth responds 503 when a part does not work, although reads need only the database.
// Load balancers use /readyz.
func (e *Edge) getHealth(r *Request) error {
	checks, healthy := e.health.result(r)
	status, view := http.StatusOK, health{
		Status:    "healthy",
		Service:   serviceOf(r.Context),
		Version:   Version,
		Timestamp: e.cfg.Now().UTC(),
		Checks:    checks,
	}
	if !healthy {
		status, view.Status = http.StatusServiceUnavailable, "unhealthy"
	}
	r.JSON(status, view)
	return nil
}

// fillerBytes nearly fill a page, so that every row needs a new one.
const fillerBytes = 7000

// checkWrites returns a check whether the database takes writes: it commits one, and lets a
// table grow by a page, which it undoes.
func checkWrites(pool *pgxpool.Pool) func(context.Context) error {
	return func(ctx context.Context) error {
		errUndo := errors.New("undo")
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO health_growth SELECT repeat('x', $1)`, fillerBytes); err != nil {
				return err
			}
			return errUndo
		})
		if errors.Is(err, errUndo) {
			_, err = pool.Exec(ctx, `UPDATE health_probe SET at = now() WHERE singleton`)
		}
		return writeFailure(err)
	}
}

// writeFailure adds the reason to the error of a write.
func writeFailure(err error) error {
	var pg *pgconn.PgError
	if err == nil || !errors.As(err, &pg) {
		return err
	}
	reason := Reason("cannot write (" + pg.Code + ")")
	switch pg.Code {
	case "25006": // read_only_sql_transaction
		reason = "cannot write: read-only"
	case "53100": // disk_full
		reason = "cannot write: disk full"
	case "42P01": // undefined_table
		reason = "cannot write: the schema is not this version's"
	}
	return fmt.Errorf("%w: %w", reason, err)
}
