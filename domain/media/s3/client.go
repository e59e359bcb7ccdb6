package s3

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var (
	// ErrNotFound means that there is no object with the key, or no such upload.
	ErrNotFound = errors.New("object not found")
	// ErrChanged means that the object is not the requested version.
	ErrChanged = errors.New("object was changed")
)

// Config configures a client.
type Config struct {
	// Endpoint is the base URL of the store for this program.
	Endpoint string
	// PublicEndpoint is the base URL of presigned URLs, for clients; default Endpoint.
	PublicEndpoint string
	// Region is part of signatures; default "us-east-1". R2 accepts "auto".
	Region string
	// AccessKey and SecretKey are the credentials.
	AccessKey, SecretKey string
	// Timeout limits one operation with all its attempts, without the transfer of a body;
	// default 15 s.
	Timeout time.Duration
	// Transport replaces the HTTP transport in tests.
	Transport http.RoundTripper
}

// Client is a connection to a store. It is safe for concurrent use.
type Client struct {
	api     *awss3.Client
	presign *awss3.PresignClient
	timeout time.Duration
	// slow is for responses that may take a store minutes.
	slow *http.Client
}

const (
	attempts     = 3
	baseDelay    = 100 * time.Millisecond
	maxDelay     = 2 * time.Second
	firstByte    = 15 * time.Second
	idleTimeout  = 90 * time.Second
	maxIdleConns = 64
)

// Open checks the configuration. It does not connect to the store.
func Open(cfg Config) (*Client, error) {
	if cfg.PublicEndpoint == "" {
		cfg.PublicEndpoint = cfg.Endpoint
	}
	for _, endpoint := range []string{cfg.Endpoint, cfg.PublicEndpoint} {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("the object store's address %q is not an http or https URL", endpoint)
		}
	}
	if cfg.AccessKey == "" || cfg.SecretKey == "" {
		return nil, errors.New("the object store's access key and secret key are not configured")
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = firstByte
	}
	options := awss3.Options{
		BaseEndpoint:               aws.String(cfg.Endpoint),
		Region:                     cfg.Region,
		Credentials:                credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, ""),
		UsePathStyle:               true,
		HTTPClient:                 &http.Client{Transport: transport(cfg)},
		Retryer:                    newRetryer(),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	slow := transport(cfg)
	if t, ok := slow.(*http.Transport); ok && cfg.Transport == nil {
		t.ResponseHeaderTimeout = 0
	}
	public := options
	public.BaseEndpoint = aws.String(cfg.PublicEndpoint)
	return &Client{
		api:     awss3.New(options),
		presign: awss3.NewPresignClient(awss3.New(public)),
		timeout: cfg.Timeout,
		slow:    &http.Client{Transport: slow},
	}, nil
}

func transport(cfg Config) http.RoundTripper {
	if cfg.Transport != nil {
		return cfg.Transport
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: firstByte,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   maxIdleConns,
	}
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = maxDelay
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			delay := min(baseDelay<<min(attempt, 10), maxDelay)
			return delay/2 + rand.N(delay/2), nil //nolint:gosec // jitter, not a secret
		})
	})
}

// Close closes idle connections.
func (c *Client) Close() {
	c.slow.CloseIdleConnections()
	if client, ok := c.api.Options().HTTPClient.(*http.Client); ok {
		client.CloseIdleConnections()
	}
}

// Bucket returns one of the store's buckets. It does not check that the bucket exists.
func (c *Client) Bucket(name string) *Bucket { return &Bucket{client: c, name: name} }

// Bucket is a bucket of a store.
type Bucket struct {
	client *Client
	name   string
}

// Name returns the bucket's name.
func (b *Bucket) Name() string { return b.name }

// failure wraps the error of an operation, as ErrNotFound or ErrChanged where it is one.
func (b *Bucket) failure(what, key string, err error) error {
	if err == nil {
		return nil
	}
	var response *smithyhttp.ResponseError
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && slices.Contains([]string{"NoSuchKey", "NoSuchUpload", "NotFound"}, api.ErrorCode()):
		return fmt.Errorf("%s %s/%s: %w", what, b.name, key, ErrNotFound)
	case errors.As(err, &response) && response.HTTPStatusCode() == http.StatusPreconditionFailed:
		return fmt.Errorf("%s %s/%s: %w", what, b.name, key, ErrChanged)
	}
	return fmt.Errorf("%s %s/%s: %w", what, b.name, key, err)
}
