// Package publishing_test tests what creators do with content as a whole, over HTTP
// and with real parts: an edge, a bus, the consumers, the relay, the reactions,
// Postgres, an object store and ffmpeg.
package publishing_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
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

// world is one installation. Its clock stands still until a test moves it.
type world struct {
	pool   *pgxpool.Pool
	edge   *httptest.Server
	assets *s3.Bucket
	bus    *bus.Dispatcher
	clock  atomic.Pointer[time.Time]
}

type options struct {
	// maker replaces ffmpeg; noMaker leaves it out.
	maker   edge.PictureMaker
	noMaker bool
	// payouts says that selling needs a payout account.
	payouts bool
	// deaf leaves out the consumer of commands.
	deaf bool
	// wait is how long the edge waits for an outcome.
	wait time.Duration
}

var tool = sync.OnceValues(func() (*ffmpeg.Tool, error) { return ffmpeg.New(ffmpeg.Config{Threads: 1}) })

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w, log := &world{}, slog.New(slog.DiscardHandler)
	start := time.Now().UTC().Truncate(time.Second)
	w.clock.Store(&start)
	database, limits := pgtest.Database(t), bus.DefaultStreamLimits()
	var err error
	if w.pool, err = pgxpool.New(context.Background(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	conn, err := bus.Connect(natstest.Embedded(t).URL(), "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if w.bus, err = bus.NewDispatcher(conn, uuid.NewString(), 1, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.bus.Close)
	if !o.deaf {
		run(t, commands.NewRunner(commands.Config{Pool: w.pool, Conn: conn, Limits: limits, Now: w.now, Log: log},
			[]commands.Context{commands.Content{PayoutsRequired: o.payouts}, commands.Image{}}, nil).Run)
	}
	relay, err := outbox.NewRelay(outbox.RelayConfig{DatabaseURL: database, Conn: conn, Limits: limits, Log: log, Poll: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	run(t, relay.Run)
	run(t, reactions.New(reactions.Config{Pool: w.pool, Conn: conn, Limits: limits, Now: w.now, Log: log},
		reactions.Counters(), reactions.Images(w.now)).Run)
	client, err := s3.Open(s3.Config{
		Endpoint: s3test.Server(t).Endpoint(), Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.assets = client.Bucket(s3test.AssetsBucket)
	w.startEdge(t, o, log)
	return w
}

func (w *world) startEdge(t *testing.T, o options, log *slog.Logger) {
	t.Helper()
	if o.maker == nil && !o.noMaker {
		made, err := tool()
		if err != nil {
			t.Fatal(err)
		}
		o.maker = made
	}
	var handler atomic.Pointer[http.Handler]
	w.edge = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(rw, r) }))
	t.Cleanup(w.edge.Close)
	e, err := edge.New(edge.Config{
		Pool: w.pool, Dispatcher: w.bus, PublicURL: w.edge.URL, LimitFactor: edge.NoLimits, Wait: o.wait, Now: w.now, Log: log,
	}, edge.ContentRoutes{}, edge.NewImageRoutes(edge.ImageConfig{Store: w.assets, Maker: o.maker}), edge.Assets{Objects: w.assets})
	if err != nil {
		t.Fatal(err)
	}
	h := e.Handler()
	handler.Store(&h)
}

func (w *world) now() time.Time { return *w.clock.Load() }

func (w *world) pass(d time.Duration) {
	later := w.now().Add(d)
	w.clock.Store(&later)
}

// sweep runs the sweep of pictures once and returns how many it removed.
func (w *world) sweep(t *testing.T) int {
	t.Helper()
	s := reactions.ImageSweep{Pool: w.pool, Assets: w.assets, Now: w.now, Log: slog.New(slog.DiscardHandler)}
	n, err := s.Sweep(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// objects lists the keys below a prefix.
func (w *world) objects(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	err := w.assets.List(context.Background(), prefix, func(i s3.Info) error { keys = append(keys, i.Key); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// run runs f until the test ends.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("stopped with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("did not stop within 20 s")
		}
	})
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func value[T any](t *testing.T, w *world, sql string, args ...any) (v T) {
	t.Helper()
	if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually waits until a query gives the wanted number.
func (w *world) eventually(t *testing.T, want int, sql string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for value[int](t, w, sql, args...) != want {
		if time.Now().After(deadline) {
			t.Fatalf("%s is %d after 30 s, want %d", sql, value[int](t, w, sql, args...), want)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond): // between two looks at the condition
		}
	}
}

// user is a signed-in user; the zero session is nobody.
type user struct {
	*world
	id, session string
}

func (w *world) signIn(t *testing.T, role string) user {
	t.Helper()
	id, session := strings.ReplaceAll(uuid.NewString(), "-", ""), uuid.NewString()
	hash := sha256.Sum256([]byte(session))
	w.exec(t, `INSERT INTO users (id, name, email, email_verified, role) VALUES ($1, 'Test', $1 || '@example.test', true, $2)`, id, role)
	w.exec(t, `INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`, uuid.NewString(), hash[:], id)
	return user{w, id, session}
}

func (w *world) creator(t *testing.T) user { t.Helper(); return w.signIn(t, "creator") }

func (w *world) organization(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	w.exec(t, `INSERT INTO organizations (id, name, slug) VALUES ($1, 'Test', $2)`, id, "o-"+id)
	return id
}

func (u user) join(t *testing.T, organization, role, status string) user {
	t.Helper()
	u.exec(t, `INSERT INTO organization_memberships (organization_id, user_id, role, status) VALUES ($1, $2, $3, $4)
		ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role, status = excluded.status`, organization, u.id, role, status)
	return u
}

// media is a media item of the user that can be published.
func (u user) media(t *testing.T, kind string) string {
	t.Helper()
	id := uuid.NewString()
	u.exec(t, `INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, hls_master_playlist_key, thumbnail_key, waveform_key, duration_seconds)
		VALUES ($1, $2, 'Media', $3, 'ready', 'original', 'master.m3u8', 'poster.jpg', 'waveform.json', 100)`, id, u.id, kind)
	return id
}

// answer is a response whose body was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// want checks the status and the error code, "" for none.
func (a answer) want(t *testing.T, status int, code string) answer {
	t.Helper()
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Details any    `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal([]byte(a.body), &body)
	reason := ""
	if details, ok := body.Error.Details.(map[string]any); ok {
		reason = fmt.Sprint(details["context"].(map[string]any)["code"])
	}
	if a.status != status || (body.Error.Code != code && (reason == "" || reason != code)) {
		t.Fatalf("answer %d %s, want %d %s", a.status, a.body, status, code)
	}
	return a
}

// names checks that a refusal names a field.
func (a answer) names(t *testing.T, field string) {
	t.Helper()
	if a.status != http.StatusBadRequest || !strings.Contains(a.body, `"path":"`+field+`"`) {
		t.Fatalf("answer %d %s does not name %s", a.status, a.body, field)
	}
}

// data decodes what is in the envelope of one resource.
func data[T any](t *testing.T, a answer) T {
	t.Helper()
	var body struct {
		Data T `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return body.Data
}

// list decodes a page of a list.
func list[T any](t *testing.T, a answer) (page struct {
	Items      []T `json:"items"`
	Pagination struct{ Page, Limit, Total, TotalPages int }
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.want(t, http.StatusOK, "").body), &page); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return page
}

func (u user) ask(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
		headers = append(headers, "Content-Type", "application/json")
	}
	return u.send(t, method, u.edge.URL+path, content, headers...)
}

// get asks as nobody.
func (w *world) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return user{world: w}.send(t, http.MethodGet, w.edge.URL+path, nil, headers...)
}

func (u user) send(t *testing.T, method, address string, body []byte, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if u.session != "" {
		req.Header.Set("Cookie", "codex-session="+u.session)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := u.edge.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// part is one part of a form.
type part struct {
	field, mime string
	content     []byte
}

func form(t *testing.T, parts ...part) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p.field + `"; filename="file"`}}
		if p.mime != "" {
			header.Set("Content-Type", p.mime)
		}
		file, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(p.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), w.FormDataContentType()
}

func (u user) upload(t *testing.T, path string, p part, headers ...string) answer {
	t.Helper()
	body, contentType := form(t, p)
	return u.send(t, http.MethodPost, u.edge.URL+path, body, append(headers, "Content-Type", contentType)...)
}

// painting is a PNG of a size and shade.
func painting(t *testing.T, width, height int, shade uint8) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = shade
	}
	m.SetNRGBA(0, 0, color.NRGBA{R: 255, A: 255})
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// order is the body of a new item.
type order map[string]any

