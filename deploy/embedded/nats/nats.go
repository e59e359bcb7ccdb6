// Package nats runs nats-server with JetStream inside this process.
//
// Clients connect over TCP as to any NATS server, so nothing above knows that it
// is embedded. The streams are kept on disk.
//
// The package promises a server that is ready when Start returns, that handles no
// signals and that leaves no goroutine after Stop. It does not promise that
// JetStream keeps everything it acknowledged: nats-server syncs to disk every
// two minutes by default, which loses that much in a power cut; here it is every
// two seconds, and the platform replays the rest from Postgres.
package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	defaultSyncInterval = 2 * time.Second
	// maxPayloadBytes is for written content of 500 000 characters, which as JSON may
	// need 3 MB; NATS advises against more than this.
	maxPayloadBytes = 8 << 20
	maxConnections  = 1024
	// memoryStoreBytes is small because every stream of the platform is on disk.
	memoryStoreBytes = 64 << 20
	tlsTimeout       = 5 * time.Second
	// writeDeadline drops a client that does not read.
	writeDeadline = 5 * time.Second
	// readyWithin includes reading the streams back, which takes longest after a
	// kill -9 with full streams.
	readyWithin = 30 * time.Second
)

// SyncAlways as Config.SyncInterval makes JetStream sync before each
// acknowledgement: five to ten times slower, and nothing is lost in a power cut.
const SyncAlways time.Duration = -1

// Config says where the server listens and keeps its streams.
type Config struct {
	// Dir holds the streams. Required; created when missing.
	Dir string
	// Host to listen on. Empty: 127.0.0.1.
	Host string
	// Port to listen on. -1: any free one. 0: 4222.
	Port int
	// SyncInterval is the longest time an acknowledged message stays out of the
	// disk's reach. 0: 2 s. See SyncAlways.
	SyncInterval time.Duration
	// Token that clients must present; URL contains it. Required: other users of a machine
	// reach its loopback interface, too.
	Token string
	// TLS is required beyond the loopback interface, where the token would travel in the clear.
	TLS *tls.Config
	// ServerName is the name clients see. Empty: "codex".
	ServerName string
	// Logger receives the server's warnings and errors. Empty: slog.Default().
	Logger *slog.Logger
}

// Server is a running nats-server.
type Server struct {
	server *server.Server
	url    string
	done   chan struct{}
}

// Start starts the server and returns when clients can connect and JetStream has
// read its streams. A taken port is one clear sentence.
func Start(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the JetStream directory %s cannot be created: %w", cfg.Dir, err)
	}
	if err := checkFree(cfg.Host, cfg.Port); err != nil {
		return nil, err
	}
	embedded, err := server.NewServer(cfg.options())
	if err != nil {
		return nil, fmt.Errorf("configure nats-server: %w", err)
	}
	log := &bridge{logger: cfg.Logger, fatal: make(chan string, 1)}
	embedded.SetLoggerV2(log, false, false, false)
	embedded.Start()
	if err := waitReady(embedded, log.fatal); err != nil {
		embedded.Shutdown()
		embedded.WaitForShutdown()
		return nil, err
	}
	running := &Server{server: embedded, url: clientURL(embedded, cfg), done: make(chan struct{})}
	go func() {
		embedded.WaitForShutdown()
		close(running.done)
	}()
	return running, nil
}

// URL is what nats.Connect takes.
func (s *Server) URL() string { return s.url }

// InProcessConn gives a client in this process a connection without a socket; it
// implements the interface that nats.InProcessServer takes.
func (s *Server) InProcessConn() (net.Conn, error) { return s.server.InProcessConn() }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop disconnects the clients, syncs the streams and waits for the end. When ctx
// ends first it returns the context's error and the shutdown goes on behind it.
// Stopping twice is fine.
func (s *Server) Stop(ctx context.Context) error {
	go s.server.Shutdown()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop nats-server: %w", ctx.Err())
	}
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Dir == "" {
		return cfg, errors.New("nats: Config.Dir is required")
	}
	abs, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return cfg, fmt.Errorf("resolve the JetStream directory %q: %w", cfg.Dir, err)
	}
	cfg.Dir = abs
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	if cfg.Port == 0 {
		cfg.Port = server.DEFAULT_PORT
	}
	if cfg.SyncInterval == 0 {
		cfg.SyncInterval = defaultSyncInterval
	}
	if cfg.Token == "" {
		return cfg, errors.New("nats: Config.Token is required: without it everybody on this machine is a client")
	}
	if cfg.TLS == nil && !isLoopback(cfg.Host) {
		return cfg, fmt.Errorf("nats: %s is not the loopback interface: Config.TLS is required there", cfg.Host)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = "codex"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (cfg Config) options() *server.Options {
	options := &server.Options{
		ServerName:             cfg.ServerName,
		Host:                   cfg.Host,
		Port:                   cfg.Port,
		Authorization:          cfg.Token,
		JetStream:              true,
		StoreDir:               cfg.Dir,
		JetStreamMaxMemory:     memoryStoreBytes,
		SyncInterval:           cfg.SyncInterval,
		MaxPayload:             maxPayloadBytes,
		MaxConn:                maxConnections,
		WriteDeadline:          writeDeadline,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	}
	if cfg.TLS != nil {
		options.TLSConfig = cfg.TLS
		options.TLSTimeout = tlsTimeout.Seconds()
	}
	if cfg.SyncInterval < 0 {
		options.SyncAlways = true
		options.SyncInterval = defaultSyncInterval
	}
	return options
}

// checkFree asks before nats-server does, because nats-server starts JetStream
// first and reports a taken port only to its log.
func checkFree(host string, port int) error {
	if port < 0 {
		return nil
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("the NATS port %s is taken by another program: stop it, or choose another port", address)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s for NATS: %w", address, err)
	}
	return listener.Close()
}

func waitReady(embedded *server.Server, fatal <-chan string) error {
	ready := make(chan bool, 1)
	go func() { ready <- embedded.ReadyForConnections(readyWithin) }()
	select {
	case text := <-fatal:
		return fmt.Errorf("nats-server does not start: %s", text)
	case ok := <-ready:
		if !ok {
			return fmt.Errorf("nats-server is not ready after %s", readyWithin)
		}
	}
	if !embedded.JetStreamEnabled() {
		return errors.New("nats-server started without JetStream: see its errors above")
	}
	return nil
}

func clientURL(embedded *server.Server, cfg Config) string {
	port := embedded.Addr().(*net.TCPAddr).Port
	scheme := "nats"
	if cfg.TLS != nil {
		scheme = "tls"
	}
	address := url.URL{Scheme: scheme, User: url.User(cfg.Token), Host: net.JoinHostPort(cfg.Host, strconv.Itoa(port))}
	return address.String()
}
