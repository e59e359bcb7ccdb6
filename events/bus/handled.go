package bus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
)

// handledKey names what a caller waits for: a projection's work on what a cause led to.
type handledKey struct{ projection, cause string }

// report says on the wire that a projection has handled what some causes led to.
type report struct {
	Projection string   `json:"projection"`
	Causes     []string `json:"causes"`
}

// ReportHandled reports to all dispatchers that a projection has handled, and committed,
// events that these causes led to. One message serves a batch. It is a hint: a lost one
// makes a caller of [Dispatcher.WaitHandled] wait until its deadline, and a forged one makes
// it wait no longer, which its deadline does as well.
func ReportHandled(conn *nats.Conn, projection string, causes []string) error {
	body, err := json.Marshal(report{Projection: projection, Causes: causes})
	if err != nil {
		return fmt.Errorf("marshal the report of %s: %w", projection, err)
	}
	return conn.Publish(handledSubject, body)
}

// WaitHandled waits until a projection has handled n of the events that a cause, usually
// a command, led to, or until ctx is done. handled returns how many it has handled so
// far, as Postgres knows it. n is the Awaits of the command's reply; with 0 there is
// nothing to wait for. Where the cause is sent by the same caller, [Dispatcher.WatchHandled]
// does without the query.
func (d *Dispatcher) WaitHandled(
	ctx context.Context, projection, cause string, n int, handled func(context.Context) (int, error),
) error {
	if n == 0 {
		return nil
	}
	w := d.WatchHandled(projection, cause) // before the query, so that no report is missed
	defer w.Stop()
	count, err := handled(ctx)
	if err != nil || count >= n {
		return err
	}
	return w.Wait(ctx, n, handled)
}

// HandledWatch notes the reports of a projection about one cause.
type HandledWatch struct {
	d        *Dispatcher
	key      handledKey
	reported chan struct{}
}

// WatchHandled begins to note the reports of a projection about a cause that is not sent
// yet: so none is missed, and waiting needs no query. Stop must be called in any case.
func (d *Dispatcher) WatchHandled(projection, cause string) *HandledWatch {
	w := &HandledWatch{
		d:        d,
		key:      handledKey{projection, cause},
		reported: make(chan struct{}, 1),
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handled[w.key] = append(d.handled[w.key], w.reported)
	return w
}

// Stop ends the watch.
func (w *HandledWatch) Stop() {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.handled[w.key] = without(w.d.handled[w.key], w.reported)
	if len(w.d.handled[w.key]) == 0 {
		delete(w.d.handled, w.key)
	}
}

// Wait waits until n of the events that the cause led to are handled, or until ctx is done.
// A report says that at least one is, so a single event needs no query; with more, handled
// counts them after each report.
func (w *HandledWatch) Wait(ctx context.Context, n int, handled func(context.Context) (int, error)) error {
	for n > 0 {
		select {
		case <-w.reported:
		case <-ctx.Done():
			return fmt.Errorf("wait for the projection %s: %w", w.key.projection, ctx.Err())
		}
		if n == 1 {
			return nil
		}
		count, err := handled(ctx)
		if err != nil || count >= n {
			return err
		}
	}
	return nil
}

func (d *Dispatcher) onHandled(msg *nats.Msg) {
	var r report
	if err := json.Unmarshal(msg.Data, &r); err != nil {
		d.log.Error("unreadable report of a projection", "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, cause := range r.Causes {
		for _, ch := range d.handled[handledKey{r.Projection, cause}] {
			select {
			case ch <- struct{}{}:
			default: // one that is not read yet says the same
			}
		}
	}
}
