package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	identitystore "github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/identity/smtp"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	mediastore "github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/lists"
	"github.com/codex-platform/codex/handlers/objects"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/transcoder"
	"github.com/codex-platform/codex/handlers/web"
	"github.com/codex-platform/codex/outbox"
)

// edgeGrace is how long requests in flight may take after a stop.
const edgeGrace = 3 * time.Second

func (p *platform) edge() (func(context.Context) error, error) {
	host, _ := os.Hostname()
	dispatcher, err := bus.NewDispatcher(p.conn, host+"-"+uuid.NewString(), p.cfg.Partitions, p.log)
	if err != nil {
		return nil, err
	}
	routes, err := p.routes(dispatcher)
	if err != nil {
		return nil, err
	}
	workers, err := p.workers()
	if err != nil {
		return nil, err
	}
	proxies, err := edge.ParseProxies(p.cfg.Proxies)
	if err != nil {
		return nil, err
	}
	if len(proxies) == 0 && !p.cfg.development() {
		// Something terminates TLS in front, and hides who the clients are.
		p.log.Warn("all clients count as one address: set CODEX_TRUSTED_PROXIES to the networks of the proxy in front")
	}
	checks, err := p.checks()
	if err != nil {
		return nil, err
	}
	e, err := edge.New(edge.Config{
		Pool: p.pool, Dispatcher: dispatcher, PublicURL: p.cfg.PublicURL, Development: p.cfg.development(), Workers: workers,
		WebOrigins: p.cfg.webOrigins(), OwnOrigins: ownOrigins(p.compatServices()), TrustedProxies: proxies,
		LimitFactor: p.cfg.LimitFactor, Checks: checks, Now: time.Now, Log: p.log,
	}, routes...)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		defer dispatcher.Close()
		return p.serveEdge(ctx, e)
	}, nil
}

// checks are what /health asks.
func (p *platform) checks() ([]edge.Check, error) {
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	bucket := store.Bucket(p.cfg.S3BucketMedia)
	return []edge.Check{
		{Name: "bus", Ask: func(context.Context) error {
			if !p.conn.IsConnected() {
				return errors.New("not connected")
			}
			return nil
		}},
		{Name: "storage", Ask: func(ctx context.Context) error {
			_, err := bucket.Head(ctx, "health")
			if errors.Is(err, mediastore.ErrNotFound) {
				return nil // it has been looked for
			}
			return err
		}},
	}, nil
}

// routes are the resources that the edge serves.
func (p *platform) routes(dispatcher *bus.Dispatcher) ([]any, error) {
	passwords, err := argon2id.New(argon2id.Config{})
	if err != nil {
		return nil, err
	}
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	payments, err := p.payments()
	if err != nil {
		return nil, err
	}
	tokens, err := token.NewKeys(byteSlices(several(p.cfg.TokenSecret))...)
	if err != nil {
		return nil, err
	}
	mediaBucket, assets := store.Bucket(p.cfg.S3BucketMedia), store.Bucket(p.cfg.S3BucketAssets)
	prober, pictures := p.lookers()
	return []any{
		edge.AuthRoutes{Passwords: passwords, Committed: p.wakeMailer},
		edge.UserRoutes{Committed: p.wakeMailer},
		edge.OrganizationRoutes{},
		edge.ContentRoutes{},
		edge.NewMediaRoutes(edge.MediaConfig{Store: mediaBucket, Prober: prober}),
		edge.NewImageRoutes(edge.ImageConfig{Store: assets, Maker: pictures, AssetsURL: p.cfg.AssetsURL}),
		edge.Assets{Objects: assets},
		edge.TranscodingRoutes{Secrets: byteSlices(several(p.cfg.TranscoderSecret)), Orphans: p.orphans(store)},
		edge.CheckoutRoutes{Sessions: payments, ReturnHosts: p.cfg.ReturnHosts},
		&edge.WebhookRoutes{Intake: p.intake(dispatcher), Secrets: p.cfg.webhookSecrets()},
		edge.PurchaseRoutes{},
		edge.AccessRoutes{Tokens: tokens, Objects: mediaBucket},
		web.Home{Development: p.cfg.development(), Payments: p.cfg.StripeBackend},
		web.Mailbox{Pool: p.pool, Development: p.cfg.development(), Log: p.log},
		web.Docs{},
		web.Invitations{},
		web.ResetPassword{},
	}, nil
}

// workers returns the keys of the requests that other programs sign; without a
// secret there are none, and the edge refuses such requests.
func (p *platform) workers() (*workersig.Keys, error) {
	secrets := several(p.cfg.WorkerSecret)
	if len(secrets) == 0 {
		return nil, nil
	}
	return workersig.NewKeys(byteSlices(secrets)...)
}

