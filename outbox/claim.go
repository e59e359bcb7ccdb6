package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/codex-platform/codex/events"
)

// claimSQL reads what is unpublished, but for the positions that are in flight. It begins
// at the lowest position each time: a position that was seen already says nothing about
// lower ones, which slower transactions may commit yet.
const claimSQL = `
SELECT position, day, ctid, ` + envelope + `
FROM outbox WHERE published_at IS NULL AND position NOT IN (SELECT unnest($2::bigint[]))
ORDER BY position LIMIT $1`

// envelope is the columns of an event, in the order of scan.
const envelope = `event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id, traceparent,
       data, occurred_at`

// scan returns where the columns of envelope are scanned to.
func scan(e *events.Event, data *[]byte) []any {
	return []any{
		&e.ID, &e.Type, &e.Tenant, &e.AggregateID, &e.Version, &e.CausationID, &e.CorrelationID, &e.ActorID,
		&e.TraceParent, data, &e.Time,
	}
}

// row names a row of the outbox: its partition by the day, and where it stands there.
type row struct {
	day      time.Time
	tid      pgtype.TID
	position int64
}

// claimTimeout is long: while an old snapshot is held elsewhere, a claim passes over the
// index entries of all that was marked since.
const claimTimeout = 15 * time.Second

// claim returns up to limit unpublished events in the order of their positions. It locks
// nothing: the lease makes this relay the only one, and rows that a stopped relay had
// locked would have to be waited for.
func claim(
	ctx context.Context, conn *pgx.Conn, limit int, inFlight []int64,
) (claimed []events.Event, claimedRows []row, err error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	rows, err := conn.Query(ctx, claimSQL, limit, inFlight)
	if err != nil {
		return nil, nil, fmt.Errorf("claim: %w", err)
	}
	var (
		e    events.Event
		at   row
		data []byte
	)
	_, err = pgx.ForEachRow(rows, append([]any{&at.position, &at.day, &at.tid}, scan(&e, &data)...), func() error {
		e.Data = data
		data = nil
		claimed, claimedRows = append(claimed, e), append(claimedRows, at)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("claim: %w", err)
	}
	return claimed, claimedRows, nil
}

// waves groups a batch: the n-th event of every aggregate is in wave n.
func waves(claimed []events.Event) [][]int {
	var result [][]int
	count := make(map[string]int, len(claimed))
	for i, e := range claimed {
		n := count[e.AggregateID]
		count[e.AggregateID]++
		if n == len(result) {
			result = append(result, nil)
		}
		result[n] = append(result[n], i)
	}
	return result
}
