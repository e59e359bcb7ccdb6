package events_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/events"
)

func TestNamesAndFieldsFollowTheContract(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z]+\.[a-z_]+$`)
	field := regexp.MustCompile(`^[a-z0-9_]+(,omitempty)?$`)
	personal := regexp.MustCompile(`email|name|title|description|address`)
	if len(events.Registry()) == 0 {
		t.Fatal("nothing is registered")
	}
	for _, entry := range events.Registry() {
		if !name.MatchString(entry.Type) || entry.Doc == "" {
			t.Errorf("%q, %q: not a documented aggregate.past_tense", entry.Type, entry.Doc)
		}
		if got := entry.New().EventType(); got != entry.Type {
			t.Errorf("%s makes a %s", entry.Type, got)
		}
		payload := reflect.TypeOf(entry.New()).Elem()
		for i := range payload.NumField() {
			tag := payload.Field(i).Tag.Get("json")
			if !field.MatchString(tag) {
				t.Errorf("%s: field %s has the JSON name %q", entry.Type, payload.Field(i).Name, tag)
			}
			if personal.MatchString(tag) && payload.Field(i).Type.Kind() != reflect.Bool {
				t.Errorf("%s: field %q may hold free text of a person", entry.Type, tag)
			}
		}
	}
}

func TestDecodeIgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	e := events.Event{ID: "1", Type: "content.deleted", Data: json.RawMessage(`{"content_id":"c","added_later":true}`)}
	payload, err := e.Decode()
	if err != nil {
		t.Fatal(err)
	}
	if got := payload.(*events.ContentDeleted).ContentID; got != "c" {
		t.Errorf("content id = %q", got)
	}
	e.Type = "content.from_the_future"
	if _, err := e.Decode(); err == nil {
		t.Error("an unknown type was decoded")
	}
}

func TestFromMessageRejectsMissingAttributes(t *testing.T) {
	t.Parallel()
	whole := events.Event{
		ID:          "1",
		Type:        "content.deleted",
		Tenant:      "t",
		AggregateID: "a",
		Version:     1,
		Time:        time.Now(),
	}.Headers()
	if _, err := events.FromMessage(whole, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	required := []string{
		events.HeaderID,
		events.HeaderType,
		events.HeaderSubject,
		events.HeaderTenant,
		events.HeaderVersion,
		events.HeaderTime,
	}
	for _, missing := range required {
		headers := map[string][]string{}
		for k, v := range whole {
			if k != missing {
				headers[k] = v
			}
		}
		if _, err := events.FromMessage(headers, []byte(`{}`)); err == nil {
			t.Errorf("a message without %s was accepted", missing)
		}
	}
	if _, err := events.FromMessage(whole, []byte(`{`)); err == nil {
		t.Error("a body that is no JSON was accepted")
	}
}

func TestPayloadHashDependsOnTypeAndPayloadOnly(t *testing.T) {
	t.Parallel()
	a := events.Command{
		ID:          "1",
		Type:        "content.create",
		ActorID:     "x",
		AggregateID: "1",
		Payload:     []byte(`{"a":1}`),
		IssuedAt:    time.Now(),
	}
	b := events.Command{
		ID:          "2",
		Type:        "content.create",
		ActorID:     "y",
		AggregateID: "2",
		Payload:     []byte(`{"a":1}`),
	}
	if a.PayloadHash() != b.PayloadHash() {
		t.Error("actor, time or aggregate changed the hash")
	}
	b.Payload = []byte(`{"a":2}`)
	if a.PayloadHash() == b.PayloadHash() {
		t.Error("another payload has the same hash")
	}
	b.Payload, b.Type = a.Payload, "content.update"
	if a.PayloadHash() == b.PayloadHash() {
		t.Error("another type has the same hash")
	}
}

func TestPartitionsAreStableAndWithinBounds(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for _, id := range strings.Split("a b c d e f g h i j k l m n o p", " ") {
		p := events.Partition(id, 4)
		if p < 0 || p > 3 || p != events.Partition(id, 4) {
			t.Fatalf("partition of %q = %d", id, p)
		}
		seen[p] = true
	}
	if len(seen) != 4 {
		t.Errorf("16 ids fell into %d of 4 partitions", len(seen))
	}
}

// Whatever an id holds, it stays one token: it cannot widen a subject.
func FuzzSubjectToken(f *testing.F) {
	long := strings.Repeat("x", 300)
	for _, s := range []string{"", "a.b", "*", ">", "a b", "a\x00b", "codex.events.>", "ünïcode", long} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := events.Token(s)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n\x00") {
			t.Errorf("Token(%q) = %q", s, token)
		}
		if got := strings.Count(events.Subject(s, "content.created"), "."); got != 4 {
			t.Errorf("Subject(%q) = %q", s, events.Subject(s, "content.created"))
		}
	})
}

// Whatever arrives, reading it neither panics nor accepts what cannot be written again.
func FuzzFromMessage(f *testing.F) {
	f.Add("1", "content.created", "t", "a", "1", "2026-01-01T00:00:00Z", []byte(`{}`))
	f.Add("", "", "", "", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, id, typ, tenant, subject, version, at string, body []byte) {
		e, err := events.FromMessage(map[string][]string{
			events.HeaderID: {id}, events.HeaderType: {typ}, events.HeaderTenant: {tenant}, events.HeaderSubject: {subject},
			events.HeaderVersion: {version}, events.HeaderTime: {at},
		}, body)
		if err != nil {
			return
		}
		again, err := events.FromMessage(e.Headers(), e.Data)
		if err != nil || again.ID != e.ID || again.Version != e.Version || !again.Time.Equal(e.Time) {
			t.Errorf("%+v was read, and again as %+v, %v", e, again, err)
		}
	})
}
