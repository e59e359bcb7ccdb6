package images_test

import (
	"bytes"
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
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/images"
	"github.com/codex-platform/codex/handlers/publishing"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// harness is an installation of images, and of publishing, whose content shows thumbnails.
// Its clock stands still until a test moves it.
type harness struct {
	*handlertest.Harness
	module handlers.Module
}

type options struct {
	// maker replaces ffmpeg; noMaker leaves it out.
	maker   images.PictureMaker
	noMaker bool
	// noCommands leaves out the consumer of commands.
	noCommands bool
	// wait is how long the edge waits for an outcome.
	wait time.Duration
}

var ffmpegTool = sync.OnceValues(func() (*ffmpeg.Tool, error) { return ffmpeg.New(ffmpeg.Config{Threads: 1}) })

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	h := &harness{Harness: handlertest.New(t, handlertest.Options{StandStill: true})}
	h.StartBus(natstest.Embedded(t), 1)
	h.StartStore()
	if o.maker == nil && !o.noMaker {
		o.maker = handlertest.Must(ffmpegTool())(t)
	}
	h.module = images.New(images.Config{
		Pool:       h.Pool,
		Store:      h.Assets,
		Renditions: h.Media,
		Frames:     handlertest.Must(ffmpegTool())(t),
		Maker:      o.maker,
		PublicURL:  h.URL,
		Now:        h.Now,
		Log:        h.Logger,
	})
	modules := []handlers.Module{h.module, publishing.New(publishing.Config{Pool: h.Pool})}
	if !o.noCommands {
		h.StartModules(modules...)
	}
	h.Serve(h.Edge(func(cfg *edge.Config) { cfg.Wait = o.wait }, modules...).Handler())
	return h
}

func (h *harness) in(t *testing.T) *harness { return &harness{h.In(t), h.module} }

// get sends a request without a session.
func (h *harness) get(path string, headers ...string) answer {
	h.Helper()
	return user{harness: h}.ask(http.MethodGet, path, nil, headers...)
}

// user is a signed-in user; the zero id is an anonymous client.
type user struct {
	*harness
	id string
}

func (h *harness) signIn(role string) user {
	h.Helper()
	return user{h, h.User(role)}
}

// in is the user for a subtest.
func (u user) in(t *testing.T) user { return user{u.harness.in(t), u.id} }

func (u user) join(organization, role, status string) user {
	u.Helper()
	u.Join(organization, u.id, role, status)
	return u
}

type answer = handlertest.Answer

// data decodes what is in the envelope of one resource.
func data[T any](a answer) T {
	return handlertest.Decode[struct {
		Data T `json:"data"`
	}](a).Data
}

func (u user) ask(method, path string, body any, headers ...string) answer {
	u.Helper()
	return u.Send(handlertest.Request{
		Method:  method,
		Path:    path,
		Session: u.id,
		Body:    body,
		Header:  handlertest.Pairs(headers...),
	})
}

// article creates a content item, in an organization unless that is "".
func (u user) article(organization string) (id string) {
	u.Helper()
	body := map[string]any{
		"title":       "An article",
		"slug":        "a-" + uuid.NewString(),
		"contentType": "written",
		"contentBody": "Some words.",
	}
	if organization != "" {
		body["organizationId"] = organization
	}
	return u.ask(http.MethodPost, "/api/content", body).Want(http.StatusCreated, "").Text("data.id")
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
		file := handlertest.Must(w.CreatePart(header))(t)
		if _, err := file.Write(p.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), w.FormDataContentType()
}

// upload sends a form of one part.
func (u user) upload(path string, p part, headers ...string) answer {
	u.Helper()
	body, contentType := form(u.T, p)
	return u.ask(http.MethodPost, path, body, append(headers, "Content-Type", contentType)...)
}

// avatar uploads an avatar of a shade.
func (u user) avatar(shade uint8, headers ...string) answer {
	u.Helper()
	return u.upload(avatarPath, part{"avatar", "image/png", painting(u.T, 50, 50, shade)}, headers...)
}

const avatarPath = "/api/user/avatar"

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
