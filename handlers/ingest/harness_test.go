package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/objects"
	"github.com/codex-platform/codex/handlers/reactions"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

const secret = "the transcoder's secret"

// harness is the media side of one installation, from the HTTP edge to the object store. Only the worker is missing.
type harness struct {
	*handlertest.Harness
	orphans *objects.Orphans
}

type options struct {
	prober      edge.Prober
	development bool
	// store replaces the bucket that the edge sees.
	store func(*s3.Bucket) *s3.Bucket
	// parts replaces the store that uploads in parts see.
	parts func(commands.PartsStore) commands.PartsStore
	// idle is how long a client may send nothing, readTimeout the server's limit for a whole request.
	idle, readTimeout time.Duration
}

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{Server: func(s *http.Server) { s.ReadTimeout = o.readTimeout }})}
	w.StartBus(natstest.Embedded(t), 1)
	w.StartStore()
	var parts commands.PartsStore = w.Media
	if o.parts != nil {
		parts = o.parts(parts)
	}
	w.StartCommands([]commands.Context{commands.Media{Development: o.development}.Commands()}, (&commands.Uploads{Store: parts}).Commands())
	w.StartReactions(reactions.Transcoding(w.Now))
	w.StartProcesses(reactions.MediaSweep(w.Media, w.Assets))

	store := w.Media
	if o.store != nil {
		store = o.store(store)
	}
	w.orphans = &objects.Orphans{Pool: w.Pool, Media: w.Media, Assets: w.Assets, Now: w.Now, Log: w.Logger}
	w.Serve(w.Edge(func(cfg *edge.Config) {
		cfg.Development, cfg.PublicURL = o.development, "http://localhost"
		cfg.Wait = time.Minute // a busy machine must not turn outcomes into 202
	}, edge.NewMediaRoutes(edge.MediaConfig{Store: store, Prober: o.prober, TempDir: t.TempDir(), UploadIdle: o.idle}),
		edge.TranscodingRoutes{Secrets: [][]byte{[]byte("the secret before"), []byte(secret)}, Orphans: w.orphans}).Handler())
	return w
}

// in is the harness for a subtest.
func (w *harness) in(t *testing.T) *harness { return &harness{w.In(t), w.orphans} }

// user is a signed-in client.
type user struct {
	*harness
	id, cookie string
}

func (w *harness) signIn(role string) user {
	w.Helper()
	id := w.User(role)
	return user{w, id, handlertest.Cookie(id)}
}

// in is the user for a subtest.
func (u user) in(t *testing.T) user { return user{u.harness.in(t), u.id, u.cookie} }

// signed asks as another program of the installation.
func (w *harness) signed(method, path, body string) answer {
	w.Helper()
	return w.do(method, path, w.SignedByWorker(method, path, []byte(body)), []byte(body))
}

type answer = handlertest.Answer

func (w *harness) do(method, path string, header map[string]string, body []byte) answer {
	w.Helper()
	return w.Send(handlertest.Request{Method: method, Path: path, Header: header, Body: body})
}

func (u user) ask(method, path string, body any) answer {
	u.Helper()
	return u.Send(handlertest.Request{Method: method, Path: path, Session: u.id, Body: body})
}

type fields map[string]any

// register registers an item for a file and returns its id and the address for the file.
func (u user) register(mime string, size int) (id, address string) {
	u.Helper()
	kind, _, _ := strings.Cut(mime, "/")
	a := u.ask(http.MethodPost, "/api/media", fields{"title": "A piece", "mediaType": kind, "mimeType": mime, "fileSizeBytes": size})
	a.Want(http.StatusCreated, "")
	return a.Text("data.id"), a.Text("data.presignedUrl")
}

func (w *harness) upload(address, mime string, content []byte) answer {
	w.Helper()
	return w.do(http.MethodPut, address, map[string]string{"Content-Type": mime}, content)
}

func (u user) complete(id string) answer {
	u.Helper()
	return u.ask(http.MethodPost, "/api/media/"+id+"/upload-complete", nil)
}

