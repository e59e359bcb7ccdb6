package streaming_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/streaming"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

const tokenSecret = "the secret of stream tokens"

// publicURL is the configured URL of the edge.
const publicURL = "http://codex.test"

// harness is one installation as a viewer meets it: the module, with the commands, the
// relay and the reactions unless it is read-only, and the object store. Its clock stands
// still until a test moves it.
type harness struct {
	*handlertest.Harness
	module handlers.Module
}

type options struct {
	// readOnly leaves out everything that a change needs.
	readOnly bool
	// objects replaces the bucket that the edge sees.
	objects     streaming.Objects
	development bool
	// log is where the parts log to; nil for nowhere.
	log *slog.Logger
	// web is the origin of a web app that browsers open; the edge then has its real
	// address.
	web string
}

func newHarness(t *testing.T, o options) *harness {
	t.Helper()
	h := handlertest.New(t, handlertest.Options{StandStill: true})
	if o.log != nil {
		h.Logger = o.log
	}
	if !o.readOnly {
		h.StartBus(natstest.Embedded(t), 1)
	}
	if o.objects == nil {
		h.StartStore()
		o.objects = h.Media
	}
	address := publicURL
	if o.web != "" {
		address = h.URL
	}
	module := streaming.New(streaming.Config{
		Pool:      h.Pool,
		Objects:   o.objects,
		Tokens:    handlertest.Must(token.NewKeys([]byte(tokenSecret)))(t),
		PublicURL: address,
		Now:       h.Now,
	})
	h.Install(func(cfg *edge.Config) {
		cfg.PublicURL = address
		if o.web != "" {
			cfg.WebOrigins = []string{o.web}
		}
		cfg.Development = o.development
		cfg.LimitFactor = 0 // fetching playlists is limited
	}, module)
	return &harness{Harness: h, module: module}
}

// viewer is a signed-in user.
type viewer struct {
	*harness
	id, session string
}

func (w *harness) signIn() viewer { w.Helper(); id := w.User("customer"); return viewer{w, id, id} }

func (v viewer) join(organization, role string) {
	v.Helper()
	v.Join(organization, v.id, role, "active")
}

// film is a published video for sale, with its media.
type film struct{ id, media, creator, organization string }

func (f film) folder() string { return f.creator + "/hls/" + f.media }

func (w *harness) film(organization string) film {
	w.Helper()
	f := film{media: uuid.NewString(), creator: w.User("creator"), organization: organization}
	w.Exec(`
INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key, hls_master_playlist_key,
    waveform_key, duration_seconds, ready_variants)
VALUES ($1, $2, 'Film', 'video', 'ready', 'original', $3, $4, 100, '["720p","480p"]')`,
		f.media, f.creator, f.folder()+"/master.m3u8", f.creator+"/waveforms/"+f.media+"/waveform.json")
	f.id = w.Publish(handlertest.ForSale{
		Creator:      f.creator,
		Organization: organization,
		Media:        f.media,
		Price:        2999,
	})
	return f
}

// grantTo gives a viewer a complimentary grant.
func (f film) grantTo(v viewer) {
	v.Helper()
	v.Exec(`
INSERT INTO content_access (user_id, content_id, access_type, source_id)
VALUES ($1, $2, 'complimentary', 'a gift')`, v.id, f.id)
}

// purchase is a purchase whose events a test publishes.
type purchase struct {
	id, customer string
	film         film
}

func (v viewer) buy(f film) purchase { return purchase{uuid.NewString(), v.id, f} }

func (p purchase) completed() events.Payload {
	return events.PurchaseCompleted{
		PurchaseID:  p.id,
		CustomerID:  p.customer,
		ContentID:   p.film.id,
		CreatorID:   p.film.creator,
		AmountCents: 2999,
		Currency:    "gbp",
	}
}

func (p purchase) refunded(full bool) events.Payload {
	return events.PurchaseRefunded{
		PurchaseID:  p.id,
		CustomerID:  p.customer,
		ContentID:   p.film.id,
		AmountCents: 2999,
		Full:        full,
	}
}

func (p purchase) disputed() events.Payload {
	return events.PurchaseDisputed{PurchaseID: p.id, CustomerID: p.customer, ContentID: p.film.id}
}

func (p purchase) closed(won bool) events.Payload {
	return events.PurchaseDisputeClosed{
		PurchaseID: p.id,
		CustomerID: p.customer,
		ContentID:  p.film.id,
		Won:        won,
	}
}

// event makes an event of a purchase.
func (w *harness) event(p purchase, payload events.Payload, version int64) events.Event {
	w.Helper()
	return w.Event(p.film.creator, p.id, version, payload)
}

// publish appends an event of a purchase to the outbox.
func (w *harness) publish(p purchase, payload events.Payload, version int64) events.Event {
	w.Helper()
	e := w.event(p, payload, version)
	w.Tell(e)
	return e
}

type answer = handlertest.Answer

// single is the envelope of one resource.
type single[T any] struct {
	Data T `json:"data"`
}

func (v viewer) ask(method, path, body string) answer {
	v.Helper()
	r := handlertest.Request{Method: method, Path: path, Session: v.session}
	if body != "" {
		r.Body = body
	}
	return v.Send(r)
}

// get fetches a URL without a session, as a player does.
func (w *harness) get(address string) answer {
	w.Helper()
	return w.Send(handlertest.Request{Path: strings.TrimPrefix(address, publicURL)})
}
