package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events/bus"
)

const (
	// leaseTime is how long a relay that does not renew its lease stays the active one.
	leaseTime  = 5 * time.Second
	renewEvery = time.Second
)

var errLeaseLost = errors.New("another relay holds the lease")

// lease makes one relay the active one. It is a row, not a lock: a lock would live as long
// as the TCP connection of its holder, which a stopped or cut-off host keeps for hours.
// Other relays may take the row over when it has expired, and at once when its holder has
// released it or has no session in the database any more.
type lease struct {
	writer *pgx.Conn
	epoch  int64
	// validUntil is when the lease expires by this host's monotonic clock, measured from
	// before the renewal was sent, in nanoseconds since start.
	validUntil atomic.Int64
	start      time.Time
}

// freeSQL is true when the lease may be taken over.
const freeSQL = `(lease_expires_at < clock_timestamp()
    OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(lease_backends)))`

// endSQL ends the sessions of the last holder: one that was stopped within a transaction
// would keep its row locks.
const endSQL = `
SELECT count(pg_terminate_backend(a.pid)) FROM relay_state s JOIN pg_stat_activity a ON a.pid = ANY(s.lease_backends)
WHERE a.application_name = 'codex relay' AND a.usename = session_user AND ` + freeSQL

const acquireSQL = `
UPDATE relay_state SET lease_holder = $1, lease_epoch = lease_epoch + 1, lease_backends = $2,
                       lease_expires_at = clock_timestamp() + $3::interval
WHERE ` + freeSQL + ` RETURNING lease_epoch`

const renewSQL = `UPDATE relay_state SET lease_expires_at = clock_timestamp() + $2::interval WHERE lease_epoch = $1`

const releaseSQL = `UPDATE relay_state SET lease_expires_at = '-infinity' WHERE lease_epoch = $1`

// waitForLease waits until this relay holds the lease. A relay without a bus does not
// compete for it.
func (r *Relay) waitForLease(ctx context.Context, reader, writer *pgx.Conn) (*lease, error) {
	for {
		if r.cfg.Conn.IsConnected() {
			l, err := r.acquire(ctx, reader, writer)
			if err != nil {
				return nil, fmt.Errorf("acquire the lease: %w", err)
			}
			if l != nil {
				return l, nil
			}
		}
		if !bus.Pause(ctx, standbyPoll) {
			return nil, ctx.Err()
		}
	}
}

// acquire takes the lease over when it is free; otherwise it returns nil.
func (r *Relay) acquire(ctx context.Context, reader, writer *pgx.Conn) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	var free bool
	if err := writer.QueryRow(ctx, "SELECT "+freeSQL+" FROM relay_state").Scan(&free); err != nil || !free {
		return nil, err
	}
	if _, err := writer.Exec(ctx, endSQL); err != nil {
		r.cfg.Log.Warn("sessions of the last active relay are not ended", "error", err)
	}
	l := &lease{writer: writer, start: time.Now()}
	backends := []int32{int32(reader.PgConn().PID()), int32(writer.PgConn().PID())}
	err := writer.QueryRow(ctx, acquireSQL, r.holder, backends, leaseTime).Scan(&l.epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l.extend(l.start)
	r.cfg.Log.Info("this relay is the active one", "epoch", l.epoch)
	return l, nil
}

// extend notes that the lease was renewed by a statement sent at a time.
func (l *lease) extend(sent time.Time) { l.validUntil.Store(int64(sent.Add(leaseTime).Sub(l.start))) }

// valid reports whether the lease is certainly held still.
func (l *lease) valid() bool { return int64(time.Since(l.start)) < l.validUntil.Load() }

// renew prolongs the lease. It returns errLeaseLost when another relay has taken it over.
func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	sent := time.Now()
	tag, err := l.writer.Exec(ctx, renewSQL, l.epoch, leaseTime)
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	l.extend(sent)
	return nil
}

// release lets another relay take over at once.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = l.writer.Exec(ctx, releaseSQL, l.epoch) // it expires otherwise
}
