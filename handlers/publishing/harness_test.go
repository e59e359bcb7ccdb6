// Package publishing_test tests publishing over HTTP, with an edge, a bus, the consumers of
// commands, the relay, the reactions, Postgres, an object store and ffmpeg.
package publishing_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"image"
	"image/png"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
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
	// quota limits each creator; the default one when it is zero.
	quota domain.Quota
	// payouts says that selling needs a payout account.
	payouts bool
	// currency is that of new prices; gbp when it is empty.
	currency string
	// noConsumers leaves out the consumers of commands and the reactions, until the test
	// starts the modules.
	noConsumers bool
}

var tool = sync.OnceValues(func() (*ffmpeg.Tool, error) { return ffmpeg.New(ffmpeg.Config{Threads: 1}) })

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{StandStill: true})}
	w.StartBus(natstest.Embedded(t), 1)
	w.StartStore()

	w.modules = []handlers.Module{
		publishing.New(publishing.Config{
			Quota:           o.quota,
			Pool:            w.Pool,
			PayoutsRequired: o.payouts,
			Currency:        money.CurrencyOf(cmp.Or(o.currency, money.DefaultCurrency)),
			AssetsURL:       view.AssetsURL("", w.URL),
		}),
		images.New(images.Config{
			Pool:      w.Pool,
			Store:     w.Assets,
			Maker:     handlertest.Must(tool())(t),
			PublicURL: w.URL,
			Now:       w.Now,
			Log:       w.Logger,
		}),
	}
	if !o.noConsumers {
		w.StartModules(w.modules...)
	}
	w.Serve(w.Edge(nil, w.modules...).Handler())
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
	err := w.Assets.List(context.Background(), prefix, func(i s3.Info) error {
		keys = append(keys, i.Key)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return keys
}

// user is a signed-in user, whose session's token is the id; without an id, a request has no
// session.
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
	u.Exec(`INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key,
			hls_master_playlist_key, thumbnail_key, waveform_key, duration_seconds)
		VALUES ($1, $2, 'Media', $3, 'ready', 'original',
			'master.m3u8', 'poster.jpg', 'waveform.json', 100)`, id, u.id, kind)
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

func (u user) send(method, path string, body any, headers ...string) answer {
	u.Helper()
	return u.Send(handlertest.Request{
		Method:  method,
		Path:    path,
		Session: u.id,
		Body:    body,
		Header:  handlertest.Pairs(headers...),
	})
}

// get reads without a session.
func (w *harness) get(path string, headers ...string) answer {
	w.Helper()
	return user{harness: w}.send(http.MethodGet, path, nil, headers...)
}

// uploadCover uploads a picture of one shade.
func (u user) uploadCover(path string, shade uint8, headers ...string) answer {
	u.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file := handlertest.Must(form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="cover"; filename="cover.png"`},
		"Content-Type":        {"image/png"},
	}))(u)
	picture := image.NewNRGBA(image.Rect(0, 0, 300, 100))
	for i := range picture.Pix {
		picture.Pix[i] = shade
	}
	if err := errors.Join(png.Encode(file, picture), form.Close()); err != nil {
		u.Fatal(err)
	}
	return u.send(http.MethodPost, path, body.Bytes(), append(headers, "Content-Type", form.FormDataContentType())...)
}

// fields is the body of a request.
type fields map[string]any

// article is the body of a new free article, with more fields or other ones.
func article(more fields) fields {
	body := fields{
		"title":       "An article",
		"slug":        "a-" + uuid.NewString(),
		"contentType": "written",
		"contentBody": "Some words.",
	}
	maps.Copy(body, more)
	return body
}

func (u user) create(body fields) string {
	u.Helper()
	return data[struct {
		ID string `json:"id"`
	}](u.send(http.MethodPost, "/api/content", body).Want(http.StatusCreated, "")).ID
}

func (u user) publish(id string) string {
	u.Helper()
	u.send(http.MethodPost, "/api/content/"+id+"/publish", nil).Want(http.StatusOK, "")
	return id
}

// tell appends an event to the outbox; the relay publishes it to the reactions.
func (w *harness) tell(tenant, aggregate string, version int64, payload events.Payload) events.Event {
	w.Helper()
	e := w.Event(tenant, aggregate, version, payload)
	w.Tell(e)
	return e
}
