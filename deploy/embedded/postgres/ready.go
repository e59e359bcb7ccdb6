package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// memoryHeldWithin bounds the wait for backends of a killed postmaster, which
	// leave by themselves but keep the shared memory until then.
	memoryHeldWithin = 10 * time.Second
	invalidCatalog   = "3D000" // the database does not exist
)

var errMemoryHeld = errors.New("shared memory of an earlier run is still in use")

func startUntilReady(
	ctx context.Context, cfg Config, binaries Binaries, owner account, socket socketDir,
) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	giveUp := time.Now().Add(memoryHeldWithin)
	for {
		running, err := startOnce(ctx, cfg, binaries, owner, socket)
		if !errors.Is(err, errMemoryHeld) || time.Now().After(giveUp) {
			return running, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func startOnce(ctx context.Context, cfg Config, binaries Binaries, owner account, socket socketDir) (*process, error) {
	log, err := openLog(filepath.Join(cfg.Dir, "postgres.log"))
	if err != nil {
		return nil, err
	}
	data := filepath.Join(cfg.Dir, "data")
	cmd := exec.Command(binaries.program("postgres"), "-D", data) //nolint:noctx // it outlives the start; Stop ends it
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = log, log
	// A backend that outlives a killed postmaster holds the pipe; do not wait for it.
	cmd.WaitDelay = time.Second

	running, err := launch(cmd, owner)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		<-running.done
		_ = log.Close()
	}()

	if err := waitReady(ctx, running, cfg, socket, log); err != nil {
		quit, cancel := context.WithTimeout(context.WithoutCancel(ctx), quitWithin)
		defer cancel()
		_ = running.stop(quit) // the first error tells more
		return nil, err
	}
	return running, nil
}

func waitReady(ctx context.Context, running *process, cfg Config, socket socketDir, log *logFile) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	err := errors.New("it is still starting")
	for {
		// Asking earlier would only fill the log with refused connections.
		if saysReady(filepath.Join(cfg.Dir, "data"), running.pid) {
			if err = ensureDatabase(ctx, socket.path, cfg.Database); err == nil {
				return nil
			}
		}
		select {
		case <-running.done:
			last := log.tail()
			if bytes.Contains(last, []byte("pre-existing shared memory block")) {
				return errMemoryHeld
			}
			return fmt.Errorf("postgres does not start: %s", lastLine(last))
		case <-ctx.Done():
			return fmt.Errorf("postgres is not ready: %w: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// saysReady reads the status line that the postmaster keeps in postmaster.pid.
func saysReady(data string, pid int) bool {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return false
	}
	// pid, data directory, start time, port, socket directory, address, shared
	// memory key, status
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

// ensureDatabase is the readiness probe: it connects to the database, which the
// first start has to create.
func ensureDatabase(ctx context.Context, socketDir, database string) error {
	conn, err := pgx.Connect(ctx, connectionURL(socketDir, database))
	if err == nil {
		return conn.Close(ctx)
	}
	var rejected *pgconn.PgError
	if !errors.As(err, &rejected) || rejected.Code != invalidCatalog {
		return err
	}
	conn, err = pgx.Connect(ctx, connectionURL(socketDir, "postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	return errors.Join(err, conn.Close(ctx))
}
