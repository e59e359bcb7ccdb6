package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/codex-platform/codex/cmd/codex/redact"
	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/deploy/embedded/postgres"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/edge"
)

// secret is a value that is never printed.
type secret string

// String implements fmt.Stringer.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return "(set)"
}

// MarshalText implements encoding.TextMarshaler, so that no logger shows it.
func (s secret) MarshalText() ([]byte, error) { //nolint:unparam // the interface has an error
	return []byte(s.String()), nil
}

// config is everything that the environment says, with the meaning of each variable in
// tag doc. When the address of a part is empty, codex up starts that part itself.
type config struct {
	Env        string `env:"CODEX_ENV" envDefault:"development" doc:"development or production"`
	Data       string `env:"CODEX_DATA" envDefault:".codex" doc:"directory of the embedded parts"`
	Addr       string `env:"CODEX_ADDR" envDefault:"127.0.0.1:8080" doc:"where pages and API listen"`
	PublicURL  string `env:"CODEX_PUBLIC_URL" doc:"how clients reach pages and API; default http://CODEX_ADDR"`
	WebOrigins string `env:"CODEX_WEB_ORIGINS" doc:"origins of web apps in browsers, the main one first, comma-separated"`
	Proxies    string `env:"CODEX_TRUSTED_PROXIES" doc:"networks whose X-Forwarded-For is believed, or none"`

	LimitFactor    int    `env:"CODEX_RATE_LIMIT_FACTOR" doc:"multiplies rate limits; 0: 1, in development 100"`
	MaxConnections int    `env:"CODEX_MAX_CONNECTIONS" envDefault:"10000" doc:"open connections per port; more wait"`
	CompatPorts    string `env:"CODEX_COMPAT_PORTS" doc:"true for the ports of the original's services, or eight others"`
	Internal       string `env:"CODEX_INTERNAL_ADDR" doc:"where /livez and /readyz listen; off when empty"`

	DatabaseURL string `env:"CODEX_DATABASE_URL" doc:"Postgres 15 or newer; embedded when empty"`
	NATSURL     string `env:"CODEX_NATS_URL" doc:"NATS 2.11 or newer with JetStream; embedded when empty"`
	NATSAddr    string `env:"CODEX_NATS_ADDR" envDefault:"127.0.0.1:4222" doc:"where the embedded NATS listens"`
	NATSToken   secret `env:"CODEX_NATS_TOKEN" doc:"what the embedded NATS demands of clients; generated when empty"`

	NATSServerCert string `env:"CODEX_NATS_SERVER_CERT" doc:"file of the embedded NATS's certificate, beyond loopback"`
	NATSServerKey  string `env:"CODEX_NATS_SERVER_KEY" doc:"file of the key of CODEX_NATS_SERVER_CERT"`

	MigrateURL    string `env:"CODEX_MIGRATE_DATABASE_URL" doc:"the database as the schema's owner, for codex migrate"`
	PoolSize      int32  `env:"CODEX_POOL_SIZE" envDefault:"20" doc:"most connections of a process to Postgres"`
	BatchPoolSize int32  `env:"CODEX_BATCH_POOL_SIZE" envDefault:"8" doc:"as many more in role commands, for batches"`

	NATSCreds string   `env:"CODEX_NATS_CREDS" doc:"file of credentials (JWT and seed) for NATS"`
	NATSCA    string   `env:"CODEX_NATS_CA" doc:"file of the CA certificates that NATS is verified with"`
	NATSCert  string   `env:"CODEX_NATS_CERT" doc:"file of this client's certificate for NATS"`
	NATSKey   string   `env:"CODEX_NATS_KEY" doc:"file of the key of CODEX_NATS_CERT"`
	Replicas  int      `env:"CODEX_NATS_REPLICAS" envDefault:"1" doc:"copies of each stream; 3 on a cluster"`
	Commands  byteSize `env:"CODEX_NATS_COMMAND_BYTES" envDefault:"1GiB" doc:"storage for commands per copy"`
	Events    byteSize `env:"CODEX_NATS_EVENT_BYTES" envDefault:"8GiB" doc:"storage for events per copy"`

	ShutdownDelay   time.Duration `env:"CODEX_SHUTDOWN_DELAY" envDefault:"5s" doc:"a stopping edge serves on for this"`
	ShutdownTimeout time.Duration `env:"CODEX_SHUTDOWN_TIMEOUT" envDefault:"25s" doc:"longest stop, delay included"`

	S3Endpoint  string `env:"CODEX_S3_ENDPOINT" doc:"S3-compatible storage; embedded when empty"`
	S3Public    string `env:"CODEX_S3_PUBLIC_ENDPOINT" doc:"how clients reach the storage; default CODEX_S3_ENDPOINT"`
	S3Addr      string `env:"CODEX_S3_ADDR" envDefault:"127.0.0.1:9000" doc:"where the embedded storage listens"`
	S3Region    string `env:"CODEX_S3_REGION" envDefault:"us-east-1" doc:"region that signatures name"`
	S3AccessKey string `env:"CODEX_S3_ACCESS_KEY" doc:"access key of the storage"`
	S3SecretKey secret `env:"CODEX_S3_SECRET_KEY" doc:"secret key of the storage"`

	S3BucketMedia  string `env:"CODEX_S3_BUCKET_MEDIA" envDefault:"codex-media" doc:"bucket of originals and renditions"`
	S3BucketAssets string `env:"CODEX_S3_BUCKET_ASSETS" envDefault:"codex-assets" doc:"bucket of images"`
	AssetsURL      string `env:"CODEX_ASSETS_URL" doc:"where clients find images, such as a CDN; the edge when empty"`

	StripeKey     secret `env:"STRIPE_SECRET_KEY" doc:"Stripe API key; the payments sandbox when empty"`
	StripeBackend string `env:"CODEX_STRIPE_BACKEND_URL" doc:"another address of the Stripe API; for tests"`
	SandboxAddr   string `env:"CODEX_PAYMENTS_ADDR" envDefault:"127.0.0.1:8090" doc:"where the payments sandbox listens"`

	WebhookBooking      secret `env:"STRIPE_WEBHOOK_SECRET_BOOKING" doc:"signs /webhooks/stripe/booking"`
	WebhookPayment      secret `env:"STRIPE_WEBHOOK_SECRET_PAYMENT" doc:"signs /webhooks/stripe/payment"`
	WebhookDispute      secret `env:"STRIPE_WEBHOOK_SECRET_DISPUTE" doc:"signs /webhooks/stripe/dispute"`
	WebhookSubscription secret `env:"STRIPE_WEBHOOK_SECRET_SUBSCRIPTION" doc:"signs /webhooks/stripe/subscription"`
	WebhookConnect      secret `env:"STRIPE_WEBHOOK_SECRET_CONNECT" doc:"signs /webhooks/stripe/connect"`
	WebhookCustomer     secret `env:"STRIPE_WEBHOOK_SECRET_CUSTOMER" doc:"signs /webhooks/stripe/customer"`

	// Several secrets, newest first, are separated by commas.
	CommandSecret    secret `env:"CODEX_COMMAND_SECRET" doc:"signs commands and outcomes; several comma-separated"`
	EventSecret      secret `env:"CODEX_EVENT_SECRET" doc:"signs events on the bus; several comma-separated"`
	TranscoderSecret secret `env:"CODEX_TRANSCODER_SECRET" doc:"signs callbacks of transcoders; several comma-separated"`
	TokenSecret      secret `env:"CODEX_TOKEN_SECRET" doc:"signs streaming tokens; several comma-separated, newest first"`
	WorkerSecret     secret `env:"CODEX_WORKER_SECRET" doc:"signs requests of other programs; several comma-separated"`
	WorkerShared     secret `env:"WORKER_SHARED_SECRET" doc:"the older name of CODEX_WORKER_SECRET"`

	SMTPURL  secret `env:"CODEX_SMTP_URL" doc:"smtp://user:password@host:port; the mailbox page when empty"`
	MailFrom string `env:"CODEX_MAIL_FROM" envDefault:"Codex <no-reply@localhost>" doc:"sender of mail"`

	Partitions int `env:"CODEX_COMMAND_PARTITIONS" envDefault:"1" doc:"partitions per context; the same in all processes"`

	TranscoderWorkers int `env:"CODEX_TRANSCODER_WORKERS" envDefault:"1" doc:"long jobs, and short ones, at once"`

	TranscoderSpace int64 `env:"CODEX_TRANSCODER_SPACE" envDefault:"0" doc:"bytes of work files; 0: what the disk has"`

	TranscoderLong time.Duration `env:"CODEX_TRANSCODER_LONG_AFTER" envDefault:"10m" doc:"jobs of such sources are long"`

	VideoEncoder string `env:"CODEX_VIDEO_ENCODER" envDefault:"libx264" doc:"of pictures in H.264, e.g. h264_nvenc"`

	VideoExtra string `env:"CODEX_VIDEO_EXTRA_ENCODERS" doc:"further codecs: libx265, hevc_nvenc, libsvtav1, with commas"`

	VideoHeight int `env:"CODEX_VIDEO_MAX_HEIGHT" envDefault:"1080" doc:"of the largest rendition: 1080, 1440 or 2160"`

	StuckAfter time.Duration `env:"CODEX_TRANSCODING_STUCK_AFTER" envDefault:"2h" doc:"a job silent for this long fails"`

	PlatformBPS int64 `env:"CODEX_PLATFORM_FEE_BPS" envDefault:"1000" doc:"basis points of a sale for the platform"`

	OrganizationBPS int64 `env:"CODEX_ORGANIZATION_FEE_BPS" envDefault:"0" doc:"basis points of the rest, organization"`

	Currency string `env:"CODEX_CURRENCY" envDefault:"gbp" doc:"currency of new prices; earlier prices keep theirs"`

	RequirePayouts bool `env:"CODEX_REQUIRE_CONNECT" envDefault:"false" doc:"selling needs an active payout account"`

	ReturnHosts []string `env:"CODEX_RETURN_HOSTS" doc:"more sites that buyers may return to, subdomains included"`
}

