package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/mail/smtp"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	mediastore "github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/accounts"
	"github.com/codex-platform/codex/handlers/cleanup"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/images"
	"github.com/codex-platform/codex/handlers/ingest"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/mailing"
	"github.com/codex-platform/codex/handlers/organizations"
	"github.com/codex-platform/codex/handlers/payments"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/streaming"
	"github.com/codex-platform/codex/handlers/view"
	"github.com/codex-platform/codex/handlers/web"
)

// modules are the activities of the platform. An activity that is added is added here.
func (p *platform) modules() ([]handlers.Module, error) {
	a, err := p.adapters()
	if err != nil {
		return nil, err
	}
	modules := []handlers.Module{
		accounts.New(accounts.Config{
			Pool:        p.pool,
			Passwords:   a.passwords,
			PublicURL:   p.cfg.PublicURL,
			Development: p.cfg.development(),
			Committed:   p.wakeMailer,
			Now:         time.Now,
		}),
		organizations.New(organizations.Config{Pool: p.pool, PublicURL: p.cfg.PublicURL}),
		publishing.New(publishing.Config{
			Pool:            p.pool,
			PayoutsRequired: p.cfg.RequirePayouts,
			Currency:        money.CurrencyOf(p.cfg.Currency),
			AssetsURL:       view.AssetsURL(p.cfg.AssetsURL, p.cfg.PublicURL),
		}),
		p.ingest(a),
		images.New(images.Config{
			Pool:       p.pool,
			Store:      a.assets,
			Renditions: a.media,
			Frames:     a.frames,
			Maker:      a.pictures,
			AssetsURL:  p.cfg.AssetsURL,
			PublicURL:  p.cfg.PublicURL,
			Now:        time.Now,
			Log:        p.log,
		}),
		cleanup.New(cleanup.Config{Pool: p.pool, Media: a.media, Assets: a.assets, Now: time.Now, Log: p.log}),
		payments.New(p.paymentsConfig(a.stripe)),
		streaming.New(streaming.Config{
			Pool:      p.pool,
			Objects:   a.media,
			Tokens:    a.tokens,
			PublicURL: p.cfg.PublicURL,
			Now:       time.Now,
		}),
		web.New(web.Config{Pool: p.pool, Development: p.cfg.development(), Payments: p.cfg.StripeBackend}),
		mailing.New(mailing.Config{
			Pool:    p.pool,
			Sender:  a.mail,
			Written: p.mailWritten,
			Now:     time.Now,
			Log:     p.log,
		}),
		{Name: "platform", Jobs: p.housekeeping()},
	}
	if err := handlers.Check(modules); err != nil {
		return nil, fmt.Errorf("the modules do not fit together: %w", err)
	}
	return modules, nil
}

func (p *platform) ingest(a *adapters) handlers.Module {
	return ingest.New(ingest.Config{
		Pool:            p.pool,
		Media:           a.media,
		Prober:          a.prober,
		CallbackSecrets: byteSlices(several(p.cfg.TranscoderSecret)),
		Dispatcher:      p.dispatcher,
		StuckAfter:      p.cfg.StuckAfter,
		Development:     p.cfg.development(),
		Now:             time.Now,
		Log:             p.log,
	})
}

func (p *platform) paymentsConfig(provider *stripe.Client) payments.Config {
	return payments.Config{
		Pool:           p.pool,
		Dispatcher:     p.dispatcher,
		Stripe:         provider,
		Livemode:       strings.Contains(string(p.cfg.StripeKey), "_live_"),
		WebhookSecrets: p.cfg.webhookSecrets(),
		Rates: money.Rates{
			Platform:     money.BasisPoints(p.cfg.PlatformBPS),
			Organization: money.BasisPoints(p.cfg.OrganizationBPS),
		},
		ReturnHosts: p.cfg.ReturnHosts,
		PublicURL:   p.cfg.PublicURL,
		Development: p.cfg.development(),
		Now:         time.Now,
		Log:         p.log,
	}
}

// adapters are what several modules speak to the outside with. Those whose credentials are not
// of a role of this process are nil.
type adapters struct {
	passwords *argon2id.Hasher
	tokens    *token.Keys
	stripe    *stripe.Client
	// mail is nil when no server is configured.
	mail smtp.Sender
	// media holds originals and renditions, assets pictures for the public.
	media, assets *mediastore.Bucket
	// prober, pictures and frames are nil without ffmpeg.
	prober   ingest.Prober
	pictures images.PictureMaker
	frames   images.FrameReader
}

