package streaming_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/outbox"
)

// recorder keeps a log.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
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

// message is an event as it travels, without a signature.
func message(e events.Event) *nats.Msg {
	return &nats.Msg{Subject: events.Subject(e.Tenant, e.Type), Header: e.Headers(), Data: e.Data}
}

// inject puts messages on the stream over a connection of its own, as a client with nothing
// but the credentials of the bus would, and waits until the stream has them.
func (w *harness) inject(messages ...*nats.Msg) {
	w.Helper()
	conn := handlertest.Must(bus.Connect(w.Bus.URL(), "intruder", w.Logger))(w.T)
	defer conn.Close()
	js := handlertest.Must(jetstream.New(conn))(w.T)
	for _, msg := range messages {
		if _, err := js.PublishMsg(context.Background(), msg); err != nil {
			w.Fatal(err)
		}
	}
}

// settled publishes a purchase of somebody else and waits for its access: what was on the
// stream before it has been handled by then.
func (w *harness) settled() {
	w.Helper()
	f, v := w.film(""), w.signIn()
	p := v.buy(f)
	w.publish(p, p.completed(), 1)
	w.Eventually(1, liveGrants, v.id, f.id)
}

func TestForgedEventsOpenNoAccess(t *testing.T) {
	t.Parallel()
	logged := &recorder{}
	w := newHarness(t, options{log: slog.New(slog.NewTextHandler(logged, nil))})
	f := w.film("")
	thief := w.signIn()
	other := handlertest.Must(bus.NewKeys("a secret that is not of this installation"))(t)
	var forged []events.Event
	for _, sign := range map[string]func(*nats.Msg) error{
		"unsigned":               func(*nats.Msg) error { return nil },
		"signed as a command":    handlertest.Keys().Sign,
		"signed by a stranger":   other.Sign,
		"with a made-up version": func(m *nats.Msg) error { m.Header.Set("Codex-Signature", "t=1,v1=00"); return nil },
	} {
		p := thief.buy(f)
		e := w.event(p, p.completed(), 1)
		msg := message(e)
		if err := sign(msg); err != nil {
			t.Fatal(err)
		}
		forged = append(forged, e)
		w.inject(msg)
	}
	// With the key and the version of an event that exists.
	buyer := w.signIn()
	bought := buyer.buy(f)
	genuine := w.publish(bought, bought.completed(), 1)
	copied := w.event(bought, thief.buy(f).completed(), 1)
	copied.ID = genuine.ID
	msg := message(copied)
	msg.Header.Set(events.HeaderMsgID, uuid.NewString())
	w.inject(msg)
	w.settled()

	if n := w.Number(`SELECT count(*) FROM content_access WHERE user_id = $1`, thief.id); n != 0 {
		t.Errorf("%d grants of the thief", n)
	}
	thief.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")
	w.Eventually(1, liveGrants, buyer.id, f.id)
	buyer.stream(f, "").Want(http.StatusOK, "")
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	for _, e := range forged {
		if n := w.Number(`SELECT count(*) FROM reaction_inbox WHERE event_id = $1`, e.ID); n != 0 {
			t.Errorf("the forged event %s is marked as handled", e.ID)
		}
	}
	w.Until("the log says what was refused", func() bool {
		return strings.Contains(logged.String(), `msg="events refused" consumer=reaction-access`)
	})
	if strings.Contains(logged.String(), thief.id) {
		t.Error("the log shows what the forged events say")
	}
}

// Genuine events, recorded and put on the stream again, whoever does it.
func TestReplayedEventsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	js := handlertest.Must(jetstream.New(w.Conn))(t)
	recording := handlertest.Must(js.CreateConsumer(context.Background(), events.EventStream, jetstream.ConsumerConfig{
		FilterSubjects: []string{events.SubjectFor("purchase.completed")},
	}))(t)
	f, v := w.film(""), w.signIn()
	p := v.buy(f)
	w.publish(p, p.completed(), 1)
	w.Eventually(1, liveGrants, v.id, f.id)
	w.publish(p, p.refunded(true), 2)
	w.Eventually(0, liveGrants, v.id, f.id)
	recorded := handlertest.Must(recording.Next())(t)
	w.settled()
	written := `SELECT count(*) FROM outbox`
	before := w.Number(written)

	for range 3 {
		again := nats.NewMsg(recorded.Subject())
		again.Header, again.Data = recorded.Headers(), recorded.Data()
		again.Header.Set(events.HeaderMsgID, uuid.NewString()) // past the server's duplicate window
		w.inject(again)
	}
	w.settled()
	v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")
	if n := w.Number(liveGrants, v.id, f.id); n != 0 {
		t.Errorf("%d grants after the replay", n)
	}
	// The purchase that was waited for and its grant, with nothing from the replay.
	w.Eventually(before+2, written)
}

// A relay of the version before signs nothing. What it published last is on the stream when
// the reactions of this version start.
func TestUnsignedEventsOfTheOutboxAreHandled(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.settled() // the relay has compared the stream with the outbox
	f, v := w.film(""), w.signIn()
	p := v.buy(f)
	e := w.event(p, p.completed(), 1)
	e.Time = e.Time.Truncate(time.Microsecond) // as the relay reads it
	err := pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error {
		err := outbox.Append(t.Context(), tx, e)
		if err == nil { // so that the relay of this version leaves it alone
			_, err = tx.Exec(t.Context(), `UPDATE outbox SET published_at = now() WHERE event_id = $1`, e.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.inject(message(e))
	w.Eventually(1, liveGrants, v.id, f.id)
}
