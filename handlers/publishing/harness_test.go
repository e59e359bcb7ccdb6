// Package publishing_test tests what creators do with content as a whole, over HTTP
// and with real parts: an edge, a bus, the consumers, the relay, the reactions,
// Postgres, an object store and ffmpeg.
package publishing_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/images"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/view"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// harness is one installation. Its clock stands still until a test moves it.
type harness struct {
	*handlertest.Harness
	modules []handlers.Module
}

type options struct {
	// maker replaces ffmpeg; noMaker leaves it out.
	maker   images.PictureMaker
	noMaker bool
	// payouts says that selling needs a payout account.
	payouts bool
	// deaf leaves out the consumer of commands and the reactions.
	deaf bool
	// wait is how long the edge waits for an outcome.
	wait time.Duration
}

var tool = sync.OnceValues(func() (*ffmpeg.Tool, error) { return ffmpeg.New(ffmpeg.Config{Threads: 1}) })

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{StandStill: true})}
	w.StartBus(natstest.Embedded(t), 1)
	w.StartStore()
	if o.maker == nil && !o.noMaker {
		o.maker = handlertest.Must(tool())(t)
	}

	w.modules = []handlers.Module{
		publishing.New(publishing.Config{
			Pool:            w.Pool,
			PayoutsRequired: o.payouts,
			AssetsURL:       view.AssetsURL("", w.URL),
		}),
		images.New(images.Config{
			Pool:      w.Pool,
			Store:     w.Assets,
			Maker:     o.maker,
			PublicURL: w.URL,
			Now:       w.Now,
			Log:       w.Logger,
		}),
	}
	if !o.deaf {
		w.StartModules(w.modules...)
	}
	w.Serve(w.Edge(func(cfg *edge.Config) { cfg.Wait = o.wait }, w.modules...).Handler())
	return w
}

// in is the harness for a subtest.
func (w *harness) in(t *testing.T) *harness { return &harness{Harness: w.In(t), modules: w.modules} }

// sweep runs the sweep of pictures once and returns how many it removed.
func (w *harness) sweep() int {
	w.Helper()
	return handlertest.Must(w.modules[1].Jobs[0].Run(context.Background()))(w)
}

// objects lists the keys below a prefix.
func (w *harness) objects(prefix string) (keys []string) {
	w.Helper()
	err := w.Assets.List(context.Background(), prefix, func(i s3.Info) error { keys = append(keys, i.Key); return nil })
	if err != nil {
		w.Fatal(err)
	}
	return keys
}

// user is a signed-in user, whose session's token is the id; the zero id is nobody.
type user struct {
	*harness
	id string
}

func (w *harness) signIn(role string) user { w.Helper(); return user{w, w.User(role)} }

func (w *harness) creator() user { w.Helper(); return w.signIn("creator") }

// in is the user for a subtest.
func (u user) in(t *testing.T) user { return user{u.harness.in(t), u.id} }

func (u user) join(organization, role, status string) user {
	u.Helper()
	u.Join(organization, u.id, role, status)
	return u
}

// media is a media item of the user that can be published.
func (u user) media(kind string) string {
	u.Helper()
	id := uuid.NewString()
	u.Exec(`INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, hls_master_playlist_key, thumbnail_key, waveform_key, duration_seconds)
		VALUES ($1, $2, 'Media', $3, 'ready', 'original', 'master.m3u8', 'poster.jpg', 'waveform.json', 100)`, id, u.id, kind)
	return id
}

type answer = handlertest.Answer

// data decodes what is in the envelope of one resource.
func data[T any](a answer) T {
	return handlertest.Decode[struct {
		Data T `json:"data"`
	}](a).Data
}

// page is a page of a list.
type page[T any] struct {
	Items      []T `json:"items"`
	Pagination struct{ Page, Limit, Total, TotalPages int }
}

func list[T any](a answer) page[T] { return handlertest.Decode[page[T]](a.Want(http.StatusOK, "")) }

func (u user) ask(method, path string, body any, headers ...string) answer {
	u.Helper()
	return u.Send(handlertest.Request{Method: method, Path: path, Session: u.id, Body: body, Header: handlertest.Pairs(headers...)})
}

// get asks as nobody.
func (w *harness) get(path string, headers ...string) answer {
	w.Helper()
	return user{harness: w}.ask(http.MethodGet, path, nil, headers...)
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

func (u user) upload(path string, p part, headers ...string) answer {
	u.Helper()
	body, contentType := form(u.T, p)
	return u.ask(http.MethodPost, path, body, append(headers, "Content-Type", contentType)...)
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

func (u user) create(o order) string {
	u.Helper()
	return data[struct {
		ID string `json:"id"`
	}](u.ask(http.MethodPost, "/api/content", o).Want(http.StatusCreated, "")).ID
}

func (u user) publish(id string) string {
	u.Helper()
	u.ask(http.MethodPost, "/api/content/"+id+"/publish", nil).Want(http.StatusOK, "")
	return id
}

// tell announces something; the relay and the reactions do the rest.
func (w *harness) tell(tenant, aggregate string, version int64, payload events.Payload) events.Event {
	w.Helper()
	e := w.Event(tenant, aggregate, version, payload)
	w.Tell(e)
	return e
}
