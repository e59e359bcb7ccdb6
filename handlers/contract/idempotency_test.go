package contract_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// keyed are the operations that take an Idempotency-Key, and commands those of them
// that may be asked for without waiting.
func (d *description) keyed() (keyed, commands []string) {
	for _, name := range d.names() {
		takes := map[string]bool{}
		for _, p := range d.operations[name].Parameters {
			takes[at[string](p, "name")] = true
		}
		if takes["Idempotency-Key"] {
			keyed = append(keyed, name)
		}
		if takes["Prefer"] {
			commands = append(commands, name)
		}
	}
	return keyed, commands
}

// prepared is a request that its operation's fixture makes, with a key.
func (w *harness) prepared(o *operation) (*stage, request) {
	w.Helper()
	f := fixtures[o.ID]
	s := w.stage()
	s.enter(f.state)
	return s, s.prepared(o)
}

func (s *stage) prepared(o *operation) request {
	s.Helper()
	f := fixtures[o.ID]
	var content []byte
	kind := ""
	switch {
	case f.raw != nil:
		content, kind = f.raw(s)
	case o.Type == "application/json":
		content, kind = handlertest.Must(json.Marshal(f.body(s, o)))(s), "application/json"
	}
	r := s.request(o, f.actor, content, kind)
	r.Header["Idempotency-Key"] = uuid.NewString()
	return r
}

// sendKeyed sends a request, signed anew where its actor signs: a signature is good
// for once, a key for seven days.
func (s *stage) sendKeyed(o *operation, r request) answer {
	s.Helper()
	r.Header = maps.Clone(r.Header)
	return s.send(s.signed(r, fixtures[o.ID].actor))
}

// sendUntilAvailable is sendKeyed as a client does it that repeats what got a 503: pictures
// are converted during the request, and on a busy machine that takes too long at times.
func (s *stage) sendUntilAvailable(o *operation, r request) answer {
	s.Helper()
	for deadline := time.Now().Add(handlertest.Within); ; {
		a := s.sendKeyed(o, r)
		if a.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return a
		}
	}
}

// withBody returns the request with another body.
func withBody(r request, body map[string]any) request {
	content, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r.Body = content
	return r
}

// preferring returns the request with a preference.
func preferring(r request, what string) request {
	r.Header = maps.Clone(r.Header)
	r.Header["Prefer"] = what
	return r
}

func TestRepeatedRequestWithOneKeyGetsTheSameResponse(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	keyed, _ := d.keyed()
	t.Logf("%d operations take a key", len(keyed))
	if len(keyed) < 20 {
		t.Fatalf("only %v take a key", keyed)
	}
	for _, name := range keyed {
		t.Run(name, func(t *testing.T) {
			o := d.operations[name]
			s, r := w.in(t).prepared(o)
			first := s.sendKeyed(o, r)
			if first.Status >= 300 {
				t.Fatalf("the example has the response %d %s", first.Status, first.Body)
			}
			// What the first one changed must not change the response to the second. A session
			// that it ended is the one exception, because authentication comes first.
			second := s.sendKeyed(o, r)
			if second.Status == http.StatusUnauthorized && endsTheSession[name] {
				return
			}
			if second.Status != first.Status || unsigned(second.Body) != unsigned(first.Body) {
				t.Errorf("first %d %s, then %d %s", first.Status, first.Body, second.Status, second.Body)
			}
		})
	}
}

// unsigned returns a body without what differs between two signatures of one URL, which
// are made for each response.
func unsigned(body string) string { return signature.ReplaceAllString(body, "") }

var signature = regexp.MustCompile(`X-Amz-(Date|Signature)=[0-9A-Za-z]+`)

// endsTheSession are the operations that end the request's session.
var endsTheSession = map[string]bool{"deleteAccount": true}

func TestKeyOfAnotherRequestIsRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	keyed, _ := d.keyed()
	for _, name := range keyed {
		t.Run(name, func(t *testing.T) {
			o := d.operations[name]
			s, r := w.in(t).prepared(o)
			if endsTheSession[name] || (o.Type == "" && !strings.Contains(o.Path, "{")) {
				// There is no other request of it: it comes with the key of another operation.
				other := d.operations["uploadAvatar"]
				used := s.prepared(other)
				used.Header["Idempotency-Key"], used.Session = r.Header["Idempotency-Key"], r.Session
				s.accepts(other, used)
				s.refusesReuse(s.sendKeyed(o, r))
				return
			}
			s.accepts(o, r)
			others := 0
			var body map[string]any
			if content, _ := r.Body.([]byte); o.Type == "application/json" && json.Unmarshal(content, &body) == nil {
				for _, other := range variations(o, body) {
					again := s.sendKeyed(o, withBody(r, other))
					if again.Status == http.StatusBadRequest {
						continue // it would not have been a request
					}
					others++
					s.refusesReuse(again)
				}
			}
			if strings.Contains(o.Path, "{") || fixtures[name].raw != nil {
				// The same words about something else, or another picture.
				s.moveOn()
				s.enter(fixtures[name].state)
				next := s.prepared(o)
				next.Header["Idempotency-Key"] = r.Header["Idempotency-Key"]
				others++
				s.refusesReuse(s.sendKeyed(o, next))
			}
			if others == 0 {
				t.Error("there was no other request")
			}
		})
	}
}

// accepts sends a request that has to succeed.
func (s *stage) accepts(o *operation, r request) {
	s.Helper()
	if a := s.sendKeyed(o, r); a.Status >= 300 {
		s.Fatalf("the example of %s has the response %d %s", o.ID, a.Status, a.Body)
	}
}

func (w *harness) refusesReuse(a answer) {
	w.Helper()
	if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, "IDEMPOTENCY_KEY_REUSED") {
		w.Errorf("another request with the key has the response %d %s", a.Status, a.Body)
	}
}

// variations are bodies that differ in one field each.
func variations(o *operation, body map[string]any) []map[string]any {
	var list []map[string]any
	for _, field := range slices.Sorted(maps.Keys(body)) {
		other := maps.Clone(body)
		switch value := body[field].(type) {
		case string:
			other[field] = anotherText(o, field, value)
		case float64:
			other[field] = value + 1
		case bool:
			other[field] = !value
		default:
			continue
		}
		list = append(list, other)
	}
	for _, field := range slices.Sorted(maps.Keys(at[map[string]any](o.Schema, "properties"))) {
		if _, there := body[field]; !there && at[string](o.Schema, "properties", field, "type") == "boolean" {
			other := maps.Clone(body)
			other[field] = true
			list = append(list, other)
		}
	}
	return list
}

// anotherText is another value of a field, of the same form.
func anotherText(o *operation, field, value string) string {
	for _, choice := range at[[]any](o.Schema, "properties", field, "enum") {
		if choice, is := choice.(string); is && choice != value {
			return choice
		}
	}
	switch at[string](o.Schema, "properties", field, "format") {
	case "uuid":
		return uuid.NewString()
	case "email":
		return "x" + value
	default:
		return value + "x"
	}
}

func TestConcurrentRequestsWithOneKeyAreOneOperation(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	_, commands := d.keyed()
	if len(commands) < 15 {
		t.Fatalf("only %v are commands", commands)
	}
	t.Logf("%d operations are commands", len(commands))
	for _, name := range commands {
		t.Run(name, func(t *testing.T) {
			if endsTheSession[name] {
				return // the second could not ask any more
			}
			o := d.operations[name]
			s, r := w.in(t).prepared(o)
			async := preferring(r, "respond-async")
			var answers [2]answer
			var sending sync.WaitGroup
			for i := range answers {
				sending.Go(func() { answers[i] = s.sendUntilAvailable(o, async) })
			}
			sending.Wait()
			var place string
			for _, a := range answers {
				switch {
				case a.Status == http.StatusAccepted && (place == "" || place == a.Header.Get("Location")):
					place = a.Header.Get("Location")
				case a.Status >= 300 || a.Status == http.StatusAccepted:
					t.Fatalf("%d %s, at %s; the other is at %s", a.Status, a.Body, a.Header.Get("Location"), place)
				}
			}
			if place == "" {
				t.Fatal("neither was accepted for later")
			}
			if r.Session == "" {
				if final := s.sendKeyed(o, r); final.Status >= 300 || final.Status == http.StatusAccepted {
					t.Errorf("in the end: %d %s", final.Status, final.Body)
				}
				return // programs cannot look at operations
			}
			var operation answer
			for deadline := time.Now().Add(handlertest.Within); ; {
				operation = w.send(request{Method: http.MethodGet, Path: place, Session: r.Session})
				if status := operation.Text("data.status"); status != "" && status != "accepted" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("no outcome: %d %s", operation.Status, operation.Body)
				}
			}
			final := s.sendKeyed(o, r)
			if final.Status >= 300 || operation.At("data.response.status") != float64(final.Status) {
				t.Errorf("the operation says %s, the request %d %s", operation.Body, final.Status, final.Body)
			}
		})
	}
}
