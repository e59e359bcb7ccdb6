package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
)

// ReceivedEvent is an event of the payment provider as it is stored.
type ReceivedEvent struct {
	ID         string
	Type       string
	APIVersion string
	Created    time.Time
	// Payload is the whole event as it was received.
	Payload    []byte
	ReceivedAt time.Time
	// Result is set for an event without a command, which counts as processed.
	Result string
}

// QueueEvents queues the write of events. Those whose id had no row before are noted in
// inserted; an id that appears twice is written once. The rows are written in the order of
// list: sort it by id, so that two transactions with the same events do not deadlock.
func QueueEvents(b *pgx.Batch, list []ReceivedEvent, inserted map[string]bool) {
	var (
		ids, types, versions, results []string
		created, received             []time.Time
		payloads                      [][]byte
	)
	for _, e := range list {
		ids = append(ids, e.ID)
		types = append(types, e.Type)
		versions = append(versions, e.APIVersion)
		created = append(created, e.Created)
		payloads = append(payloads, e.Payload)
		received = append(received, e.ReceivedAt)
		results = append(results, e.Result)
	}
	b.Queue(`
INSERT INTO stripe_events (event_id, type, api_version, created, payload, received_at, processed_at, result)
SELECT id, type, version, created, payload, received, CASE WHEN result <> '' THEN received END, NULLIF(result, '')
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bytea[], $6::timestamptz[], $7::text[])
     AS e (id, type, version, created, payload, received, result)
ON CONFLICT (event_id) DO NOTHING RETURNING event_id`,
		ids, types, versions, created, payloads, received, results).Query(func(rows pgx.Rows) error {
		fresh, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, id := range fresh {
			inserted[id] = true
		}
		return err
	})
}

// QueueProcessed queues the result of an applied event of the provider.
func QueueProcessed(b *pgx.Batch, eventID, result string, now time.Time) {
	b.Queue(processedSQL, eventID, result, now)
}

const processedSQL = `
UPDATE stripe_events SET processed_at = $3, result = $2
WHERE event_id = $1 AND processed_at IS NULL`

// Processed is QueueProcessed for one event.
func Processed(ctx context.Context, db postgres.Execer, eventID, result string, now time.Time) error {
	if _, err := db.Exec(ctx, processedSQL, eventID, result, now); err != nil {
		return fmt.Errorf("mark event as processed: %w", err)
	}
	return nil
}

// StoredEvent returns the payload of a stored event, and whether it was processed.
func StoredEvent(ctx context.Context, db postgres.RowQueryer, id string) (payload []byte, processed bool, err error) {
	err = db.QueryRow(ctx, `SELECT payload, processed_at IS NOT NULL FROM stripe_events WHERE event_id = $1`, id).
		Scan(&payload, &processed)
	if err != nil {
		return nil, false, fmt.Errorf("read stored event: %w", err)
	}
	return payload, processed, nil
}

// ReopenEvent takes a result back, so that the event can get another one.
func ReopenEvent(ctx context.Context, db postgres.Execer, eventID, result string) error {
	if _, err := db.Exec(ctx, `
UPDATE stripe_events SET processed_at = NULL, result = NULL WHERE event_id = $1 AND result = $2`,
		eventID, result); err != nil {
		return fmt.Errorf("open event again: %w", err)
	}
	return nil
}

// StoredEvents returns which of these events are stored.
func StoredEvents(ctx context.Context, db postgres.Queryer, ids []string) (map[string]bool, error) {
	rows, err := db.Query(ctx, `SELECT event_id FROM stripe_events WHERE event_id = ANY($1::text[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("compare events: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("compare events: %w", err)
	}
	stored := make(map[string]bool, len(found))
	for _, id := range found {
		stored[id] = true
	}
	return stored, nil
}

// EventPosition is the place of an event in the order in which events are received. The
// zero value is before all of them.
type EventPosition struct {
	ReceivedAt time.Time
	ID         string
}

// UnprocessedEvents returns the events after a position that were received before a time
// and have no result, in the order in which they were received.
func UnprocessedEvents(
	ctx context.Context, db postgres.Queryer, after EventPosition, before time.Time, limit int,
) ([]EventPosition, error) {
	rows, err := db.Query(ctx, `
SELECT received_at, event_id FROM stripe_events
WHERE processed_at IS NULL AND received_at < $1
  AND received_at >= $2 AND (received_at, event_id) > ($2, $3)
ORDER BY received_at, event_id LIMIT $4`, before, after.ReceivedAt, after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("read unprocessed events: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[EventPosition])
	if err != nil {
		return nil, fmt.Errorf("read unprocessed events: %w", err)
	}
	return list, nil
}

// ClaimReconciliation begins a comparison with the provider's list of events, unless one
// began after a time. It returns up to when the list was compared, zero before the first
// time. A claim in the future, of a clock that was wrong, does not count.
func ClaimReconciliation(
	ctx context.Context, db postgres.RowQueryer, now, after time.Time,
) (seen time.Time, claimed bool, err error) {
	var stored *time.Time
	err = db.QueryRow(ctx, `
UPDATE stripe_watermark SET claimed_at = $1
WHERE claimed_at IS NULL OR claimed_at <= $2 OR claimed_at > $1
RETURNING seen_until`, now, after).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("claim the reconciliation: %w", err)
	}
	return domain.OrZero(stored).UTC(), true, nil
}

// MoveWatermark records up to when the list was compared. It never moves back.
func MoveWatermark(ctx context.Context, db postgres.Execer, until time.Time) error {
	if _, err := db.Exec(ctx, `UPDATE stripe_watermark SET seen_until = GREATEST(seen_until, $1)`, until); err != nil {
		return fmt.Errorf("move the watermark: %w", err)
	}
	return nil
}
