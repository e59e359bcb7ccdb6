package commands_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
	"github.com/codex-platform/codex/outbox"
)

// The test binary runs itself again as a runner or a relay that kills itself with
// SIGKILL at the point named here.
const (
	childRole     = "CODEX_TEST_CHILD"
	childDatabase = "CODEX_TEST_CHILD_DATABASE"
	childBus      = "CODEX_TEST_CHILD_BUS"
	childStore    = "CODEX_TEST_CHILD_STORE"
)

func runChild(role string) int {
	ctx := context.Background()
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	conn, err := bus.Connect(os.Getenv(childBus), "child", handlertest.Logger())
	if err != nil {
		return 1
	}
	pool, err := pgxpool.New(ctx, os.Getenv(childDatabase))
	if err != nil {
		return 1
	}
	fmt.Println("ready")
	cfg := commands.Config{
		Pool:       pool,
		Conn:       conn,
		Keys:       handlertest.Keys(),
		Partitions: 2,
		Limits:     bus.DefaultStreamLimits(),
		Log:        handlertest.Logger(),
	}
	switch role {
	case "runner":
		cfg.AfterCommit = die
		err = commands.NewRunner(cfg, contentCommands(), nil).Run(ctx)
	case "uploads: not put together", "uploads: put together":
		var store *s3.Bucket
		if store, err = openStore(os.Getenv(childStore)); err == nil {
			err = commands.NewRunner(cfg, nil, uploadCommands(store, dyingStore{store, role, die})).Run(ctx)
		}
	case "relay":
		var relay *outbox.Relay
		relay, err = outbox.NewRelay(outbox.RelayConfig{
			DatabaseURL:  os.Getenv(childDatabase),
			Conn:         conn,
			Keys:         handlertest.EventKeys(),
			Limits:       bus.DefaultStreamLimits(),
			Log:          handlertest.Logger(),
			AfterPublish: die,
		})
		if err == nil {
			err = relay.Run(ctx)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// uploadCommands are the commands of uploads in parts.
func uploadCommands(media *s3.Bucket, parts ingest.PartsStore) []commands.External {
	return ingest.New(ingest.Config{Media: media, Parts: parts, Log: handlertest.Logger()}).External
}

// dyingStore is a store whose caller dies between the two transactions of an upload's
// end: before the store puts the file together, or after.
type dyingStore struct {
	*s3.Bucket
	role string
	die  func()
}

func (d dyingStore) CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error {
	if d.role == "uploads: put together" {
		if err := d.Bucket.CompleteParts(ctx, key, upload, parts); err != nil {
			return err
		}
	}
	d.die()
	return nil
}

func openStore(endpoint string) (*s3.Bucket, error) {
	client, err := s3.Open(
		s3.Config{
			Endpoint:  endpoint,
			Region:    s3test.Region,
			AccessKey: s3test.AccessKey,
			SecretKey: s3test.SecretKey,
		})
	if err != nil {
		return nil, err
	}
	return client.Bucket(s3test.MediaBucket), nil
}

// startChild starts a role in a process of its own. wait returns when it died by
// its own SIGKILL.
func (w *harness) startChild(role string, more ...string) (wait func()) {
	w.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childRole+"="+role, childDatabase+"="+w.Database, childBus+"="+w.Bus.URL())
	child.Env = append(child.Env, more...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := child.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = child.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		w.Fatalf("child said %q, %v", line, err)
	}
	return func() {
		w.Helper()
		died := make(chan error, 1)
		go func() { died <- child.Wait() }()
		select {
		case <-died:
			status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || status.Signal() != syscall.SIGKILL {
				w.Fatalf("the child ended otherwise: %v", child.ProcessState)
			}
		case <-time.After(30 * time.Second):
			w.Fatal("the child did not reach the point where it dies")
		}
	}
}

func TestRunnerKilledBetweenCommitAndAckAppliesNothingTwice(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.StartRelay()
	killed := w.startChild("runner")
	cmd := w.create("killed")
	answered := make(chan events.Reply, 1)
	go func() { answered <- w.send(cmd) }()
	killed()
	// Committed, not acknowledged, not answered.
	if n := w.Number(`SELECT count(*) FROM commands WHERE id = $1 AND status = 'applied'`, cmd.ID); n != 1 {
		t.Fatalf("the runner died before its commit")
	}
	w.startRunner()
	again := cmd // the client tries again with the same key
	if reply := w.send(again); reply.Status != 201 {
		t.Errorf("second try = %d %s", reply.Status, reply.Body)
	}
	<-answered // the same outcome reached the first one as well
	if n := w.Number(`SELECT count(*) FROM content`); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
	w.assertWhole()
}

func TestRunnerKilledWhileItCompletesAnUploadLosesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role  string
		there bool // the object, when the runner is dead
	}{{"uploads: not put together", false}, {"uploads: put together", true}} {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t)
			endpoint := s3test.Server(t).Endpoint()
			store, err := openStore(endpoint)
			if err != nil {
				t.Fatal(err)
			}
			file := "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + strings.Repeat("a film", 1000)
			item, key := uuid.NewString(), w.creator+"/originals/"+uuid.NewString()+"/a.mp4"
			w.Exec(
				`INSERT INTO media_items (id, creator_id, title, media_type, mime_type, file_size_bytes, status, r2_key, version)
				VALUES ($1, $2, 'A film', 'video', 'video/mp4', $3, 'uploading', $4, 1)`,
				item,
				w.creator,
				len(file),
				key,
			)
			runner := func() (stop func()) {
				return w.Start(commands.NewRunner(w.config(), nil, uploadCommands(store, store)).Run)
			}
			stop := runner()
			if reply := w.send(
				newCommand(media.CommandOpenParts, w.creator, item, struct{}{})); reply.Status != http.StatusCreated {
				t.Fatalf("open = %d %s", reply.Status, reply.Body)
			}
			stop()
			var upload, storeID string
			if err := w.Pool.QueryRow(t.Context(), `SELECT id, store_id FROM media_uploads`).
				Scan(&upload, &storeID); err != nil {
				t.Fatal(err)
			}
			w.sendPart(store, key, storeID, file)

			killed := w.startChild(c.role, childStore+"="+endpoint)
			cmd := newCommand(media.CommandCompleteParts, w.creator, item, media.EndParts{UploadID: upload})
			answered := make(chan events.Reply, 1)
			go func() {
				defer close(answered)
				answered <- w.send(cmd)
			}()
			killed()
			// The first transaction is committed, the second is not.
			if n := w.Number(`SELECT count(*) FROM media_uploads WHERE status = 'completing'`); n != 1 {
				t.Fatal("the runner died before its first commit")
			}
			if n := w.Number(`SELECT count(*) FROM commands WHERE id = $1 AND status <> 'accepted'`, cmd.ID); n != 0 {
				t.Fatal("the runner died after its second commit")
			}
			if _, err := store.Head(t.Context(), key); (err == nil) != c.there {
				t.Fatalf("the object: %v", err)
			}

			runner()
			if reply := <-answered; reply.Status != http.StatusOK {
				t.Errorf("complete = %d %s", reply.Status, reply.Body)
			}
			if reply := w.send(cmd); reply.Status != http.StatusOK {
				t.Errorf("once more = %d %s", reply.Status, reply.Body)
			}
			if n := w.Number(`SELECT count(*) FROM media_uploads WHERE status = 'completed'`); n != 1 {
				t.Errorf("%d completed uploads", n)
			}
			if info, err := store.Head(t.Context(), key); err != nil || info.Size != int64(len(file)) {
				t.Errorf("the object: %+v, %v", info, err)
			}
			if _, err := store.ListParts(t.Context(), key, storeID); !errors.Is(err, s3.ErrNotFound) {
				t.Errorf("the store still has parts: %v", err)
			}
		})
	}
}

