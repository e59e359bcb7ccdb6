package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/codex-platform/codex/deploy/embedded/postgres"
)

// database is the private Postgres cluster, which is a child process.
type database struct {
	dir    string
	log    *slog.Logger
	disk   *disk
	server *postgres.Server
}

// databaseDiskBytes is the space of the cluster and its log of at most 512 MB.
const databaseDiskBytes = 1 << 30

func startDatabase(ctx context.Context, dir string, log *slog.Logger) (*database, error) {
	space, err := newDisk(filepath.Join(dir, "postgres"), databaseDiskBytes)
	if err != nil {
		return nil, err
	}
	d := &database{dir: filepath.Join(space.dir, "cluster"), log: log, disk: space}
	return d, d.start(ctx)
}

func (d *database) start(ctx context.Context) (err error) {
	// The roles' pools add up to more than the default of one laptop.
	d.server, err = postgres.Start(ctx, postgres.Config{
		Dir:       d.dir,
		SocketDir: filepath.Join(filepath.Dir(filepath.Dir(d.dir)), "socket"),
		Settings:  map[string]string{"max_connections": "400"},
		Logger:    d.log,
	})
	return err
}

// socket is where the cluster listens.
func (d *database) socket() string {
	return filepath.Join(filepath.Dir(filepath.Dir(d.dir)), "socket", ".s.PGSQL.5432")
}

// kill ends the postmaster at once; its backends notice and end.
func (d *database) kill() error {
	if err := syscall.Kill(d.server.PID(), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill postgres: %w", err)
	}
	<-d.server.Done()
	return nil
}

// signal reaches the postmaster and its backends, which are sessions of their own.
func (d *database) signal(s syscall.Signal) error {
	postmaster := d.server.PID()
	for _, pid := range append([]int{postmaster}, childrenOf(postmaster)...) {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("signal postgres: %w", err)
		}
	}
	return nil
}

// ended reports whether the postmaster has ended, as it does when its disk is full.
func (d *database) ended() bool {
	select {
	case <-d.server.Done():
		return true
	default:
		return false
	}
}

func (d *database) stop(ctx context.Context) {
	if d.server != nil {
		_ = d.signal(syscall.SIGCONT)
		if err := d.server.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "chaos:", err)
		}
	}
	if err := d.disk.close(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos: unmount:", err)
	}
}