// readConfig reads the environment.
func readConfig() (config, error) {
	cfg, err := env.ParseAs[config]()
	if err != nil {
		return cfg, fmt.Errorf("configuration: %w", err)
	}
	if cfg.Env != "development" && cfg.Env != "production" {
		return cfg, fmt.Errorf("CODEX_ENV is %q: set it to development or production", cfg.Env)
	}
	if cfg.WorkerSecret == "" {
		cfg.WorkerSecret = cfg.WorkerShared
	}
	if err := cfg.checkSecrets(); err != nil {
		return cfg, err
	}
	if cfg.LimitFactor < 0 || cfg.LimitFactor > 10_000 {
		return cfg, errors.New("CODEX_RATE_LIMIT_FACTOR must be 0 to 10000")
	}
	if cfg.MaxConnections < 1 {
		return cfg, errors.New("CODEX_MAX_CONNECTIONS must be at least 1")
	}
	if _, err := cfg.proxies(); err != nil {
		return cfg, fmt.Errorf("CODEX_TRUSTED_PROXIES: %w", err)
	}
	if err := cfg.checkOrigins(); err != nil {
		return cfg, err
	}
	if err := cfg.checkSizes(); err != nil {
		return cfg, err
	}
	if cfg.Partitions < 1 || cfg.Partitions > 64 {
		return cfg, errors.New("CODEX_COMMAND_PARTITIONS must be 1 to 64")
	}
	if cfg.PlatformBPS < 0 || cfg.PlatformBPS > 10_000 || cfg.OrganizationBPS < 0 || cfg.OrganizationBPS > 10_000 {
		return cfg, errors.New("CODEX_PLATFORM_FEE_BPS and CODEX_ORGANIZATION_FEE_BPS must be 0 to 10000 basis points")
	}
	currency, err := money.ParseCurrency(cfg.Currency)
	if err != nil {
		return cfg, fmt.Errorf("CODEX_CURRENCY is %q: set it to a currency that Stripe charges in, such as gbp or jpy",
			cfg.Currency)
	}
	cfg.Currency = currency.Code
	return cfg, nil
}

