package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/events"
)

// Another edge, in a process of its own, joins a running platform: what one accepts
// the other shows at once, and a session holds at both.
func TestASecondEdgeSharesEverything(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	up := startUp(t, data)
	addr := freeAddress(t)
	edge := launch(t, []string{
		"CODEX_ADDR=" + addr,
		"CODEX_DATABASE_URL=" + up.addresses["database"],
		"CODEX_NATS_URL=" + up.addresses["nats"],
		"CODEX_S3_ENDPOINT=" + up.addresses["storage"],
		"CODEX_S3_ACCESS_KEY=codex",
		"CODEX_S3_SECRET_KEY=" + generated(t, data, "s3-secret"),
		"CODEX_STRIPE_BACKEND_URL=" + up.addresses["payments"],
		"STRIPE_SECRET_KEY=sk_test_" + generated(t, data, "stripe-key"),
		"CODEX_COMMAND_SECRET=" + generated(t, data, "command"),
		"CODEX_EVENT_SECRET=" + generated(t, data, "event"),
		"CODEX_TOKEN_SECRET=" + generated(t, data, "token"),
		"CODEX_TRANSCODER_SECRET=" + generated(t, data, "transcoder"),
	}, "serve", "--role", "edge")
	second := newClient(t, "http://"+addr)
	waitFor(t, "the second edge", func() bool {
		response, err := http.Get("http://" + addr + "/health")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	first := newClient(t, up.addresses["api"])
	first.signUp("both@example.com", "creator")
	second.cookie = first.cookie
	for i := range 50 {
		writer, reader := first, second
		if i%2 == 1 {
			writer, reader = second, first
		}
		id := writer.createWritten(fmt.Sprint("shared-", i), nil)
		reader.want(http.StatusOK, http.MethodGet, "/api/content/"+id, nil)
	}
	edge.stop(t)
	if edge.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("exit code %d: %s", edge.cmd.ProcessState.ExitCode(), edge.out)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// generated reads a secret that codex up generated.
func generated(t *testing.T, data, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "secrets", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not there after 30 s", what)
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
}

func TestTheTraceOfARequestReachesItsEvents(t *testing.T) {
	t.Parallel()
	up := startUp(t, filepath.Join(t.TempDir(), "data"))
	conn, err := nats.Connect(up.addresses["nats"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := newClient(t, up.addresses["api"])
	c.signUp("traced@example.com", "creator")
	// A subscriber that is confined to one tenant and one event.
	sub, err := conn.SubscribeSync(events.Subject(c.userID, "content.created"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	const trace = "0af7651916cd43dd8448eb211c80319c"
	c.want(http.StatusCreated, http.MethodPost, "/api/content",
		map[string]any{"title": "T", "slug": "traced", "contentType": "written", "contentBody": "w"},
		"traceparent", "00-"+trace+"-b7ad6b7169203331-01", "X-Request-Id", "request-7")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	msg, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e, err := events.FromMessage(msg.Header, msg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.TraceParent, trace) {
		t.Errorf("traceparent = %q, want trace %s", e.TraceParent, trace)
	}
	if e.CorrelationID != "request-7" || e.ActorID != c.userID || e.Version != 1 {
		t.Errorf("event = %+v", e)
	}
}

// A stop while requests are in flight drops none of them, and what was accepted has
// an outcome after the next start.
func TestAStopDropsNoRequest(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, data)
	c := newClient(t, first.addresses["api"])
	c.signUp("busy@example.com", "creator")
	created := make(chan string, 10_000)
	failed := make(chan string, 10_000)
	stop := make(chan struct{})
	for worker := range 8 {
		go func() {
			own := *c
			for i := 0; ; i++ {
				select {
				case <-stop:
					created <- ""
					return
				default:
				}
				slug := fmt.Sprintf("busy-%d-%d", worker, i)
				request, _ := http.NewRequest(http.MethodPost, own.base+"/api/content",
					strings.NewReader(`{"title":"B","slug":"`+slug+`","contentType":"written","contentBody":"w"}`))
				request.Header.Set("Cookie", "codex-session="+own.cookie)
				response, err := own.http.Do(request)
				if err != nil {
					created <- "" // refused: the edge has stopped listening
					return
				}
				_ = response.Body.Close()
				switch response.StatusCode {
				case http.StatusCreated, http.StatusAccepted:
					created <- slug
				default:
					failed <- fmt.Sprint(slug, " ", response.StatusCode)
				}
			}
		}()
	}
	var slugs []string
	for len(slugs) < 50 {
		slugs = append(slugs, <-created)
	}
	first.stop(t)
	close(stop)
	for workers := 8; workers > 0; {
		if slug := <-created; slug == "" {
			workers--
		} else {
			slugs = append(slugs, slug)
		}
	}
	close(failed)
	for f := range failed {
		t.Errorf("dropped: %s", f)
	}
	second := startUp(t, data)
	c.base = second.addresses["api"]
	waitFor(t, "every accepted item", func() bool {
		list := c.want(http.StatusOK, http.MethodGet, "/api/content?limit=1", nil)
		return int(field(list, "pagination.total").(float64)) >= len(slugs)
	})
}
