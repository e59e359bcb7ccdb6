package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
)

// DefaultTimeout bounds one call to Stripe, connection and response included. stripe-go's
// own default of 80 s is longer than any client of ours waits.
const DefaultTimeout = 10 * time.Second

// Config is how to reach Stripe.
type Config struct {
	// SecretKey is the API key, "sk_test_…" or "sk_live_…". Required.
	SecretKey string
	// BackendURL is the base URL of the API; default the real Stripe. In development it is
	// the URL of the sandbox.
	BackendURL string
	// Timeout bounds one call. Zero means DefaultTimeout.
	Timeout time.Duration
}

// Client calls the Stripe API. It is safe for concurrent use.
type Client struct {
	backend   stripego.Backend
	key       string
	transport *http.Transport
	maxListed int // see ListEvents
}

// New builds a client. It makes no call.
func New(cfg Config) (*Client, error) {
	if cfg.SecretKey == "" {
		return nil, errors.New("stripe: the secret key is empty")
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("stripe: the timeout is negative")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.BackendURL == "" {
		cfg.BackendURL = stripego.APIURL
	}
	base, err := url.Parse(cfg.BackendURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("stripe: %q is not an http(s) address", cfg.BackendURL)
	}

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	transport.ResponseHeaderTimeout = cfg.Timeout

	backend := stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		HTTPClient: &http.Client{
			Timeout:   cfg.Timeout,
			Transport: transport,
			// An API does not redirect; following one would send the key elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		URL:               &cfg.BackendURL,
		MaxNetworkRetries: stripego.Int64(0),
		EnableTelemetry:   stripego.Bool(false),
		// Failures are returned, not logged: an error's text may name a person.
		LeveledLogger: &stripego.LeveledLogger{Level: stripego.LevelNull},
	})
	return &Client{backend: backend, key: cfg.SecretKey, transport: transport, maxListed: defaultMaxListed}, nil
}

// Close closes idle connections. Calls in progress finish.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// requireKey rejects a write without an idempotency key: stripe-go would invent a random
// one, and a repeated call would then have a second effect.
func requireKey(op, key string) error {
	if key == "" {
		return &Error{Kind: ErrRejected, Op: op, Message: "idempotency key is empty"}
	}
	if len(key) > 255 {
		return &Error{Kind: ErrRejected, Op: op, Message: "idempotency key is longer than 255 characters"}
	}
	return nil
}
