package handlertest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
)

// History returns the events of an aggregate as "type vN", in order. It checks that each
// has a complete envelope, can be decoded and holds none of the personal texts.
func (w *Harness) History(aggregate string, personal ...string) string {
	w.Helper()
	rows, err := w.Pool.Query(context.Background(), `
SELECT type, version, tenant, actor_id, causation_id, correlation_id, data
FROM outbox WHERE aggregate_id = $1 ORDER BY version`, aggregate)
	if err != nil {
		w.Fatal(err)
	}
	var e events.Event
	var history []string
	columns := []any{&e.Type, &e.Version, &e.Tenant, &e.ActorID, &e.CausationID, &e.CorrelationID, &e.Data}
	_, err = pgx.ForEachRow(rows, columns, func() error {
		history = append(history, fmt.Sprintf("%s v%d", e.Type, e.Version))
		if _, err := e.Decode(); err != nil {
			w.Error(err)
		}
		if e.Tenant == "" || e.ActorID == "" || e.CausationID == "" || e.CorrelationID == "" {
			w.Errorf("event %s lacks a part of its envelope: %+v", e.Type, e)
		}
		for _, text := range personal {
			if strings.Contains(string(e.Data), text) {
				w.Errorf("event %s holds personal data: %s", e.Type, e.Data)
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return strings.Join(history, ", ")
}
