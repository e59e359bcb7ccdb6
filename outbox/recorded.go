package outbox

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
)

const recordedSQL = `
SELECT candidate, ` + envelope + `
FROM unnest($1::int[], $2::date[], $3::text[], $4::bigint[], $5::uuid[]) AS c (candidate, d, aggregate, v, id)
JOIN outbox ON day = d AND aggregate_id = aggregate AND version = v AND event_id = id`

// Recorded reports for each event whether the outbox has it, with the same envelope and data.
// Anybody may have made the events: one that cannot be in a database is not recorded.
func Recorded(ctx context.Context, db postgres.Queryer, batch []events.Event) ([]bool, error) {
	recorded := make([]bool, len(batch))
	var (
		candidates []int32
		days       []time.Time
		aggregates []string
		versions   []int64
		ids        []string
	)
	for i, e := range batch {
		id, err := uuid.Parse(e.ID)
		if err != nil || id.String() != e.ID || !utf8.ValidString(e.AggregateID) || strings.ContainsRune(e.AggregateID, 0) {
			continue
		}
		candidates = append(candidates, int32(i))
		days = append(days, e.Time.UTC())
		aggregates = append(aggregates, e.AggregateID)
		versions = append(versions, e.Version)
		ids = append(ids, e.ID)
	}
	if len(candidates) == 0 {
		return recorded, nil
	}

	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	rows, err := db.Query(ctx, recordedSQL, candidates, days, aggregates, versions, ids)
	if err != nil {
		return nil, fmt.Errorf("look for events in the outbox: %w", err)
	}
	var (
		i    int32
		e    events.Event
		data []byte
	)
	_, err = pgx.ForEachRow(rows, append([]any{&i}, scan(&e, &data)...), func() error {
		e.Data = data
		recorded[i] = equal(e, batch[i])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for events in the outbox: %w", err)
	}
	return recorded, nil
}

func equal(a, b events.Event) bool {
	return maps.EqualFunc(a.Headers(), b.Headers(), slices.Equal) && bytes.Equal(a.Data, b.Data)
}
