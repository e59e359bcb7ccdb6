package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/codex-platform/codex/deploy/embedded"
)

const (
	// superuser is the only role; it owns the database the program uses.
	superuser = "codex"
	// readyWithin includes crash recovery, which replays at most max_wal_size.
	readyWithin = 60 * time.Second
	// fastShutdownWithin is how long Stop waits at most, whatever its context allows.
	fastShutdownWithin = 30 * time.Second
	quitWithin         = 2 * time.Second
)

// Config says where the cluster lives.
type Config struct {
	// Dir holds the cluster and everything about it. Required; created when missing.
	Dir string
	// SocketDir is where the unix socket goes. Empty: Dir/socket, or a private
	// directory below os.TempDir() when that path is too long for a socket.
	SocketDir string
	// BinDir holds the programs postgres and initdb. Empty: found by FindBinaries.
	BinDir string
	// Database is created when missing. Empty: "codex".
	Database string
	// Settings override the settings of postgresql.conf, by name. Values are
	// written as quoted strings.
	Settings map[string]string
	// Logger receives what happens around the cluster; Postgres' own log goes to
	// Dir/postgres.log. Empty: slog.Default().
	Logger *slog.Logger
}

// Server is a running cluster.
type Server struct {
	database  string
	socketDir socketDir
	process   *process
	lock      *embedded.Lock
	logger    *slog.Logger
	released  chan struct{}
}

// Start starts the cluster in cfg.Dir and returns when it accepts connections:
// about a second for a new cluster, a tenth of one for an existing one. It ends
// an orphan of an earlier run first. ctx bounds the start only.
//
// The errors that a person can act on (no Postgres installed, another instance,
// data of another major version, a directory that cannot be written) are one
// sentence each.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	lock, err := prepareDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, cfg, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return server, nil
}

func start(ctx context.Context, cfg Config, lock *embedded.Lock) (*Server, error) {
	dir := cluster{dir: cfg.Dir}
	binaries, err := FindBinaries(cfg.BinDir, dir.majorVersion())
	if err != nil {
		return nil, err
	}
	if err := dir.checkMajorVersion(binaries); err != nil {
		return nil, err
	}
	owner, err := chooseAccount(cfg.Dir, binaries.program("postgres"))
	if err != nil {
		return nil, err
	}
	if owner.passThrough {
		cfg.Logger.Warn("postgres may not enter a directory above its data, lending it the capability to",
			"account", owner.name, "directory", cfg.Dir)
	}
	if err := endOrphans(ctx, dir.data(), cfg.Logger); err != nil {
		return nil, err
	}
	if err := dir.removeStalePID(); err != nil {
		return nil, err
	}
	if err := owner.own(cfg.Dir); err != nil {
		return nil, err
	}
	if err := dir.createIfMissing(ctx, binaries, owner, cfg.Settings["fsync"] != "off", cfg.Logger); err != nil {
		return nil, err
	}
	socket, err := openSocketDir(cfg.Dir, cfg.SocketDir, owner)
	if err != nil {
		return nil, err
	}
	if err := dir.writeSettings(socket.path, cfg.Settings, owner); err != nil {
		return nil, err
	}
	running, err := startUntilReady(ctx, cfg, binaries, owner, socket)
	if err != nil {
		socket.remove()
		return nil, err
	}
	server := &Server{
		database:  cfg.Database,
		socketDir: socket,
		process:   running,
		lock:      lock,
		logger:    cfg.Logger,
		released:  make(chan struct{}),
	}
	go server.releaseAtEnd()
	return server, nil
}

// URL is a connection string for pgx, libpq and psql.
func (s *Server) URL() string { return connectionURL(s.socketDir.path, s.database) }

// PID is the process id of the postmaster.
func (s *Server) PID() int { return s.process.pid }

// Done is closed when the cluster has ended, asked or not, and its directory is
// free again.
func (s *Server) Done() <-chan struct{} { return s.released }

// Err is nil while the cluster runs and after a shutdown that Stop asked for.
// After anything else it says how the postmaster ended.
func (s *Server) Err() error {
	select {
	case <-s.released:
		return s.process.unexpectedEnd()
	default:
		return nil
	}
}

// Stop ends the cluster with a fast shutdown: open transactions are rolled back,
// clients disconnected, a checkpoint written. When ctx ends first the cluster is
// ended without a checkpoint (the next start recovers from the log; nothing
// committed is lost) and Stop returns the context's error. Stopping twice is fine.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fastShutdownWithin)
	defer cancel()
	if err := s.process.stop(ctx); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	<-s.released
	return nil
}

func (s *Server) releaseAtEnd() {
	<-s.process.done
	if err := s.process.unexpectedEnd(); err != nil {
		s.logger.Error("postgres ended unexpectedly", "error", err)
	}
	s.socketDir.remove()
	if err := s.lock.Close(); err != nil {
		s.logger.Warn("postgres lock not released", "error", err)
	}
	close(s.released)
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Dir == "" {
		return cfg, errors.New("postgres: Config.Dir is required")
	}
	abs, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return cfg, fmt.Errorf("resolve the database directory %q: %w", cfg.Dir, err)
	}
	cfg.Dir = abs
	if cfg.Database == "" {
		cfg.Database = "codex"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, nil
}

func prepareDir(dir string) (*embedded.Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the database directory %s cannot be created: %w", dir, err)
	}
	lock, err := embedded.TryLock(filepath.Join(dir, "lock"))
	var held *embedded.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("the database in %s is already in use by pid %s: stop that process first", dir, held.Holder())
	}
	if err != nil {
		return nil, fmt.Errorf("the database directory %s cannot be used: %w", dir, err)
	}
	return lock, nil
}
