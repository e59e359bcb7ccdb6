package s3

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
)

const (
	defaultRegion  = "us-east-1"
	maxConnections = 1024
	// maxRequests in flight; beyond it the gateway answers 503 SlowDown.
	maxRequests = 512
	// maxParts of a multipart upload, as AWS has it.
	maxParts       = 10_000
	listenWithin   = 10 * time.Second
	freePortTries  = 10
	minSecretBytes = 16
)

// Config says what the gateway serves.
type Config struct {
	// Dir holds the objects. Required; created when missing.
	Dir string
	// Addr is host:port; port 0 takes a free one. Empty: 127.0.0.1:0.
	Addr string
	// AccessKey and SecretKey are the only credentials. Required; the secret has
	// at least 16 characters.
	AccessKey, SecretKey string
	// Region that signatures must name. Empty: "us-east-1".
	Region string
	// Buckets are created when missing.
	Buckets []string
	// CORSOrigins are the origins (scheme://host:port) whose pages may read and
	// upload with presigned URLs; "*" allows all. Empty: none.
	CORSOrigins []string
	// Logger receives what goes wrong. Empty: slog.Default().
	Logger *slog.Logger
}

// Server is a running gateway.
type Server struct {
	endpoint string
	gateway  *s3api.S3ApiServer
	store    *store
	logger   *slog.Logger
	once     sync.Once
	done     chan struct{}
}

// Start opens the directory, creates the buckets and returns when the gateway
// accepts connections. ctx bounds the start only. A taken port and a directory
// that cannot be written are one clear sentence each.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	objects, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	for _, bucket := range cfg.Buckets {
		if err := objects.createBucket(bucket); err != nil {
			objects.Shutdown()
			return nil, err
		}
	}
	server, err := listen(ctx, cfg, objects)
	if err != nil {
		objects.Shutdown()
		return nil, err
	}
	return server, nil
}

// Endpoint is the base URL, http://host:port; buckets are path segments below it
// (path-style addressing).
func (s *Server) Endpoint() string { return s.endpoint }

// Done is closed when the gateway has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop takes no more requests and waits for the open ones. When ctx ends first it
// returns the context's error. Stopping twice is fine.
func (s *Server) Stop(ctx context.Context) error {
	s.once.Do(func() {
		go func() {
			if err := s.gateway.ShutDown(); err != nil {
				s.logger.Warn("s3 gateway did not end in time", "error", err)
			}
		}()
	})
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the s3 gateway: %w", ctx.Err())
	}
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Dir == "" || cfg.AccessKey == "" || len(cfg.SecretKey) < minSecretBytes {
		return cfg, fmt.Errorf(
			"s3: Config.Dir, AccessKey and a SecretKey of %d or more characters are required", minSecretBytes)
	}
	abs, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return cfg, fmt.Errorf("resolve the object directory %q: %w", cfg.Dir, err)
	}
	cfg.Dir = abs
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, nil
}

// listen retries when another program took the free port between choosing and binding it;
// a port that was asked for is tried once.
func listen(ctx context.Context, cfg Config, objects *store) (*Server, error) {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("the S3 address %q is not host:port: %w", cfg.Addr, err)
	}
	if port != "0" {
		return serve(ctx, cfg, objects, cfg.Addr)
	}
	for range freePortTries {
		var address string
		if address, err = freeAddress(host); err != nil {
			return nil, err
		}
		var server *Server
		server, err = serve(ctx, cfg, objects, address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return server, err
		}
	}
	return nil, err
}

func freeAddress(host string) (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("cannot listen on %s for S3: %w", host, err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return net.JoinHostPort(host, strconv.Itoa(port)), listener.Close()
}

func serve(ctx context.Context, cfg Config, objects *store, address string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, listenWithin)
	defer cancel()
	account := auth.Account{Access: cfg.AccessKey, Secret: cfg.SecretKey, Role: auth.RoleAdmin}
	listening := make(chan struct{})
	gateway, err := s3api.New(objects, middlewares.RootUserConfig{Access: cfg.AccessKey, Secret: cfg.SecretKey},
		cfg.Region, auth.NewIAMServiceSingle(account), nil, nil, nil, nil,
		s3api.WithConcurrencyLimiter(maxConnections, maxRequests), s3api.WithMpMaxParts(maxParts),
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(),
		s3api.WithOnListen(func() { close(listening) }))
	if err != nil {
		return nil, fmt.Errorf("configure the s3 gateway: %w", err)
	}
	server := &Server{
		endpoint: "http://" + address,
		gateway:  gateway,
		store:    objects,
		logger:   cfg.Logger,
		done:     make(chan struct{}),
	}

	failed := make(chan error, 1)
	go func() {
		err := gateway.ServeMultiPort([]string{address})
		select {
		case <-listening:
			objects.Shutdown()
		default: // never listened; the caller still owns the store
		}
		failed <- err
		close(server.done)
	}()

	select {
	case <-listening:
		return server, nil
	case err := <-failed:
		return nil, listenError(address, err)
	case <-ctx.Done():
		go func() { _ = gateway.ShutDown() }()
		return nil, fmt.Errorf("the s3 gateway does not listen on %s: %w", address, ctx.Err())
	}
}

func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("the S3 port %s is taken by another program: stop it, or choose another port: %w",
			address, syscall.EADDRINUSE)
	}
	return fmt.Errorf("the s3 gateway does not start on %s: %w", address, err)
}
