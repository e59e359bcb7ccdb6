package outbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/outbox"
)

func TestRecordedKnowsEventsByAllThatTheySay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := event("known", 1)
	e.Time = e.Time.Truncate(time.Microsecond)
	w.append(t, e, event("other", 1))
	changed := func(change func(*events.Event)) events.Event {
		c := e
		change(&c)
		return c
	}
	changes := map[string]func(*events.Event){
		"another id":         func(c *events.Event) { c.ID = uuid.NewString() },
		"no uuid":            func(c *events.Event) { c.ID = "x" },
		"the id in braces":   func(c *events.Event) { c.ID = "{" + c.ID + "}" },
		"another type":       func(c *events.Event) { c.Type = "content.deleted" },
		"another time":       func(c *events.Event) { c.Time = c.Time.Add(time.Microsecond) },
		"another day":        func(c *events.Event) { c.Time = c.Time.AddDate(0, 0, 1) },
		"the year 9999":      func(c *events.Event) { c.Time = c.Time.AddDate(7900, 0, 0) },
		"another tenant":     func(c *events.Event) { c.Tenant = "other" },
		"another aggregate":  func(c *events.Event) { c.AggregateID = "other" },
		"a NUL":              func(c *events.Event) { c.AggregateID = "known\x00" },
		"broken UTF-8":       func(c *events.Event) { c.AggregateID = "known\xff" },
		"another version":    func(c *events.Event) { c.Version = 2 },
		"a negative version": func(c *events.Event) { c.Version = -1 << 63 },
		"another cause":      func(c *events.Event) { c.CausationID = "other" },
		"another actor":      func(c *events.Event) { c.ActorID = "stripe" },
		"other data":         func(c *events.Event) { c.Data = []byte(`{}`) },
	}
	batch, names := []events.Event{e}, []string{"itself"}
	for name, change := range changes {
		batch, names = append(batch, changed(change)), append(names, name)
	}
	batch, names = append(batch, e), append(names, "itself")

	recorded, err := outbox.Recorded(context.Background(), w.db, batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range recorded {
		if want := names[i] == "itself"; got != want {
			t.Errorf("%s: recorded is %t, want %t", names[i], got, want)
		}
	}
}
