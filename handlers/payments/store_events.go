package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// eventWriter stores events with their commands: the events that wait at one moment in one
// transaction of one round trip, without lingering for more. A single event is stored at
// once; a burst costs a few transactions, and holds no more than maxWriters connections.
type eventWriter struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	waiting []*storing
	writers int
}

const (
	// maxWriters is how many transactions store events at once.
	maxWriters = 2
	// writeBatch is the most events of one transaction.
	writeBatch = 128
	// writeTimeout bounds one transaction, waiting for its connection included.
	writeTimeout = 10 * time.Second
	// storeTimeout bounds storing one event, waiting for those before it included.
	storeTimeout = 15 * time.Second
)

// storing is an event to be stored, with what follows from it: at most one of cmd and
// letter.
type storing struct {
	event  postgres.ReceivedEvent
	cmd    *events.Command
	letter *commands.DeadLetter

	// inserted says, once done is closed without an error, that the event had no row before.
	inserted bool
	err      error
	done     chan struct{}
}

// store stores an event with what follows from it, both or nothing. inserted is false for
// one that was stored before, whose row stays as it is. After an error it may still be
// stored.
func (w *eventWriter) store(ctx context.Context, s *storing) (inserted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()

	s.done = make(chan struct{})
	w.mu.Lock()
	w.waiting = append(w.waiting, s)
	if w.writers < maxWriters {
		w.writers++
		go w.write()
	}
	w.mu.Unlock()

	select {
	case <-s.done:
		return s.inserted, s.err
	case <-ctx.Done():
		return false, fmt.Errorf("wait for the database: %w", ctx.Err())
	}
}

// write stores what waits until nothing does.
func (w *eventWriter) write() {
	for {
		w.mu.Lock()
		batch := slices.Clone(w.waiting[:min(len(w.waiting), writeBatch)])
		w.waiting = slices.Delete(w.waiting, 0, len(batch))
		if len(batch) == 0 {
			w.writers--
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()

		err := w.transact(batch)
		var reported *pgconn.PgError
		if errors.As(err, &reported) && len(batch) > 1 {
			// It may be the fault of one of them.
			for _, s := range batch {
				s.err = w.transact([]*storing{s})
				close(s.done)
			}
			continue
		}
		for _, s := range batch {
			s.err = err
			close(s.done)
		}
	}
}

// transact stores a batch in one transaction: the statements of a pgx.Batch are one.
func (w *eventWriter) transact(batch []*storing) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	inserted := map[string]bool{}
	statements, err := statementsOf(batch, inserted)
	if err != nil {
		return err
	}
	if err := w.pool.SendBatch(ctx, statements).Close(); err != nil {
		return fmt.Errorf("store events: %w", err)
	}
	for _, s := range batch {
		s.inserted = inserted[s.event.ID]
		delete(inserted, s.event.ID) // of two copies in a batch one was first
	}
	return nil
}

// statementsOf queues the writes of a batch: the rows of each table in the order of their
// ids, so that two transactions with copies of the same events do not deadlock.
func statementsOf(batch []*storing, inserted map[string]bool) (*pgx.Batch, error) {
	b := &pgx.Batch{}
	rows := make([]postgres.ReceivedEvent, 0, len(batch))
	var cmds []events.Command
	for _, s := range batch {
		rows = append(rows, s.event)
		if s.cmd != nil {
			cmds = append(cmds, *s.cmd)
		}
	}
	slices.SortFunc(rows, func(a, b postgres.ReceivedEvent) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(cmds, func(a, b events.Command) int { return strings.Compare(a.ID, b.ID) })

	postgres.QueueEvents(b, rows, inserted)
	if len(cmds) > 0 {
		if err := commands.QueueAccept(b, cmds); err != nil {
			return nil, err
		}
	}
	for _, s := range batch {
		if s.letter != nil {
			s.letter.Queue(b)
		}
	}
	return b, nil
}
