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
// makes a caller of [Dispatcher.WaitHandled] wait until its deadline.
func ReportHandled(conn *nats.Conn, projection string, causes []string) error {
	body, err := json.Marshal(report{Projection: projection, Causes: causes})
	if err != nil {
		return fmt.Errorf("marshal the report of %s: %w", projection, err)
	}
	return conn.Publish(handledSubject, body)
}

// WaitHandled waits until a projection has handled n of the events that a cause, usually
// a command, led to, or until ctx is done. handled returns how many it has handled so
// far, as Postgres knows it: it decides, and the reports of the projection only say when
// to query again. n is the Awaits of the command's reply; with 0 there is nothing to wait for.
func (d *Dispatcher) WaitHandled(
	ctx context.Context, projection, cause string, n int, handled func(context.Context) (int, error),
) error {
	for n > 0 {
		reported, done := d.watch(projection, cause) // before asking, so that no report is missed
		count, err := handled(ctx)
		if err != nil || count >= n {
			done()
			return err
		}

		select {
		case <-reported:
			done()
		case <-ctx.Done():
			done()
			return fmt.Errorf("wait for the projection %s: %w", projection, ctx.Err())
		}
	}
	return nil
}

// watch returns a channel that is closed at the next report of a projection about a
// cause. done must be called in any case.
func (d *Dispatcher) watch(projection, cause string) (reported <-chan struct{}, done func()) {
	ch := make(chan struct{})
	key := handledKey{projection, cause}
	d.mu.Lock()
	d.handled[key] = append(d.handled[key], ch)
	d.mu.Unlock()
	return ch, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.handled[key] = without(d.handled[key], ch)
		if len(d.handled[key]) == 0 {
			delete(d.handled, key)
		}
	}
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
		key := handledKey{r.Projection, cause}
		for _, ch := range d.handled[key] {
			close(ch)
		}
		delete(d.handled, key)
	}
}
