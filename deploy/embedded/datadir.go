package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LayoutVersion is the version of the directory layout this program writes. It
// grows when an older program could no longer work in the directory.
const LayoutVersion = 1

const (
	versionFile = "VERSION"
	lockFile    = "lock"
	secretsDir  = "secrets"
)

// DataDir is an open data directory. One process holds it at a time, from
// OpenDataDir to Close or to its death.
type DataDir struct {
	path      string
	lock      *Lock
	ephemeral bool
}

// OpenDataDir creates the directory if needed, locks it and checks its layout
// version. The errors are sentences meant for the person at the terminal: the
// directory cannot be written, another instance holds it (with its pid), or it
// was written by a newer version.
//
// The mode is 0700. For root it is 0711, because Postgres refuses to run as root
// and its unprivileged account must pass through; everything inside stays private.
func OpenDataDir(path string) (*DataDir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("resolve the data directory %q: %w", path, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, unusable(abs, err)
	}
	if err := os.Chmod(abs, directoryMode()); err != nil {
		return nil, unusable(abs, err)
	}

	lock, err := TryLock(filepath.Join(abs, lockFile))
	if err != nil {
		var held *HeldError
		if errors.As(err, &held) {
			return nil, fmt.Errorf("another Codex (pid %s) already runs in the data directory %s: stop it, or %s",
				held.Holder(), abs, chooseAnother)
		}
		return nil, unusable(abs, err)
	}
	dir := &DataDir{path: abs, lock: lock}
	if err := dir.checkVersion(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return dir, nil
}

// Path joins elem to the absolute path of the directory; without arguments it is
// the directory itself.
func (d *DataDir) Path(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// Close releases the lock; an ephemeral directory is removed with its content.
// Stop everything that works inside before.
func (d *DataDir) Close() error {
	var removed error
	if d.ephemeral {
		removed = os.RemoveAll(d.path)
	}
	return errors.Join(removed, d.lock.Close())
}

func (d *DataDir) checkVersion() error {
	path := d.Path(versionFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeDurably(path, []byte(strconv.Itoa(LayoutVersion)+"\n"))
	}
	if err != nil {
		return unusable(d.path, err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || version < 1 {
		return fmt.Errorf("the file %s should hold a version number but holds %q: restore it, or %s",
			path, strings.TrimSpace(string(text)), chooseAnother)
	}
	if version > LayoutVersion {
		return fmt.Errorf("the data directory %s was written by a newer Codex (layout %d, this program knows %d): "+
			"update the program, or %s", d.path, version, LayoutVersion, chooseAnother)
	}
	return nil
}

func directoryMode() fs.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// chooseAnother ends the messages about a directory that cannot be used.
const chooseAnother = "choose another directory with --data"

func unusable(path string, err error) error {
	reason := err
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		reason = pathErr.Err
		if errors.Is(reason, syscall.ENOTDIR) {
			return fmt.Errorf("the data directory %s cannot be used because %s is not a directory: %s: %w",
				path, pathErr.Path, chooseAnother, reason)
		}
	}
	return fmt.Errorf("the data directory %s cannot be written (%w): change its owner or mode, or %s",
		path, reason, chooseAnother)
}

// writeDurably makes the file appear whole or not at all, also across a power
// cut: temporary name, fsync, rename, fsync of the directory.
func writeDurably(path string, content []byte) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return unusable(dir, err)
	}
	defer os.Remove(file.Name()) // already renamed when all went well
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("put %s in place: %w", path, err)
	}
	return SyncDir(dir)
}

// SyncDir makes renames inside the directory survive a power cut.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s to sync it: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