// streamLimits are the limits of the streams.
func (c config) streamLimits() bus.StreamLimits {
	limits := bus.DefaultStreamLimits()
	limits.Replicas = c.Replicas
	limits.CommandBytes, limits.EventBytes = int64(c.Commands), int64(c.Events)
	return limits
}

func (c config) development() bool { return c.Env == "development" }

// proxies are the networks of trusted proxies.
func (c config) proxies() ([]netip.Prefix, error) {
	if c.Proxies == "none" {
		return nil, nil
	}
	return edge.ParseProxies(c.Proxies)
}

// webOrigins are the origins of the web apps.
func (c config) webOrigins() []string { return several(c.WebOrigins) }

// checkOrigins rejects values that are no origins and, in production, plain http.
func (c config) checkOrigins() error {
	for _, origin := range c.webOrigins() {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || origin != u.Scheme+"://"+u.Host {
			return fmt.Errorf("CODEX_WEB_ORIGINS: %q is no origin like https://codex.example", origin)
		}
		if u.Scheme != "https" && !c.development() {
			return fmt.Errorf(
				"CODEX_WEB_ORIGINS: %s must be https: a page that is changed in transit could act for its user", origin)
		}
	}
	return nil
}

// webhookSecrets returns the signing secrets by the last part of the route. A
// variable may hold several, separated by commas, while one replaces another.
func (c config) webhookSecrets() map[string][]string {
	all := map[string]secret{
		"booking":      c.WebhookBooking,
		"payment":      c.WebhookPayment,
		"dispute":      c.WebhookDispute,
		"subscription": c.WebhookSubscription,
		"connect":      c.WebhookConnect,
		"customer":     c.WebhookCustomer,
	}
	secrets := map[string][]string{}
	for name, value := range all {
		if value != "" {
			secrets[name] = several(value)
		}
	}
	return secrets
}

