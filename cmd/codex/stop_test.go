package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopWithin is more than any role needs to stop, and less than CODEX_SHUTDOWN_TIMEOUT.
const stopWithin = 20 * time.Second

// terminate asks a process to stop.
func (r *running) terminate(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// An edge that stops is unready before it stops accepting, serves meanwhile, and closes no
// connection under a request: clients that send one request after the other on the same
// connections see nothing but a closed port in the end.
func TestAnEdgeThatStopsFailsNoRequest(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	others := in.serve("commands,relay,reactions")
	edge := in.serve("edge", "CODEX_SHUTDOWN_DELAY=2s")
	others.waitReady(t)
	edge.waitReady(t)
	c := in.client()
	c.signUp("steady@example.com", "creator")

	const workers = 8
	var load sync.WaitGroup
	var responses [workers]int
	failures := make(chan error, workers)
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	defer transport.CloseIdleConnections()
	for worker := range workers {
		load.Go(func() {
			var err error
			for i := 0; err == nil; i++ {
				if err = c.createOver(transport, fmt.Sprintf("steady-%d-%d", worker, i)); err == nil {
					responses[worker]++
				}
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				failures <- err
			}
		})
	}
	waitFor(t, "some load", func() bool { return in.number(`SELECT count(*) FROM content`) > 4*workers })

	edge.terminate(t)
	waitFor(t, "an unready edge", func() bool {
		status, body := edge.readyz()
		return status == http.StatusServiceUnavailable && body.Checks["process"] != ""
	})
	in.client().want(http.StatusOK, http.MethodGet, "/openapi.json", nil) // it serves all the same
	load.Wait()
	close(failures)
	for err := range failures {
		t.Errorf("a request failed: %v", err)
	}
	edge.within(t, stopWithin)
	if code := edge.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, edge.out)
	}
	total := 0
	for _, n := range responses {
		total += n
	}
	if n := in.number(`SELECT count(*) FROM content`); n != total {
		t.Errorf("%d items for %d responses", n, total)
	}
}

// createOver creates an item over the connections of a transport.
func (c *client) createOver(transport *http.Transport, slug string) error {
	body := []byte(`{"title":"B","slug":"` + slug + `","contentType":"written","contentBody":"w"}`)
	// An io.Reader that net/http does not know: it cannot send the request again by itself.
	r, err := http.NewRequest(http.MethodPost, c.base+"/api/content", io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return err
	}
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", "codex-session="+c.cookie)
	response, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: status %d", slug, response.StatusCode)
	}
	return nil
}

