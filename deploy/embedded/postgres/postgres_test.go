package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/postgres"
)

// childVariable makes the test binary a program that runs a cluster in that
// directory until it is killed.
const childVariable = "CODEX_TEST_POSTGRES_CHILD"

func TestMain(m *testing.M) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	server, err := postgres.Start(context.Background(), postgres.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(server.PID())
	<-server.Done()
}

// clusterDir is a directory that another account can reach, as that of a real
// installation; t.TempDir alone is closed for everybody else.
func clusterDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, open := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(open, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "postgres")
}

func start(t *testing.T, cfg postgres.Config) *postgres.Server {
	t.Helper()
	began := time.Now()
	server, err := postgres.Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Logf("started in %d ms", time.Since(began).Milliseconds())
	t.Cleanup(func() { stop(t, server) })
	return server
}

func stop(t *testing.T, server *postgres.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func execute(t *testing.T, server *postgres.Server, statement string) {
	t.Helper()
	conn := connect(t, server.URL())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, server *postgres.Server, query string) string {
	t.Helper()
	conn := connect(t, server.URL())
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	return conn
}

const keepOne = "CREATE TABLE kept AS SELECT 'here'::text AS value"

func wantKept(t *testing.T, server *postgres.Server) {
	t.Helper()
	if got := text(t, server, "SELECT value FROM kept"); got != "here" {
		t.Errorf("kept value = %q", got)
	}
}

// waitFor polls, because the processes it watches are not ours to wait for.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

func TestDataSurvivesStopAndStart(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	server := start(t, cfg)
	execute(t, server, keepOne)
	stop(t, server)
	if err := server.Err(); err != nil {
		t.Errorf("a wanted stop left the error %v", err)
	}
	wantKept(t, start(t, cfg))
}

func TestTheClusterKeepsWhatItAcknowledgesAndListensOnItsSocketOnly(t *testing.T) {
	t.Parallel()
	server := start(t, postgres.Config{
		Dir:      clusterDir(t),
		Database: "shop",
		Settings: map[string]string{"work_mem": "5MB"},
	})
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"listen_addresses": "", "server_encoding": "UTF8", "lc_collate_of_database": "C", "work_mem": "5MB",
	} {
		query := "SELECT current_setting('" + setting + "')"
		if setting == "lc_collate_of_database" {
			query = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
		}
		if got := text(t, server, query); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := text(t, server, "SELECT current_database()"); got != "shop" {
		t.Errorf("database = %q", got)
	}
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(address.Query().Get("host"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("socket directory: %v %v, want mode 0700", info, err)
	}
}

func TestCommittedRowsSurviveAKilledPostmaster(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	server := start(t, cfg)
	execute(t, server, keepOne)
	busy := connect(t, server.URL()) // a backend that outlives its postmaster for a moment
	defer busy.Close(context.Background())
	if err := syscall.Kill(server.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-server.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("Done stays open after the postmaster was killed")
	}
	if server.Err() == nil {
		t.Error("Err is nil after the postmaster was killed")
	}
	wantKept(t, start(t, cfg))
}

func TestAKilledParentTakesTheClusterWithItAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := clusterDir(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(output).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the child says %q", line)
	}
	address, err := postgres.URLIn(dir, "codex")
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, address)
	if _, err := conn.Exec(t.Context(), keepOne); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	// At once: the start itself must wait for what the killed program left.
	server := start(t, postgres.Config{Dir: dir})
	waitFor(t, "the postmaster of the killed program is gone", func() bool { return gone(pid) })
	wantKept(t, server)
}

func TestAnOrphanIsEndedByTheNextStart(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	server := start(t, cfg)
	execute(t, server, keepOne)
	stop(t, server)
	orphan := runAsOwner(t, cfg.Dir, "postgres", "-D", filepath.Join(cfg.Dir, "data"))
	waitFor(t, "the orphan is ready", func() bool {
		conn, err := pgx.Connect(t.Context(), server.URL())
		return err == nil && conn.Close(t.Context()) == nil
	})
	next := start(t, cfg)
	if next.PID() == orphan {
		t.Error("the orphan was taken over, not ended")
	}
	wantKept(t, next)
}

func TestAPidFileThatNamesAnotherProcessDoesNotStopTheStart(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	stop(t, start(t, cfg))
	other := runAsOwner(t, cfg.Dir, "sleep", "600")
	pidFile := filepath.Join(cfg.Dir, "data", "postmaster.pid")
	content := fmt.Sprintf("%d\n%s\n1\n5432\n\n\n0 0\nready\n", other, filepath.Join(cfg.Dir, "data"))
	if err := os.WriteFile(pidFile, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
	if gone(other) {
		t.Error("a process that has nothing to do with the cluster was ended")
	}
}

// runAsOwner starts a program as the account that owns the cluster.
func runAsOwner(t *testing.T, dir, program string, arguments ...string) int {
	t.Helper()
	found, err := postgres.FindBinaries("", 0)
	if err != nil {
		t.Fatal(err)
	}
	if program == "postgres" {
		program = filepath.Join(found.Dir, program)
	}
	info, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	cmd := exec.Command(program, arguments...)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return cmd.Process.Pid
}

func TestASecondStartIsRejectedWithThePidOfTheFirst(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	server := start(t, cfg)
	_, err := postgres.Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("already in use by pid %d", os.Getpid())) {
		t.Fatalf("error = %v", err)
	}
	execute(t, server, "SELECT 1") // and the first goes on
}

func TestAnUnfinishedClusterIsMadeAgain(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	unfinished := filepath.Join(cfg.Dir, "data.new")
	if err := os.MkdirAll(unfinished, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
	if _, err := os.Stat(unfinished); !os.IsNotExist(err) {
		t.Errorf("the unfinished cluster is still there (%v)", err)
	}
}

func TestALongPathGetsAShortSocketDirectoryThatStopRemoves(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 20), "postgres")
	server := start(t, postgres.Config{Dir: dir})
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	socket := address.Query().Get("host")
	if filepath.Dir(socket) != filepath.Clean(os.TempDir()) {
		t.Errorf("socket directory = %s", socket)
	}
	execute(t, server, "SELECT 1")
	stop(t, server)
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket directory is still there (%v)", err)
	}
}

func TestDataOfAnotherMajorVersionIsRejectedInOneSentence(t *testing.T) {
	t.Parallel()
	cfg := postgres.Config{Dir: clusterDir(t)}
	data := filepath.Join(cfg.Dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "was written by Postgres 9 but only Postgres") {
		t.Fatalf("error = %v", err)
	}
}

func TestAMissingInstallationIsNamed(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := postgres.Start(t.Context(), postgres.Config{Dir: clusterDir(t), BinDir: empty})
	if err == nil || !strings.Contains(err.Error(), "no usable Postgres 15 or newer in "+empty) {
		t.Fatalf("error = %v", err)
	}
}

func TestRootMayKeepTheClusterBelowADirectoryOfItsOwn(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root needs another account for Postgres")
	}
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	server := start(t, postgres.Config{Dir: filepath.Join(private, "postgres")})
	if got := text(t, server, "SELECT 'reached'"); got != "reached" {
		t.Errorf("answer = %q", got)
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d", server.PID()))
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	if info.Sys().(*syscall.Stat_t).Uid == 0 {
		t.Error("postgres runs as root")
	}
}