// several splits a list at its commas.
func several[T ~string](s T) []string {
	var list []string
	for part := range strings.SplitSeq(string(s), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// checkSizes rejects limits with which nothing works.
func (c config) checkSizes() error {
	switch {
	case c.PoolSize < 2 || c.BatchPoolSize < 1 || c.PoolSize > 1000 || c.BatchPoolSize > 1000:
		return errors.New("CODEX_POOL_SIZE must be 2 to 1000, CODEX_BATCH_POOL_SIZE 1 to 1000")
	case c.Replicas < 1 || c.Replicas > 5:
		return errors.New("CODEX_NATS_REPLICAS must be 1 to 5")
	case c.ShutdownDelay < 0 || c.ShutdownTimeout <= c.ShutdownDelay:
		return errors.New("CODEX_SHUTDOWN_DELAY must not be negative, and CODEX_SHUTDOWN_TIMEOUT must be longer")
	default:
		return nil
	}
}

// check rejects a configuration that must not run: development that others can reach, and
// production with a convenience of development. Every message says what to set.
func (c config) check(roles []role) error {
	if c.AssetsURL != "" {
		u, err := url.Parse(c.AssetsURL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("CODEX_ASSETS_URL is %s: it must be an http or https address", c.AssetsURL)
		}
	}
	if c.development() {
		return c.checkDevelopment()
	}
	if wrong := c.missingInProduction(roles); len(wrong) > 0 {
		return fmt.Errorf("production is not configured:\n  - %s", strings.Join(wrong, "\n  - "))
	}
	return nil
}

func (c config) checkDevelopment() error {
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || !edge.IsLoopbackHost(u.Host)) {
		return fmt.Errorf("CODEX_PUBLIC_URL is %s, which others can reach: development answers at loopback hosts only; "+
			"set CODEX_ENV=production", redact.Credentials(c.PublicURL))
	}
	for name, addr := range map[string]string{
		"CODEX_ADDR":          c.Addr,
		"CODEX_NATS_ADDR":     c.NATSAddr,
		"CODEX_S3_ADDR":       c.S3Addr,
		"CODEX_PAYMENTS_ADDR": c.SandboxAddr,
	} {
		if !loopback(addr) {
			return fmt.Errorf(
				"%s is %s, which others can reach: development listens on loopback only; set CODEX_ENV=production",
				name, addr)
		}
	}
	return nil
}

// missingInProduction returns, sorted, what has to be set before these roles start in
// production.
func (c config) missingInProduction(roles []role) []string {
	var wrong []string
	edge, mailer := slices.Contains(roles, roleEdge), slices.Contains(roles, roleCommands)
	if u, err := url.Parse(c.PublicURL); err != nil || u.Scheme != "https" {
		wrong = append(wrong,
			"set CODEX_PUBLIC_URL to the https address of the platform: cookies are not sent over plain http")
	}
	if use(roles, "STRIPE_SECRET_KEY") && (c.StripeKey == "" || c.StripeBackend != "") {
		wrong = append(wrong,
			"set STRIPE_SECRET_KEY, and not CODEX_STRIPE_BACKEND_URL: the payments sandbox is for development")
	}
	if c.NATSURL == "" && !loopback(c.NATSAddr) && (c.NATSServerCert == "" || c.NATSServerKey == "") {
		wrong = append(wrong, "set CODEX_NATS_SERVER_CERT and CODEX_NATS_SERVER_KEY, or CODEX_NATS_ADDR to a loopback "+
			"address: the embedded NATS listens to others with TLS only")
	}
	if edge && c.Proxies == "" {
		wrong = append(wrong, "set CODEX_TRUSTED_PROXIES to the networks of the proxy in front, or to none when clients "+
			"connect directly: behind a proxy that is not named, all clients count as one address")
	}
	from, err := mail.ParseAddress(c.MailFrom)
	if mailer && (err != nil || strings.HasSuffix(from.Address, "@localhost")) {
		wrong = append(wrong, "set CODEX_MAIL_FROM to the sender of mail, at a domain of yours")
	}
	if mailer && c.SMTPURL == "" {
		wrong = append(wrong, "set CODEX_SMTP_URL: the mailbox page is for development")
	}
	stores := use(roles, "CODEX_S3_SECRET_KEY")
	if stores && c.S3Endpoint == "" && c.S3Public == "" {
		wrong = append(wrong,
			"set CODEX_S3_ENDPOINT, or CODEX_S3_PUBLIC_ENDPOINT for the embedded storage: clients upload to it")
	}
	if stores && (c.S3Endpoint != "" || c.S3Public != "") && (c.S3AccessKey == "" || len(c.S3SecretKey) < 16) {
		wrong = append(wrong, "set CODEX_S3_ACCESS_KEY and CODEX_S3_SECRET_KEY (at least 16 characters)")
	}

	for name, value := range map[string]secret{
		"CODEX_TRANSCODER_SECRET":       c.TranscoderSecret,
		"CODEX_TOKEN_SECRET":            c.TokenSecret,
		"CODEX_WORKER_SECRET":           c.WorkerSecret,
		"STRIPE_WEBHOOK_SECRET_BOOKING": c.WebhookBooking,
		"STRIPE_WEBHOOK_SECRET_PAYMENT": c.WebhookPayment,
		"STRIPE_WEBHOOK_SECRET_DISPUTE": c.WebhookDispute,
	} {
		if use(roles, name) && several(value) == nil {
			wrong = append(wrong, "set "+name+" to at least 32 characters: secrets are not generated in production")
		}
	}
	for _, s := range c.secrets() {
		wrong = append(wrong, s.weaknesses()...)
	}
	sort.Strings(wrong)
	return wrong
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// fillSecrets reads the secrets that the environment does not give from the data
// directory, where each is generated once. In production none is missing.
func (c *config) fillSecrets(data *embedded.DataDir) error {
	return c.fillFrom(func(name string) (string, error) { return data.Secret(name, 32) })
}

// fillFrom sets the secrets that have no value to those that read returns, in the form in
// which they are used. One that read returns empty stays empty.
func (c *config) fillFrom(read func(name string) (string, error)) error {
	for name, value := range map[string]*secret{
		natsTokenName:          &c.NATSToken,
		"command":              &c.CommandSecret,
		"event":                &c.EventSecret,
		"transcoder":           &c.TranscoderSecret,
		"token":                &c.TokenSecret,
		"worker":               &c.WorkerSecret,
		"s3-secret":            &c.S3SecretKey,
		"stripe-key":           &c.StripeKey,
		"webhook-booking":      &c.WebhookBooking,
		"webhook-payment":      &c.WebhookPayment,
		"webhook-dispute":      &c.WebhookDispute,
		"webhook-subscription": &c.WebhookSubscription,
		"webhook-connect":      &c.WebhookConnect,
		"webhook-customer":     &c.WebhookCustomer,
	} {
		if *value != "" {
			continue
		}
		generated, err := read(name)
		if err != nil {
			return err
		}
		switch {
		case generated == "":
			continue
		case strings.HasPrefix(name, "webhook-"):
			generated = asWebhookSecret(generated)
		case name == "stripe-key":
			generated = "sk_test_" + generated
		}
		*value = secret(generated)
	}
	if c.S3AccessKey == "" {
		c.S3AccessKey = "codex"
	}
	return nil
}

// asWebhookSecret gives a generated secret the form of Stripe's.
func asWebhookSecret(generated string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(generated))
}

// embeddedDatabase returns the URL of the embedded database of a data directory.
func embeddedDatabase(dir string) (string, error) {
	return postgres.URLIn(filepath.Join(dir, "postgres"), "codex")
}