// article is free to read.
func article(more order) order {
	o := order{"title": "An article", "slug": "a-" + uuid.NewString(), "contentType": "written", "contentBody": "Some words."}
	for name, v := range more {
		o[name] = v
	}
	return o
}

func (u user) create(t *testing.T, o order) string {
	t.Helper()
	return data[struct {
		ID string `json:"id"`
	}](t, u.ask(t, http.MethodPost, "/api/content", o).want(t, http.StatusCreated, "")).ID
}

func (u user) publish(t *testing.T, id string) string {
	t.Helper()
	u.ask(t, http.MethodPost, "/api/content/"+id+"/publish", nil).want(t, http.StatusOK, "")
	return id
}

// tell appends an event to the outbox; the relay and the reactions do the rest.
func (w *world) tell(t *testing.T, tenant, aggregate string, version int64, payload events.Payload) events.Event {
	t.Helper()
	e, err := events.Fact{Tenant: tenant, AggregateID: aggregate, Version: version, Payload: payload}.
		Event(uuid.Must(uuid.NewV7()).String(), events.Cause{ID: uuid.NewString(), ActorID: "test", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(context.Background(), w.pool, func(tx pgx.Tx) error {
		return outbox.NewPublisher(tx).Publish("", outbox.Message(context.Background(), e))
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