func (p *platform) adapters() (a *adapters, err error) {
	a = &adapters{}
	if a.passwords, err = argon2id.New(argon2id.Config{}); err != nil {
		return nil, err
	}
	if secrets := several(p.cfg.TokenSecret); len(secrets) > 0 {
		if a.tokens, err = token.NewKeys(byteSlices(secrets)...); err != nil {
			return nil, err
		}
	}
	if p.cfg.StripeKey != "" {
		a.stripe, err = stripe.New(stripe.Config{SecretKey: string(p.cfg.StripeKey), BackendURL: p.cfg.StripeBackend})
		if err != nil {
			return nil, err
		}
	}
	if p.cfg.SMTPURL != "" {
		if a.mail, err = mailServer(string(p.cfg.SMTPURL), p.cfg.MailFrom); err != nil {
			return nil, err
		}
	}
	if p.cfg.S3SecretKey != "" {
		store, err := p.storage()
		if err != nil {
			return nil, err
		}
		a.media, a.assets = store.Bucket(p.cfg.S3BucketMedia), store.Bucket(p.cfg.S3BucketAssets)
	}
	a.prober, a.pictures, a.frames = p.inspectors()
	return a, nil
}

// housekeeping are the jobs of the kits.
func (p *platform) housekeeping() []jobs.Job {
	ledger := &commands.Sweeper{Pool: p.pool, Dispatcher: p.dispatcher, Now: time.Now}
	limits := &ratelimit.Sweeper{DB: p.pool, Now: time.Now}
	return append(ledger.Jobs(), jobs.Job{Name: "ratelimit.sweep", Every: time.Minute, Run: limits.Sweep})
}

// inspectors inspect uploads before they are accepted. An edge without ffmpeg leaves media
// to the transcoder, whose first step it is, and accepts no pictures.
func (p *platform) inspectors() (ingest.Prober, images.PictureMaker, images.FrameReader) {
	tool, err := ffmpeg.New(ffmpeg.Config{Logger: p.log})
	if err != nil {
		p.log.Warn("only the transcoder inspects uploads, and pictures are not accepted", "reason", err)
		return nil, nil, nil
	}
	return tool, tool, tool
}

func (p *platform) storage() (*mediastore.Client, error) {
	return mediastore.Open(mediastore.Config{
		Endpoint:       p.cfg.S3Endpoint,
		PublicEndpoint: p.cfg.S3Public,
		Region:         p.cfg.S3Region,
		AccessKey:      p.cfg.S3AccessKey,
		SecretKey:      string(p.cfg.S3SecretKey),
	})
}

// wakeMailer tells mailer and relay that a commit left something for them.
func (p *platform) wakeMailer() {
	select {
	case p.mailWritten <- struct{}{}:
	default:
	}
	_ = bus.WakeRelay(p.conn) // a hint; the relay polls as well
}

// mailServer returns the mail server at an address.
func mailServer(address, from string) (*smtp.Server, error) {
	config, err := smtpConfig(address, from)
	if err != nil {
		return nil, err
	}
	return smtp.NewServer(config)
}

// smtpConfig reads smtp://user:password@host:port (STARTTLS) or smtps://… (TLS).
func smtpConfig(raw, from string) (smtp.ServerConfig, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return smtp.ServerConfig{}, errors.New(
			"CODEX_SMTP_URL must look like smtp://user:password@host:587, or smtps:// for TLS from the start")
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

func byteSlices(list []string) [][]byte {
	result := make([][]byte, len(list))
	for i, s := range list {
		result[i] = []byte(s)
	}
	return result
}

// collect returns what all modules have of one kind.
func collect[T any](modules []handlers.Module, of func(handlers.Module) []T) []T {
	var all []T
	for _, m := range modules {
		all = append(all, of(m)...)
	}
	return all
}

// runJobs runs the jobs of modules until ctx is done.
func (p *platform) runJobs(modules []handlers.Module) func(context.Context) error {
	list := collect(modules, func(m handlers.Module) []jobs.Job { return m.Jobs })
	return func(ctx context.Context) error { return jobs.Run(ctx, p.log, list...) }
}