// Requests that take their time are finished by an edge that stops.
func TestAnEdgeThatStopsFinishesSlowRequests(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	others := in.serve("commands,relay,reactions")
	edge := in.serve("edge")
	others.waitReady(t)
	edge.waitReady(t)
	c := in.client()
	c.signUp("patient@example.com", "creator")
	lock := in.lock("content")
	done := make(chan error, 1)
	go func() { done <- c.createOver(&http.Transport{}, "patient") }()
	in.waitForLockOn("content")

	edge.terminate(t)
	waitFor(t, "a closed port", func() bool {
		_, err := http.Get(c.base + "/openapi.json")
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	// Longer than the three seconds that requests once had.
	time.AfterFunc(4*time.Second, lock)
	if err := <-done; err != nil && !strings.Contains(err.Error(), "status 202") {
		t.Errorf("the request failed: %v", err)
	}
	edge.within(t, stopWithin)
}

// lock locks a table against writes until the returned function is called.
func (in *installation) lock(table string) (unlock func()) {
	in.t.Helper()
	conn := in.connect()
	if _, err := conn.Exec(context.Background(), `BEGIN; LOCK TABLE `+table+` IN EXCLUSIVE MODE`); err != nil {
		in.t.Fatal(err)
	}
	var once sync.Once
	unlock = func() { once.Do(func() { _, _ = conn.Exec(context.Background(), `ROLLBACK`) }) }
	in.t.Cleanup(unlock)
	return unlock
}

// waitForLockOn waits until a statement waits for a lock on a table.
func (in *installation) waitForLockOn(table string) {
	in.t.Helper()
	waitFor(in.t, "a statement that waits for "+table, func() bool {
		return in.number(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '`+table+`'::regclass`) > 0
	})
}

// A batch that is too slow for one transaction is applied one by one. A stop waits for the
// command that is being applied, not for the batch, and the next process applies the rest.
func TestAStopInTheMiddleOfABatchLosesNothing(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	edge := in.serve("edge,relay,reactions")
	edge.waitReady(t)
	c := in.client()
	account := in.serve("commands")
	account.waitReady(t)
	c.signUp("many@example.com", "creator")
	account.terminate(t)
	account.within(t, stopWithin)

	const items = 40
	for i := range items {
		c.want(http.StatusAccepted, http.MethodPost, "/api/content", map[string]any{
			"title": "B", "slug": fmt.Sprint("batch-", i), "contentType": "written", "contentBody": "w",
		}, "Prefer", "respond-async")
	}
	in.exec(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON content FOR EACH ROW EXECUTE FUNCTION slow()`)
	first := in.serve("commands", "CODEX_LOG_LEVEL=info")
	waitFor(t, "a batch that is applied one by one", func() bool {
		return first.logged("one by one") && in.number(`SELECT count(*) FROM content`) > 1
	})

	first.terminate(t)
	t.Logf("it stopped after %s", first.within(t, stopWithin))
	if code := first.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, first.out)
	}
	if n := in.number(`SELECT count(*) FROM content`); n == items {
		t.Errorf("all %d items were applied before the stop", n)
	}
	in.exec(`DROP TRIGGER slow ON content`)
	in.serve("commands").waitReady(t)
	waitFor(t, "every item", func() bool { return in.number(`SELECT count(*) FROM content`) == items })
}

// Every role ends in time when the database does not respond at all, and by a second signal
// at once.
func TestEveryRoleStopsInTimeWithoutADatabase(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	proxy := newStallingProxy(t, in)
	var processes []*process
	for _, roles := range []string{"edge", "commands", "relay", "reactions", "transcoder"} {
		p := in.serve(roles, "CODEX_DATABASE_URL="+proxy.address, "CODEX_ADDR="+freeAddress(t))
		processes = append(processes, p)
	}
	for _, p := range processes {
		p.waitReady(t)
	}
	proxy.stall()
	for _, p := range processes {
		p.terminate(t)
	}
	for _, p := range processes {
		p.within(t, stopWithin)
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	edge := in.serve("edge", "CODEX_SHUTDOWN_DELAY=60s", "CODEX_SHUTDOWN_TIMEOUT=90s")
	edge.waitReady(t)
	edge.terminate(t)
	waitFor(t, "an unready edge", func() bool {
		status, _ := edge.readyz()
		return status == http.StatusServiceUnavailable
	})
	edge.terminate(t)
	edge.within(t, 10*time.Second)
}

// A transcoder stops in the middle of a job, leaves no process of FFmpeg, and the next one
// finishes the job.
func TestATranscoderStopsInTheMiddleOfAJob(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	others := in.serve("edge,commands,relay,reactions")
	others.waitReady(t)
	c := in.client()
	c.signUp("film@example.com", "creator")
	film := filepath.Join(t.TempDir(), "film.mp4")
	made, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=60",
		"-f", "lavfi", "-i", "sine=d=60", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", film).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, made)
	}
	c.upload(film)

	worker := in.serve("transcoder")
	waitFor(t, "a running job", func() bool {
		return in.number(`SELECT count(*) FROM media_items WHERE transcoding_progress > 5`) == 1
	})
	worker.terminate(t)
	worker.within(t, stopWithin)
	if code := worker.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, worker.out)
	}
	if n := in.number(`SELECT count(*) FROM media_items WHERE status = 'transcoding'`); n != 1 {
		t.Errorf("%d jobs are left for the next transcoder", n)
	}
}

// upload registers a file as a media item and brings it into storage.
func (c *client) upload(path string) {
	c.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	item := c.want(http.StatusCreated, http.MethodPost, "/api/media", map[string]any{
		"title":         "Film",
		"mediaType":     "video",
		"mimeType":      "video/mp4",
		"fileSizeBytes": len(content),
	})
	target, _ := field(item, "data.presignedUrl").(string)
	put, err := http.NewRequest(http.MethodPut, target, bytes.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	put.Header.Set("Content-Type", "video/mp4")
	response, err := c.http.Do(put)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("the storage responds %d", response.StatusCode)
	}
	id, _ := field(item, "data.id").(string)
	// A busy machine may respond before the outcome is known.
	completed, body, _ := c.do(http.MethodPost, "/api/media/"+id+"/upload-complete", nil)
	if completed != http.StatusOK && completed != http.StatusAccepted {
		c.t.Fatalf("complete the upload = %d %v", completed, body)
	}
}
