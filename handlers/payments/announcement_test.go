package payments_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Announcements that a projection is done are hints without a signature. Somebody on the bus
// who announces what is not done yet makes a webhook wait no longer, and changes nothing else.
func TestAForgedAnnouncementOnlyEndsAWait(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	forged := make(chan string, 64)
	_, err := w.Conn.Subscribe(events.CommandSubjects, func(msg *nats.Msg) {
		var cmd events.Command
		if err := json.Unmarshal(msg.Data, &cmd); err != nil {
			t.Error(err)
		}
		if err := bus.ReportHandled(w.Conn, access.GrantProjection, []string{cmd.ID}); err != nil {
			t.Error(err)
		}
		forged <- cmd.ID
	})
	if err != nil {
		t.Fatal(err)
	}
	user, content := w.User("customer"), w.piece(2999)
	w.deliver(paidSession(w, user, content, intentID(), 2999))
	w.Until("the payment opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })
	if len(forged) == 0 {
		t.Error("nothing was announced")
	}
	if n := w.Number(`SELECT count(*) FROM content_access WHERE user_id = $1 AND deleted_at IS NULL`, user); n != 1 {
		t.Errorf("%d grants, want 1", n)
	}
}
