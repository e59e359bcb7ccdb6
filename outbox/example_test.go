package outbox_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/outbox"
)

// An event is appended in the transaction of the change that it reports. It is then
// certain to be published, and until then it waits in its row.
func ExampleAppend() {
	ctx := context.Background()
	url, drop, err := pgtest.Create()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = drop() }()
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close(ctx) }()

	fact := events.Fact{
		Tenant:      "a-creator",
		AggregateID: "a-film",
		Version:     3,
		Payload:     events.ContentUnpublished{ContentID: "a-film"},
	}
	cause := events.Cause{
		ID:            "a-command",
		CorrelationID: "a-request",
		ActorID:       "a-creator",
		At:            time.Now(),
	}
	event, err := fact.Event("0190a8a4-0000-7000-8000-000000000001", cause)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// The change of the film's row goes here.
		return outbox.Append(ctx, tx, event)
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	var (
		eventType, data string
		version         int
		published       bool
	)
	err = db.QueryRow(ctx, `SELECT type, version, data, published_at IS NOT NULL FROM outbox`).
		Scan(&eventType, &version, &data, &published)
	fmt.Println(eventType, version, data, published, err)
	// Output: content.unpublished 3 {"content_id":"a-film"} false <nil>
}