// sendPart sends a file as the only part of an upload, as its creator does.
func (w *harness) sendPart(store *s3.Bucket, key, upload, file string) {
	w.Helper()
	address, err := store.PresignPart(w.Context(), key, upload, 1, int64(len(file)), time.Minute)
	if err != nil {
		w.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.Context(), http.MethodPut, address, strings.NewReader(file))
	if err != nil {
		w.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		w.Fatalf("put the part: %s", response.Status)
	}
}

func TestRelayKilledBetweenPublishAndMarkLosesNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	for i := range 50 {
		w.send(w.create(slug(i)))
	}
	killed := w.startChild("relay")
	killed()
	if n := len(w.onStream()); n == 0 {
		t.Fatal("the relay died before it published")
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE published_at IS NULL`); n == 0 {
		t.Fatal("the relay died after it marked")
	}
	w.StartRelay()
	w.assertWhole()
	for id, n := range w.onStream() {
		if n != 1 {
			t.Errorf("event %s is on the stream %d times", id, n)
		}
	}
}

// Everything JetStream holds is deleted while commands and events are in flight.
func TestLostJetStreamDirectoryLosesNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	w.StartRelay()
	w.sweep()
	const total = 400
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := worker; i < total; i += 8 {
				cmd := w.create(slug(i))
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				if _, err := w.Dispatcher.Send(ctx, cmd); err != nil {
					w.accept(cmd) // what the edge does before it says 202
				}
				cancel()
			}
		})
	}
	w.Eventually(1, `SELECT (count(*) > 100)::int FROM content`)
	w.Bus.StopAndWipe(t)
	wait.Wait()
	w.Eventually(0, `SELECT count(*) FROM commands WHERE status = 'accepted'`)
	w.Eventually(total, `SELECT count(*) FROM content`)
	if n := w.Number(`SELECT count(*) FROM outbox`); n != total {
		t.Errorf("%d events, want %d", n, total)
	}
	w.assertWhole()
}
