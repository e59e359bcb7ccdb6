package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// disk is a directory whose space is limited, so that it can be full. Without the right to
// mount one it is an ordinary directory.
type disk struct {
	dir     string
	limited bool
	reason  error // why it is not limited
}

func newDisk(dir string, bytes int64) (*disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Postgres runs under another account
		return nil, err
	}
	err := mountLimited(dir, bytes)
	return &disk{dir: dir, limited: err == nil, reason: err}, nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill takes all the space that is left.
func (d *disk) fill() error {
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for size := 1 << 20; size > 0; {
		_, err := file.Write(make([]byte, size))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			return err
		}
	}
	return nil
}

// free gives the space back.
func (d *disk) free() error {
	err := os.Remove(d.ballast())
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return err
}

func (d *disk) close() error {
	if !d.limited {
		return nil
	}
	return unmount(d.dir)
}
