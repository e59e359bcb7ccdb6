package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	ephemeralPrefix = "codex-ephemeral-"
	// abandonedAfter keeps the sweep away from a directory that another process
	// has created but not locked yet.
	abandonedAfter = time.Minute
)

// OpenEphemeral opens a data directory below os.TempDir that Close removes. A
// killed process cannot remove its own, so the call first removes the abandoned
// ones: those whose lock is free.
func OpenEphemeral() (*DataDir, error) {
	sweepAbandoned(os.TempDir())
	path, err := os.MkdirTemp("", ephemeralPrefix)
	if err != nil {
		return nil, fmt.Errorf("create an ephemeral data directory: %w", err)
	}
	dir, err := OpenDataDir(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	dir.ephemeral = true
	return dir, nil
}

// sweepAbandoned does its best and reports nothing: what it cannot remove belongs
// to another user or to the next sweep.
func sweepAbandoned(parent string) {
	paths, err := filepath.Glob(filepath.Join(parent, ephemeralPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		// Lstat and the lock file's presence keep planted links out of the sweep.
		lockPath := filepath.Join(path, lockFile)
		seen, err := os.Lstat(lockPath)
		if err != nil || !seen.Mode().IsRegular() || time.Since(seen.ModTime()) < abandonedAfter {
			continue
		}
		if holder, err := os.Lstat(path); err != nil || !holder.IsDir() {
			continue
		}
		lock, err := TryLock(lockPath)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(path)
		_ = lock.Close()
	}
}
