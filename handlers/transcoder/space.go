package transcoder

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoSpace says that a job must wait for space in the work directory. It is no failure.
var errNoSpace = errors.New("there is not enough space in the work directory")

// spareBytes are left free on the file system of the work directory.
const spareBytes = 256 << 20

// space shares the work directory out to the jobs of a process. A job reserves the most that it
// may need before it begins.
type space struct {
	dir string
	// limit is the most bytes of all jobs together; 0 for what the file system has.
	limit int64

	mu       sync.Mutex
	reserved map[string]int64
}

func newSpace(dir string, limit int64) *space {
	return &space{dir: dir, limit: limit, reserved: map[string]int64{}}
}

// reserve reserves so many bytes for a job, instead of what it had reserved before. It fails with
// errNoSpace.
func (s *space) reserve(job string, bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, err := freeBytes(s.dir)
	if err != nil {
		return err
	}
	var others int64
	for name, reserved := range s.reserved {
		if name == job {
			continue
		}
		others += reserved
		free -= max(0, reserved-usedBytes(s.jobDir(name)))
	}
	free += usedBytes(s.jobDir(job)) - spareBytes

	if bytes > free || s.limit > 0 && others+bytes > s.limit {
		return fmt.Errorf("%w: %d bytes are needed, %d are free, %d reserved, the limit is %d",
			errNoSpace, bytes, max(free, 0), others, s.limit)
	}
	s.reserved[job] = bytes
	return nil
}

func (s *space) release(job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reserved, job)
}

// jobDir is the work directory of a job.
func (s *space) jobDir(job string) string { return filepath.Join(s.dir, jobPrefix+job) }

// freeBytes is what an unprivileged process may still write to a file system.
func freeBytes(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("read the free space of the work directory: %w", err)
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:unconvert // the types differ between systems
}

// usedBytes is the size of the files in a directory; what disappears meanwhile does not count.
func usedBytes(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // a file that was just removed
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

// isDiskFull reports whether a write failed for lack of space.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