// deliver registers, uploads and completes.
func (u user) deliver(mime string, content []byte) string {
	u.Helper()
	id, address := u.register(mime, len(content))
	u.upload(address, mime, content).Want(http.StatusOK, "")
	u.complete(id).Want(http.StatusOK, "")
	return id
}

// transcoding delivers something that looks like a film and waits for its job.
func (u user) transcoding() (id, job string) {
	u.Helper()
	id = u.deliver("video/mp4", seeming)
	return id, u.job(id, "")
}

// job waits for a job of an item, other than one.
func (u user) job(id, other string) (job string) {
	u.Helper()
	u.Until("a job was given out", func() bool {
		job = handlertest.Value[string](u.Harness, `SELECT CASE WHEN status = 'transcoding' THEN runpod_job_id ELSE '' END FROM media_items WHERE id = $1`, id)
		return job != "" && job != other
	})
	return job
}

func (w *harness) status(id string) media.Status {
	w.Helper()
	return media.Status(handlertest.Value[string](w.Harness, `SELECT status FROM media_items WHERE id = $1`, id))
}

// history returns the types of an item's events and checks that their versions are dense.
func (w *harness) history(id string) []string {
	w.Helper()
	types := handlertest.Value[[]string](w.Harness, `SELECT array_agg(type ORDER BY version) FROM outbox WHERE aggregate_id = $1`, id)
	last := handlertest.Value[int64](w.Harness, `SELECT max(version) FROM outbox WHERE aggregate_id = $1`, id)
	row := handlertest.Value[int64](w.Harness, `SELECT version FROM media_items WHERE id = $1`, id)
	if int(last) != len(types) || row != last {
		w.Errorf("%d events, last version %d, row %d", len(types), last, row)
	}
	return types
}

// count counts the events of one type.
func (w *harness) count(id, eventType string) int {
	w.Helper()
	return w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = $2`, id, eventType)
}

// callback posts a signed callback.
func (w *harness) callback(report any) answer {
	w.Helper()
	body, err := json.Marshal(report)
	if err != nil {
		w.Fatal(err)
	}
	return w.post(body, secret, strconv.FormatInt(time.Now().Unix(), 10))
}

func (w *harness) post(body []byte, key, timestamp string) answer {
	w.Helper()
	return w.do(http.MethodPost, "/api/transcoding/webhook", handlertest.SignedByTranscoder(body, key, timestamp), body)
}

// completed is the report of a job that went well.
func (u user) completed(id, job string) media.Callback {
	prefixes := media.PrefixesOf(u.id, id)
	master, poster := prefixes.HLS+"master.m3u8", prefixes.Thumbnails+"auto-generated.jpg"
	return media.Callback{Status: media.CallbackCompleted, JobID: job, Output: &media.Output{
		MediaID: id, Type: media.Video, HLSMasterKey: &master, ThumbnailKey: &poster, DurationSeconds: 12, ReadyVariants: []string{"720p"},
	}}
}

// seeming has the first bytes of an MP4 file and nothing behind them.
var seeming = append([]byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42"), make([]byte, 2000)...)

// clip makes a short media file with ffmpeg's own test sources.
func clip(t *testing.T, name, args string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	argv := append([]string{"-v", "error", "-nostdin", "-y"}, strings.Fields(args)...)
	if out, err := exec.Command("ffmpeg", append(argv, path)...).CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", name, err, out)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func keys(t *testing.T, b *s3.Bucket, prefix string) string {
	t.Helper()
	var found []string
	err := b.List(context.Background(), prefix, func(i s3.Info) error {
		found = append(found, strings.TrimPrefix(i.Key, prefix))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(found)
}

// deletesAfter deletes the item once its worker has asked for it twice: before the work, and before the upload.
type deletesAfter struct {
	*harness
	id    string
	asked *atomic.Int32
}

// Query implements postgres.Queryer.
func (d deletesAfter) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if d.asked.Add(1) == 3 {
		d.Exec(`UPDATE media_items SET deleted_at = now() WHERE id = $1`, d.id)
	}
	return d.Pool.Query(ctx, sql, args...)
}
