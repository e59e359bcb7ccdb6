package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Lock is an exclusive advisory lock (flock) on a file. The kernel releases it
// with the process, so a kill -9 leaves no stale lock behind; child processes do
// not inherit it.
type Lock struct{ file *os.File }

// HeldError says that another process holds the lock.
type HeldError struct {
	Path string
	// PID of the holder; 0 when it has not written it yet.
	PID int
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is locked by pid %s", e.Path, e.Holder())
}

// Holder is the pid as text, "unknown" when the holder has not written it.
func (e *HeldError) Holder() string {
	if e.PID == 0 {
		return "unknown"
	}
	return strconv.Itoa(e.PID)
}

// TryLock creates the file (0600) if needed and locks it without waiting. When
// another process holds it the error is a *HeldError.
func TryLock(path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		held := &HeldError{Path: path, PID: readPID(file)}
		return nil, errors.Join(held, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	if err := writePID(file); err != nil {
		return nil, errors.Join(fmt.Errorf("write the pid to %s: %w", path, err), file.Close())
	}
	return &Lock{file: file}, nil
}

// Close releases the lock. The file stays: removing it would let two processes
// lock two files of the same name.
func (l *Lock) Close() error { return l.file.Close() }

func readPID(file io.ReaderAt) int {
	buffer := make([]byte, 32)
	n, _ := file.ReadAt(buffer, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buffer[:n])))
	if err != nil {
		return 0
	}
	return pid
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
