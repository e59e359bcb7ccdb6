package events_test

import (
	"fmt"
	"time"

	"github.com/codex-platform/codex/events"
)

// A subscriber reads headers and body of a NATS message and switches on the type.
func ExampleFromMessage() {
	headers := map[string][]string{
		"ce-id":               {"0190a8a4-0000-7000-8000-000000000001"},
		"ce-type":             {"purchase.completed"},
		"ce-time":             {"2026-11-24T12:00:00Z"},
		"ce-subject":          {"a-purchase"},
		"ce-tenantid":         {"a-tenant"},
		"ce-aggregateversion": {"1"},
	}
	body := []byte(`{"purchase_id":"a-purchase","amount_cents":2999,"platform_fee_cents":300,
		"creator_payout_cents":2699,"currency":"gbp"}`)

	event, err := events.FromMessage(headers, body)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := event.Decode()
	if err != nil {
		fmt.Println(err)
		return
	}
	switch p := payload.(type) {
	case *events.PurchaseCompleted:
		fmt.Printf("%s v%d: %d %s, %d to the creator\n",
			event.AggregateID, event.Version, p.AmountCents, p.Currency, p.CreatorPayoutCents)
	default:
		fmt.Println("not for us:", event.Type)
	}
	// Output: a-purchase v1: 2999 gbp, 2699 to the creator
}

// One NATS permission confines a subscriber to what it may know.
func ExampleSubject() {
	fmt.Println(events.Subject("7f3a", "purchase.completed"))
	fmt.Println(events.SubjectFor("purchase.completed"))
	// Output:
	// codex.events.7f3a.purchase.completed
	// codex.events.*.purchase.completed
}

// A change of several events numbers them densely: 4 and 5 lead to version 5.
func ExampleFacts() {
	facts := events.Facts("a-creator", "a-film", 5,
		events.ContentUnpublished{ContentID: "a-film"}, events.ContentDeleted{ContentID: "a-film"})
	for _, f := range facts {
		fmt.Println(f.Version, f.Payload.EventType())
	}
	// Output:
	// 4 content.unpublished
	// 5 content.deleted
}

// A fact gets its envelope from what caused it.
func ExampleFact_Event() {
	command := events.Command{ID: "a-command", ActorID: "a-creator", CorrelationID: "a-request"}
	fact := events.Fact{
		Tenant:      "a-creator",
		AggregateID: "a-film",
		Version:     1,
		Payload:     events.ContentDeleted{ContentID: "a-film"},
	}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	event, err := fact.Event("0190a8a4-0000-7000-8000-000000000002", events.CauseOf(command, at))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Type, event.CausationID, event.CorrelationID, string(event.Data))
	// Output: content.deleted a-command a-request {"content_id":"a-film"}
}

// The registry lists every event type with the struct of its data.
func ExampleLookup() {
	entry, ok := events.Lookup("purchase.completed")
	_, isPurchase := entry.New().(*events.PurchaseCompleted)
	fmt.Println(ok, entry.SchemaURI(), isPurchase)
	// Output: true urn:codex:event:purchase.completed:1 true
}
