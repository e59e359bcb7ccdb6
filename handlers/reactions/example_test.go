package reactions_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// A projection gets the events that are waiting as one batch, in the transaction in which
// they are marked as handled. Here it would keep a table of what is live.
func ExampleProjection() {
	live := reactions.Projection{
		Name:   "live",
		Events: []string{events.ContentPublished{}.EventType(), events.ContentUnpublished{}.EventType()},
		Apply: func(_ context.Context, _ pgx.Tx, batch []reactions.Event) error {
			for _, e := range batch {
				switch p := e.Payload.(type) {
				case *events.ContentPublished:
					fmt.Println("insert", p.ContentID)
				case *events.ContentUnpublished:
					fmt.Println("delete", p.ContentID)
				}
			}
			return nil
		},
	}

	published := events.Facts("a-creator", "a-film", 2, events.ContentPublished{ContentID: "a-film"})
	event, err := published[0].Event("0190a8a4-0000-7000-8000-000000000001", events.Cause{ID: "a-command"})
	if err != nil {
		fmt.Println(err)
		return
	}
	delivered, err := reactions.NewEvent(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(live.Apply(context.Background(), nil, []reactions.Event{delivered}))
	// Output:
	// insert a-film
	// <nil>
}
