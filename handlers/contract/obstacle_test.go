package contract_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestRequestDuringASchemaChangeGets202AndItsOutcomeAfterwards(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	w.Serve(w.Edge(func(cfg *edge.Config) {
		cfg.Development = true
		cfg.Wait = time.Second
	}, w.modules(handlertest.Passwords(t))...).Handler())
	sweeper := &commands.Sweeper{Pool: w.Pool, Dispatcher: w.Dispatcher, Now: time.Now}
	w.StartJobs([]string{"commands.sweep"}, handlers.Module{Jobs: sweeper.Jobs()})

	o := d.operations["createContent"]
	s, r := w.prepared(o)
	w.Exec(`ALTER TABLE content RENAME COLUMN title TO title_of_the_next_version`)
	first := s.sendKeyed(o, r)
	place := first.Header.Get("Location")
	if first.Status != http.StatusAccepted || place == "" {
		t.Fatalf("without the column: %d %s", first.Status, first.Body)
	}
	operation := w.send(request{Method: http.MethodGet, Path: place, Session: r.Session})
	if operation.Text("data.status") != "accepted" {
		t.Errorf("without the column the operation is %s", operation.Body)
	}
	w.Exec(`ALTER TABLE content RENAME COLUMN title_of_the_next_version TO title`)
	w.Eventually(1, `SELECT count(*) FROM commands WHERE response_status = 201`)
	operation = w.send(request{Method: http.MethodGet, Path: place, Session: r.Session})
	if operation.At("data.response.status") != 201.0 {
		t.Errorf("the operation is %s", operation.Body)
	}
	if again := s.sendKeyed(o, r); again.Status != http.StatusCreated {
		t.Errorf("the same request: %d %s", again.Status, again.Body)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}
