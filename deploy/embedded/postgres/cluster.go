package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/deploy/embedded"
)

// cluster is the data directory of Postgres inside Config.Dir.
type cluster struct{ dir string }

func (c cluster) data() string { return filepath.Join(c.dir, "data") }

// majorVersion is that of the existing cluster, 0 when there is none.
func (c cluster) majorVersion() int {
	text, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return major
}

func (c cluster) checkMajorVersion(binaries Binaries) error {
	major := c.majorVersion()
	if major == 0 || major == binaries.Major {
		return nil
	}
	return fmt.Errorf("the database in %s was written by Postgres %d but only Postgres %d was found: "+
		"install Postgres %d, or move the data with pg_upgrade", c.dir, major, binaries.Major, major)
}

// removeStalePID removes postmaster.pid when it is certain that no process of the
// cluster is left. Postgres does it too, unless the pid belongs to another
// process of the same user by now; then it would refuse to start.
func (c cluster) removeStalePID() error {
	if !orphansAreCertain {
		return nil
	}
	err := os.Remove(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the stale pid file of the database: %w", err)
	}
	return nil
}

// createIfMissing runs initdb under another name and renames the complete
// cluster, so that a killed initdb is done again and never started.
//
// With durable false (temporary clusters) the files are not synced, which saves a
// sync per file of about a thousand.
func (c cluster) createIfMissing(
	ctx context.Context, binaries Binaries, owner account, durable bool, logger *slog.Logger,
) error {
	if c.majorVersion() != 0 {
		return nil
	}
	if _, err := os.Stat(c.data()); err == nil {
		return fmt.Errorf("%s exists but holds no database: move it away, it is not removed automatically", c.data())
	}
	unfinished := filepath.Join(c.dir, "data.new")
	if err := endOrphans(ctx, unfinished, logger); err != nil {
		return err
	}
	started := time.Now()
	// C.UTF-8 knows upper and lower case of all letters; where it does not exist,
	// "C" knows those of ASCII. Collation is "C" in both: the order never changes
	// with the operating system, so indexes stay valid.
	var failure error
	for _, ctype := range []string{"C.UTF-8", "C"} {
		if err := os.RemoveAll(unfinished); err != nil {
			return fmt.Errorf("remove the unfinished database: %w", err)
		}
		if failure = initdb(ctx, binaries, owner, unfinished, ctype, durable); failure == nil {
			break
		}
		if ctx.Err() != nil {
			return failure
		}
	}
	if failure != nil {
		return failure
	}
	if err := os.Rename(unfinished, c.data()); err != nil {
		return fmt.Errorf("put the new database in place: %w", err)
	}
	if err := embedded.SyncDir(c.dir); err != nil {
		return err
	}
	logger.Info("postgres cluster created", "milliseconds", time.Since(started).Milliseconds())
	return nil
}

func initdb(ctx context.Context, binaries Binaries, owner account, dir, ctype string, durable bool) error {
	arguments := []string{
		"--pgdata", dir,
		"--username", superuser,
		"--auth-local", "trust", "--auth-host", "reject",
		"--encoding", "UTF8", "--locale", "C", "--lc-ctype", ctype,
		"--data-checksums", "--no-instructions",
	}
	if !durable {
		arguments = append(arguments, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, binaries.program("initdb"), arguments...)
	// initdb remembers where it stands; the account may not enter ours.
	cmd.Dir = "/"
	cmd.Env = environment()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = time.Second
	err := runChild(cmd, owner)
	if err != nil {
		return fmt.Errorf("create the database in %s: %w: %s", dir, err, lastLine(output.Bytes()))
	}
	return nil
}

// environment keeps PG* variables of the caller away from the programs.
func environment() []string {
	kept := []string{"LC_ALL=C", "TZ=UTC"}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "TZ" {
			continue
		}
		kept = append(kept, pair)
	}
	return kept
}

func lastLine(output []byte) string {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return string(lines[len(lines)-1])
}