// lookers look into uploads before they are accepted. An edge without ffmpeg leaves
// media to the transcoder, whose first step it is, and takes no pictures.
func (p *platform) lookers() (edge.Prober, edge.PictureMaker) {
	tool, err := ffmpeg.New(ffmpeg.Config{Logger: p.log})
	if err != nil {
		p.log.Warn("uploads are looked into by the transcoder only, and pictures are not taken", "reason", err)
		return nil, nil
	}
	return tool, tool
}

func byteSlices(list []string) [][]byte {
	result := make([][]byte, len(list))
	for i, s := range list {
		result[i] = []byte(s)
	}
	return result
}

func (p *platform) storage() (*mediastore.Client, error) {
	return mediastore.Open(mediastore.Config{
		Endpoint: p.cfg.S3Endpoint, PublicEndpoint: p.cfg.S3Public, Region: p.cfg.S3Region,
		AccessKey: p.cfg.S3AccessKey, SecretKey: string(p.cfg.S3SecretKey),
	})
}

// orphans searches the storage for objects that belong to nothing.
func (p *platform) orphans(store *mediastore.Client) *objects.Orphans {
	return &objects.Orphans{
		Pool: p.pool, Media: store.Bucket(p.cfg.S3BucketMedia), Assets: store.Bucket(p.cfg.S3BucketAssets), Now: time.Now, Log: p.log,
	}
}

func (p *platform) payments() (*stripe.Client, error) {
	return stripe.New(stripe.Config{SecretKey: string(p.cfg.StripeKey), BackendURL: p.cfg.StripeBackend})
}

func (p *platform) intake(dispatcher *bus.Dispatcher) *edge.StripeIntake {
	return &edge.StripeIntake{
		Pool: p.pool, Dispatcher: dispatcher, Livemode: strings.Contains(string(p.cfg.StripeKey), "_live_"), Now: time.Now, Log: p.log,
	}
}

// commands applies commands, and runs the loops that look after what they left open.
func (p *platform) commands() (func(context.Context) error, error) {
	payments, err := p.payments()
	if err != nil {
		return nil, err
	}
	mailer, err := p.mailer()
	if err != nil {
		return nil, err
	}
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	mediaBucket := store.Bucket(p.cfg.S3BucketMedia)
	dispatcher, err := bus.NewDispatcher(p.conn, "sweeper-"+uuid.NewString(), p.cfg.Partitions, p.log)
	if err != nil {
		return nil, err
	}
	rates := money.Rates{Platform: money.BasisPoints(p.cfg.PlatformBPS), Organization: money.BasisPoints(p.cfg.OrganizationBPS)}
	runner := commands.NewRunner(commands.Config{
		Pool: p.batchPool, Conn: p.conn, Partitions: p.cfg.Partitions, Limits: p.limits, Log: p.log,
	}, []commands.Context{
		commands.User{},
		commands.Organization{PublicURL: p.cfg.PublicURL},
		commands.Content{PayoutsRequired: p.cfg.RequirePayouts},
		commands.Media{Development: p.cfg.development()},
		commands.Image{},
		commands.Purchase{Rates: rates},
		commands.Playback{},
	}, []commands.External{
		&commands.Checkout{Pool: p.pool, Stripe: payments, Rates: rates, Log: p.log},
		&commands.Uploads{Store: mediaBucket},
	})
	folder := &lists.Folder{Pool: p.pool, Log: p.log}
	sweeper := &commands.Sweeper{Pool: p.pool, Dispatcher: dispatcher, Now: time.Now, Log: p.log}
	stuck := &transcoder.Sweeper{DB: p.pool, Dispatcher: dispatcher, After: p.cfg.StuckAfter, Now: time.Now, Log: p.log}
	uploads := &objects.Uploads{Pool: p.pool, Store: mediaBucket, Now: time.Now, Log: p.log}
	orphans := p.orphans(store)
	credentials := &identitystore.Sweeper{Pool: p.pool, Now: time.Now}
	limits := &ratelimit.Sweeper{DB: p.pool, Now: time.Now}
	obligations := &commands.Obligations{Pool: p.pool, Stripe: payments, Now: time.Now, Log: p.log}
	reconciler := &commands.Reconciler{
		Pool: p.pool, Events: payments, Sessions: payments, Intake: p.intake(dispatcher), Now: time.Now, Log: p.log,
	}
	periodic := func(ctx context.Context) error {
		return jobs.Run(ctx, p.log,
			jobs.Job{Name: "identity.sweep", Every: time.Hour, Run: credentials.Sweep},
			jobs.Job{Name: "ratelimit.sweep", Every: time.Minute, Run: limits.Sweep},
		)
	}
	return func(ctx context.Context) error {
		defer dispatcher.Close()
		return together(ctx, runner.Run, sweeper.Run, folder.Run, stuck.Run, uploads.Run, orphans.Run, obligations.Run,
			reconciler.Run, mailer.Run, periodic)
	}, nil
}

