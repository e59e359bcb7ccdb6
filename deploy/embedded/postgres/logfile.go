package postgres

import (
	"fmt"
	"os"
	"sync"
)

const (
	logFileBytes = 4 << 20
	logTailBytes = 4 << 10
)

// logFile takes what Postgres writes to stderr and keeps the newest 4 to 8 MiB of
// it: at 4 MiB the file becomes path.1, replacing the one before. It never fails
// a write, because a full disk must not stop the database from reporting it.
type logFile struct {
	path string

	mu     sync.Mutex
	file   *os.File
	size   int64
	recent []byte
}

func openLog(path string) (*logFile, error) {
	log := &logFile{path: path}
	if err := log.open(); err != nil {
		return nil, fmt.Errorf("open the log of postgres: %w", err)
	}
	return log, nil
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	l.file, l.size = file, info.Size()
	return nil
}

func (l *logFile) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = append(l.recent, text...)
	if excess := len(l.recent) - logTailBytes; excess > 0 {
		l.recent = append(l.recent[:0], l.recent[excess:]...)
	}
	if l.size >= logFileBytes {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(text)
		l.size += int64(n)
	}
	return len(text), nil
}

func (l *logFile) rotate() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
	_ = os.Rename(l.path, l.path+".1")
	_ = l.open() // on failure: silent until the next start
}

// tail is the end of what this run wrote.
func (l *logFile) tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]byte(nil), l.recent...)
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
