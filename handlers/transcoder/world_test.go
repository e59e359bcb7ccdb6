package transcoder_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/objects"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

const secret = "the transcoder's secret"

// world is the media side of one installation, from the HTTP edge to the object store. Only the worker is missing.
type world struct {
	pool          *pgxpool.Pool
	conn          *nats.Conn
	dispatcher    *bus.Dispatcher
	media, assets *s3.Bucket
	edge          *httptest.Server
	workers       *workersig.Keys
	orphans       *objects.Orphans
	log           *slog.Logger
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

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{log: quiet()}
	database, server := pgtest.Database(t), natstest.Embedded(t)
	var err error
	if w.pool, err = pgxpool.New(context.Background(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	if w.conn, err = bus.Connect(server.URL(), "test", w.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.conn.Close)
	if w.dispatcher, err = bus.NewDispatcher(w.conn, uuid.NewString(), 1, w.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.dispatcher.Close)
	w.media, w.assets = buckets(t)

	var parts commands.PartsStore = w.media
	if o.parts != nil {
		parts = o.parts(parts)
	}
	limits := bus.DefaultStreamLimits()
	js, err := jetstream.New(w.conn)
	if err != nil {
		t.Fatal(err)
	}
	// Whoever comes first makes the streams; a request that is faster is answered with 202.
	if err := bus.EnsureStreams(context.Background(), js, limits); err != nil {
		t.Fatal(err)
	}
	run(t, commands.NewRunner(commands.Config{
		Pool: w.pool, Conn: w.conn, Limits: limits, Log: w.log,
	}, []commands.Context{commands.Media{Development: o.development}}, []commands.External{&commands.Uploads{Store: parts}}).Run)
	relay, err := outbox.NewRelay(outbox.RelayConfig{DatabaseURL: database, Conn: w.conn, Limits: limits, Log: w.log, Poll: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	run(t, relay.Run)
	run(t, reactions.New(reactions.Config{
		Pool: w.pool, Conn: w.conn, Limits: limits, Log: w.log,
	}, reactions.Transcoding(time.Now)).Run)
	run(t, (&reactions.MediaSweep{Conn: w.conn, Limits: limits, Media: w.media, Assets: w.assets, Log: w.log}).Run)

	store := w.media
	if o.store != nil {
		store = o.store(store)
	}
	if w.workers, err = workersig.NewKeys([]byte("the secret of the installation")); err != nil {
		t.Fatal(err)
	}
	w.orphans = &objects.Orphans{Pool: w.pool, Media: w.media, Assets: w.assets, Now: time.Now, Log: w.log}
	e, err := edge.New(edge.Config{
		Pool: w.pool, Dispatcher: w.dispatcher, Development: o.development, Log: w.log, PublicURL: "http://localhost",
		Wait:        time.Minute, // a busy machine must not turn outcomes into 202
		LimitFactor: edge.NoLimits, Workers: w.workers,
	}, edge.NewMediaRoutes(edge.MediaConfig{Store: store, Prober: o.prober, TempDir: t.TempDir(), UploadIdle: o.idle}),
		edge.TranscodingRoutes{Secrets: [][]byte{[]byte("the secret before"), []byte(secret)}, Orphans: w.orphans})
	if err != nil {
		t.Fatal(err)
	}
	w.edge = httptest.NewUnstartedServer(e.Handler())
	w.edge.Config.ReadTimeout = o.readTimeout
	w.edge.Start()
	t.Cleanup(w.edge.Close)
	return w
}

func buckets(t *testing.T) (mediaBucket, assets *s3.Bucket) {
	t.Helper()
	client, err := s3.Open(s3.Config{
		Endpoint: s3test.Server(t).Endpoint(), Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client.Bucket(s3test.MediaBucket), client.Bucket(s3test.AssetsBucket)
}

func quiet() *slog.Logger {
	if os.Getenv("CODEX_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// run runs f until the test ends.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("stopped with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("did not stop within 20 s")
		}
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// user is a signed-in client.
type user struct {
	*world
	id, cookie string
}

func (w *world) signIn(t *testing.T, role string) user {
	t.Helper()
	id, token := strings.ReplaceAll(uuid.NewString(), "-", ""), uuid.NewString()
	hash := sha256.Sum256([]byte(token))
	w.exec(t, `INSERT INTO users (id, name, email, email_verified, role) VALUES ($1, 'Test', $1 || '@example.test', true, $2)`, id, role)
	w.exec(t, `INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 hour')`, uuid.NewString(), hash[:], id)
	return user{w, id, "codex-session=" + token}
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query[T any](t *testing.T, w *world, sql string, args ...any) (v T) {
	t.Helper()
	if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// signed asks as another program of the installation.
func (w *world) signed(t *testing.T, method, path, body string) answer {
	t.Helper()
	r := workersig.Request{
		Method: method, Target: path, Body: []byte(body), Timestamp: strconv.FormatInt(time.Now().Unix(), 10), Nonce: uuid.NewString(),
	}
	return do(t, method, w.edge.URL+path, map[string]string{
		workersig.TimestampHeader: r.Timestamp, workersig.NonceHeader: r.Nonce, workersig.SignatureHeader: w.workers.Sign(r),
	}, r.Body)
}

// answer is a response whose body was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// at returns a value of the JSON body, for example at("data", "status").
func (a answer) at(path ...string) any {
	var v any
	_ = json.Unmarshal([]byte(a.body), &v)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (a answer) text(path ...string) string {
	s, _ := a.at(path...).(string)
	return s
}

func (a answer) want(t *testing.T, status int, code string) answer {
	t.Helper()
	if a.status != status || (code != "" && a.text("error", "code") != code) {
		t.Fatalf("answer %d %s, want %d %s", a.status, a.body, status, code)
	}
	return a
}

func do(t *testing.T, method, address string, header map[string]string, body []byte) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(content)}
}

func (u user) ask(t *testing.T, method, path string, body any) answer {
	t.Helper()
	var encoded []byte
	if body != nil {
		encoded, _ = json.Marshal(body)
	}
	return do(t, method, u.edge.URL+path, map[string]string{"Cookie": u.cookie, "Content-Type": "application/json"}, encoded)
}

type fields map[string]any

// register registers an item for a file and returns its id and the address for the file.
func (u user) register(t *testing.T, mime string, size int) (id, address string) {
	t.Helper()
	kind, _, _ := strings.Cut(mime, "/")
	a := u.ask(t, http.MethodPost, "/api/media", fields{"title": "A piece", "mediaType": kind, "mimeType": mime, "fileSizeBytes": size})
	a.want(t, http.StatusCreated, "")
	return a.text("data", "id"), a.text("data", "presignedUrl")
}

func upload(t *testing.T, address, mime string, content []byte) answer {
	t.Helper()
	return do(t, http.MethodPut, address, map[string]string{"Content-Type": mime}, content)
}

func (u user) complete(t *testing.T, id string) answer {
	t.Helper()
	return u.ask(t, http.MethodPost, "/api/media/"+id+"/upload-complete", nil)
}

// deliver registers, uploads and completes.
func (u user) deliver(t *testing.T, mime string, content []byte) string {
	t.Helper()
	id, address := u.register(t, mime, len(content))
	upload(t, address, mime, content).want(t, http.StatusOK, "")
	u.complete(t, id).want(t, http.StatusOK, "")
	return id
}

// transcoding delivers something that looks like a film and waits for its job.
func (u user) transcoding(t *testing.T) (id, job string) {
	t.Helper()
	id = u.deliver(t, "video/mp4", seeming)
	return id, u.job(t, id, "")
}

// job waits for a job of an item, other than one.
func (u user) job(t *testing.T, id, other string) (job string) {
	t.Helper()
	eventually(t, "a job was given out", func() bool {
		job = query[string](t, u.world, `SELECT CASE WHEN status = 'transcoding' THEN runpod_job_id ELSE '' END FROM media_items WHERE id = $1`, id)
		return job != "" && job != other
	})
	return job
}

func (w *world) status(t *testing.T, id string) media.Status {
	t.Helper()
	return media.Status(query[string](t, w, `SELECT status FROM media_items WHERE id = $1`, id))
}

// history returns the types of an item's events and checks that their versions are dense.
func (w *world) history(t *testing.T, id string) []string {
	t.Helper()
	types := query[[]string](t, w, `SELECT array_agg(type ORDER BY version) FROM outbox WHERE aggregate_id = $1`, id)
	last := query[int64](t, w, `SELECT max(version) FROM outbox WHERE aggregate_id = $1`, id)
	row := query[int64](t, w, `SELECT version FROM media_items WHERE id = $1`, id)
	if int(last) != len(types) || row != last {
		t.Errorf("%d events, last version %d, row %d", len(types), last, row)
	}
	return types
}

// count counts the events of one type.
func (w *world) count(t *testing.T, id, eventType string) int {
	t.Helper()
	return query[int](t, w, `SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = $2`, id, eventType)
}

// callback posts a signed callback.
func (w *world) callback(t *testing.T, report any) answer {
	t.Helper()
	body, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return w.post(t, body, secret, strconv.FormatInt(time.Now().Unix(), 10))
}

func (w *world) post(t *testing.T, body []byte, key, timestamp string) answer {
	t.Helper()
	return do(t, http.MethodPost, w.edge.URL+"/api/transcoding/webhook", map[string]string{
		media.TimestampHeader: timestamp, media.SignatureHeader: media.Sign([]byte(key), timestamp, body),
	}, body)
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
	*world
	t     *testing.T
	id    string
	asked *atomic.Int32
}

// Query implements postgres.Queryer.
func (d deletesAfter) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if d.asked.Add(1) == 3 {
		d.exec(d.t, `UPDATE media_items SET deleted_at = now() WHERE id = $1`, d.id)
	}
	return d.pool.Query(ctx, sql, args...)
}
