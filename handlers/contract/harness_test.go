// Package contract_test tests the HTTP contract as a whole: that its description says
// what the router does, that every example in it is true, that every limit holds, who
// may do what in which state, and that a client of the original finds everything
// where it expects it. All of it over HTTP, with real parts in one process.
package contract_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/accounts"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/objects"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/web"
	"github.com/codex-platform/codex/handlers/handlertest"
)

const (
	webhookSecret    = "whsec_contract"
	transcoderSecret = "the secret of transcoders"
	password         = "a quiet winter river"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

type (
	request = handlertest.Request
	answer  = handlertest.Answer
)

// harness is one installation in development mode, with everything.
type harness struct {
	*handlertest.Harness
	edge *edge.Edge
	hash string // of password
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	passwords := handlertest.Passwords(t)
	w.hash = handlertest.Must(passwords.Hash(context.Background(), password))(t)
	w.StartBus(natstest.Embedded(t), 1)
	w.StartStore()
	w.StartSandbox(sandbox.Config{})
	w.StartCommands([]commands.Context{
		commands.User{}.Commands(),
		commands.Organization{}.Commands(),
		commands.Content{}.Commands(),
		commands.Media{Development: true}.Commands(),
		commands.Image{}.Commands(),
		commands.Purchase{Rates: money.DefaultRates()}.Commands(),
		commands.Playback{}.Commands(),
	},
		(&commands.Checkout{Pool: w.Pool, Stripe: w.Stripe, Rates: money.DefaultRates(), Log: w.Logger}).Commands(),
		(&commands.Uploads{Store: w.Media}).Commands())
	w.StartReactions(reactions.Access(w.Now), reactions.Transcoding(w.Now), reactions.Erasure(w.Now), reactions.Counters(), reactions.Images(w.Now))
	w.edge = w.Edge(func(cfg *edge.Config) { cfg.Development = true }, w.parts(passwords)...)
	w.Serve(w.edge.Handler())
	return w
}

// in is the harness for a part of its test.
func (w *harness) in(t *testing.T) *harness {
	inner := *w
	inner.Harness = w.In(t)
	return &inner
}

// parts are what the edge serves.
func (w *harness) parts(passwords *argon2id.Hasher) []any {
	tokens := handlertest.Must(token.NewKeys([]byte("the secret of stream tokens")))(w)
	wake := func() { _ = bus.WakeRelay(w.Conn) }
	secrets := map[string][]string{}
	for _, name := range []string{"booking", "payment", "dispute", "subscription", "connect", "customer"} {
		secrets[name] = []string{webhookSecret}
	}
	return []any{
		accounts.Routes(accounts.Config{
			Pool: w.Pool, Passwords: passwords, PublicURL: w.URL, Development: true, Committed: wake,
		}),
		edge.OrganizationRoutes{},
		edge.ContentRoutes{},
		edge.NewImageRoutes(edge.ImageConfig{Store: w.Assets, Maker: handlertest.Must(ffmpeg.New(ffmpeg.Config{Logger: w.Logger}))(w)}),
		edge.Assets{Objects: w.Assets},
		edge.NewMediaRoutes(edge.MediaConfig{Store: w.Media}),
		edge.TranscodingRoutes{Secrets: [][]byte{[]byte(transcoderSecret)}, Orphans: &objects.Orphans{
			Pool: w.Pool, Media: w.Media, Assets: w.Assets, Now: w.Now, Log: w.Logger,
		}},
		edge.CheckoutRoutes{Sessions: w.Stripe},
		&edge.WebhookRoutes{Intake: &edge.StripeIntake{Pool: w.Pool, Dispatcher: w.Dispatcher, Now: w.Now, Log: w.Logger}, Secrets: secrets},
		edge.PurchaseRoutes{},
		edge.AccessRoutes{Tokens: tokens, Objects: w.Media},
		web.Home{Development: true}.Routes(),
		web.Mailbox{Pool: w.Pool, Development: true}.Routes(),
		web.Docs{}.Routes(),
	}
}

// exec changes the database in one round trip.
func (w *harness) exec(statements ...statement) {
	w.Helper()
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	if err := w.Pool.SendBatch(context.Background(), b).Close(); err != nil {
		w.Fatalf("%s: %v", statements[0].sql, err)
	}
}

type statement struct {
	sql  string
	args []any
}

func sql(text string, args ...any) statement { return statement{text, args} }

// send sends a request as a browser at the service's own address does.
func (w *harness) send(r request) answer {
	w.Helper()
	header := map[string]string{"Origin": w.URL}
	for name, value := range r.Header {
		header[name] = value
	}
	r.Header = header
	return w.Send(r)
}

// signedByStripe returns the headers with which Stripe sends a body.
func signedByStripe(body []byte) map[string]string {
	return map[string]string{"Stripe-Signature": handlertest.StripeSignature(body, webhookSecret, time.Now())}
}

// signedByTranscoder returns the headers with which a transcoder sends a body.
func signedByTranscoder(body []byte) map[string]string {
	return handlertest.SignedByTranscoder(body, transcoderSecret, strconv.FormatInt(time.Now().Unix(), 10))
}
