package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// socketPort only names the socket file; there is no TCP port.
	socketPort = "5432"
	// longestSocketDir leaves room for "/.s.PGSQL.5432.lock" in the 104 bytes that
	// the stricter systems (macOS, the BSDs) allow for a socket path.
	longestSocketDir = 104 - len("/.s.PGSQL.5432.lock") - 1
	socketDirFile    = "socket-dir"
)

type socketDir struct {
	path string
	// temporary: below os.TempDir(), ours to remove.
	temporary bool
}

// URLIn returns the connection string of the cluster that another process runs
// in dir. It does not tell whether it runs now.
func URLIn(dir, database string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, socketDirFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no database in %s yet: start it with codex up", dir)
	}
	if err != nil {
		return "", fmt.Errorf("read where the socket of the database is: %w", err)
	}
	return connectionURL(strings.TrimSpace(string(text)), database), nil
}

func connectionURL(socketDir, database string) string {
	parameters := url.Values{"host": {socketDir}, "port": {socketPort}, "sslmode": {"disable"}}
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Path:     "/" + database,
		RawQuery: parameters.Encode(),
	}).String()
}

// openSocketDir creates the socket's directory (0700) and records where it is:
// for URLIn, and so that the next start takes the same temporary directory
// instead of leaving one behind per crash.
func openSocketDir(dir, wanted string, owner account) (socketDir, error) {
	chosen := socketDir{path: wanted}
	record := filepath.Join(dir, socketDirFile)
	switch {
	case wanted != "" && len(wanted) > longestSocketDir:
		return socketDir{}, fmt.Errorf("the socket directory %s is too long: a unix socket allows %d bytes",
			wanted, longestSocketDir)
	case wanted != "":
	case len(dir)+len("/socket") <= longestSocketDir:
		chosen.path = filepath.Join(dir, "socket")
	default:
		chosen.temporary = true
		recorded, _ := os.ReadFile(record) // missing at the first start
		chosen.path = strings.TrimSpace(string(recorded))
		if !reusable(chosen.path, owner) {
			created, err := os.MkdirTemp(os.TempDir(), "codex-pg-")
			if err != nil {
				return socketDir{}, fmt.Errorf("create a short directory for the socket: %w", err)
			}
			chosen.path = created
		}
	}
	if err := os.MkdirAll(chosen.path, 0o700); err != nil {
		return socketDir{}, fmt.Errorf("create the socket directory: %w", err)
	}
	if err := os.Chmod(chosen.path, 0o700); err != nil { //nolint:gosec // a directory needs the execute bit
		return socketDir{}, fmt.Errorf("close the socket directory for others: %w", err)
	}
	if err := owner.own(chosen.path); err != nil {
		return socketDir{}, err
	}
	if err := os.WriteFile(record, []byte(chosen.path+"\n"), 0o600); err != nil {
		return socketDir{}, fmt.Errorf("record the socket directory: %w", err)
	}
	return chosen, nil
}

// reusable reports whether a directory is ours: the temporary directory is world-writable,
// and another user may have created one of that name.
func reusable(path string, owner account) bool {
	if filepath.Dir(path) != filepath.Clean(os.TempDir()) || !strings.HasPrefix(filepath.Base(path), "codex-pg-") {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	expected := uint32(os.Geteuid())
	if owner.credential != nil {
		expected = owner.credential.Uid
	}
	return stat.Uid == expected
}

func (s socketDir) remove() {
	if s.temporary {
		_ = os.RemoveAll(s.path)
	}
}