// mailer delivers mail: by SMTP where a server is configured, else to the mailbox page.
func (p *platform) mailer() (*smtp.Mailer, error) {
	m := &smtp.Mailer{Pool: p.pool, Wake: p.mailWritten, Now: time.Now, Log: p.log}
	if p.cfg.SMTPURL == "" {
		return m, nil
	}
	server, err := smtpConfig(string(p.cfg.SMTPURL), p.cfg.MailFrom)
	if err != nil {
		return nil, err
	}
	sender, err := smtp.NewServer(server)
	if err != nil {
		return nil, err
	}
	m.Sender = sender
	return m, nil
}

// smtpConfig reads smtp://user:password@host:port (STARTTLS) or smtps://… (TLS).
func smtpConfig(raw, from string) (smtp.ServerConfig, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return smtp.ServerConfig{}, errors.New("CODEX_SMTP_URL must look like smtp://user:password@host:587, or smtps:// for TLS from the start")
	}
	cfg := smtp.ServerConfig{Host: u.Hostname(), Username: u.User.Username(), From: from, Encryption: smtp.StartTLS}
	cfg.Password, _ = u.User.Password()
	if u.Port() != "" {
		if cfg.Port, err = strconv.Atoi(u.Port()); err != nil {
			return cfg, errors.New("CODEX_SMTP_URL: the port is not a number")
		}
	}
	if u.Scheme == "smtps" {
		cfg.Encryption = smtp.TLS
	}
	return cfg, nil
}

// wakeMailer tells mailer and relay that a commit left something for them.
func (p *platform) wakeMailer() {
	select {
	case p.mailWritten <- struct{}{}:
	default:
	}
	_ = bus.WakeRelay(p.conn) // a hint; the relay polls as well
}

func (p *platform) relay() (func(context.Context) error, error) {
	relay, err := outbox.NewRelay(outbox.RelayConfig{
		DatabaseURL: p.cfg.DatabaseURL, Conn: p.conn, Limits: p.limits, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	return relay.Run, nil
}

// reactions runs what follows from events.
func (p *platform) reactions() (func(context.Context) error, error) {
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	payments, err := p.payments()
	if err != nil {
		return nil, err
	}
	router := reactions.New(reactions.Config{
		Pool: p.pool, Conn: p.conn, Limits: p.limits, Now: time.Now, Log: p.log,
	}, reactions.Access(time.Now), reactions.Transcoding(time.Now), reactions.Erasure(time.Now),
		reactions.Counters(), reactions.Images(time.Now))
	images := &reactions.ImageSweep{Pool: p.pool, Assets: store.Bucket(p.cfg.S3BucketAssets), Now: time.Now, Log: p.log}
	sweep := &reactions.MediaSweep{
		Conn: p.conn, Limits: p.limits, Media: store.Bucket(p.cfg.S3BucketMedia), Assets: store.Bucket(p.cfg.S3BucketAssets), Log: p.log,
	}
	customers := &reactions.CustomerErasure{Pool: p.pool, Stripe: payments, Now: time.Now, Log: p.log}
	return func(ctx context.Context) error {
		return together(ctx, router.Run, sweep.Run, images.Run, customers.Run)
	}, nil
}

// transcoder runs the built-in transcoder. Its callbacks take the public way, as an
// external transcoder's would.
func (p *platform) transcoder() (func(context.Context) error, error) {
	tool, err := ffmpeg.New(ffmpeg.Config{Logger: p.log})
	if err != nil {
		return nil, err
	}
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	worker, err := transcoder.New(transcoder.Config{
		Conn: p.conn, Limits: p.limits, DB: p.pool, Media: store.Bucket(p.cfg.S3BucketMedia), Assets: store.Bucket(p.cfg.S3BucketAssets),
		Tool: tool, CallbackURL: p.cfg.PublicURL + "/api/transcoding/webhook", Secret: []byte(several(p.cfg.TranscoderSecret)[0]),
		Dir: p.workDir, Workers: p.cfg.TranscoderWorkers, Now: time.Now, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	return worker.Run, nil
}
