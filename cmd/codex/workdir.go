package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// workDirs are the work directories of transcoders that have none of their own.
const workDirs = "codex-transcoder-"

// newWorkDir makes a work directory for a transcoder and removes those of processes that died:
// a living one has a lock on its own.
func newWorkDir() (dir string, remove func(), err error) {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), workDirs+"*"))
	for _, old := range left {
		if lock, err := lockDir(old); err == nil {
			_ = os.RemoveAll(old)
			_ = lock.Close()
		}
	}
	if dir, err = os.MkdirTemp("", workDirs); err != nil {
		return "", nil, fmt.Errorf("create the transcoder's work directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", nil, fmt.Errorf("lock the transcoder's work directory: %w", err)
	}
	remove = func() {
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
	return dir, remove, nil
}

// lockDir locks a directory until the file is closed; it fails when another process has done so.
func lockDir(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
