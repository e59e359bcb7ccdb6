package bus

import "github.com/nats-io/nats.go"

const wakeSubject = "codex.relay.wake"

// WakeRelay hints that the outbox has rows. The relay polls as well, so a lost hint costs
// a moment and nothing else.
func WakeRelay(conn *nats.Conn) error { return conn.Publish(wakeSubject, nil) }

// OnWake calls f whenever a process hints that the outbox has rows.
func OnWake(conn *nats.Conn, f func()) (*nats.Subscription, error) {
	sub, err := conn.Subscribe(wakeSubject, func(*nats.Msg) { f() })
	if err != nil {
		return nil, err
	}
	return sub, neverDrop(sub)
}
