package embedded_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-platform/codex/deploy/embedded"
)

// holderVariable makes the test binary a second instance that holds the
// directory until its input closes.
const holderVariable = "CODEX_TEST_DATADIR_HOLDER"

func TestMain(m *testing.M) {
	path := os.Getenv(holderVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := embedded.OpenDataDir(path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

func open(t *testing.T, path string) *embedded.DataDir {
	t.Helper()
	dir, err := embedded.OpenDataDir(path)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return dir
}

func openError(t *testing.T, path string) string {
	t.Helper()
	dir, err := embedded.OpenDataDir(path)
	if err == nil {
		_ = dir.Close()
		t.Fatal("the directory was opened")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one sentence: %q", err)
	}
	return err.Error()
}

func TestSecretsAreDrawnOnceAndKeptPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	dir := open(t, path)
	first, err := dir.Secret("session-key", 32)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 43 || strings.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("secret %q is not 32 bytes of base64url", first)
	}
	if other, err := dir.Secret("callback-key", 32); err != nil || other == first {
		t.Errorf("another name gave %q, %v", other, err)
	}
	info, err := os.Stat(dir.Path("secrets", "session-key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v, %v; want mode 0600", info, err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	dir = open(t, path)
	defer dir.Close()
	if again, err := dir.Secret("session-key", 32); err != nil || again != first {
		t.Errorf("after reopening the secret is %q, %v; want %q", again, err, first)
	}
	for _, name := range []string{"", "../up", "a/b", "Upper"} {
		if _, err := dir.Secret(name, 32); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	if _, err := dir.Secret("short", 8); err == nil {
		t.Error("64 bits were taken for a secret")
	}
}

func TestASecondInstanceIsRejectedWithThePidOfTheFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderVariable+"="+path)
	input, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	output, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(output).ReadString('\n'); line != "held\n" {
		t.Fatalf("the first instance says %q", line)
	}
	want := fmt.Sprintf("another Codex (pid %d) already runs", holder.Process.Pid)
	if got := openError(t, path); !strings.Contains(got, want) {
		t.Errorf("error = %q, want %q in it", got, want)
	}
	// A kill -9 leaves nothing behind that would keep the next instance out.
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	if err := open(t, path).Close(); err != nil {
		t.Error(err)
	}
}

func TestDataOfANewerVersionIsRejectedAndLeftAlone(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	version := filepath.Join(path, "VERSION")
	newer := fmt.Sprint(embedded.LayoutVersion + 1)
	if err := os.WriteFile(version, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openError(t, path); !strings.Contains(got, "was written by a newer Codex") {
		t.Errorf("error = %q", got)
	}
	if kept, err := os.ReadFile(version); err != nil || string(kept) != newer {
		t.Errorf("VERSION is %q now (%v)", kept, err)
	}
	if err := os.WriteFile(version, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openError(t, path); !strings.Contains(got, `should hold a version number but holds "nonsense"`) {
		t.Errorf("error = %q", got)
	}
}

func TestAFileInPlaceOfTheDirectoryIsOneClearSentence(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openError(t, file); !strings.Contains(got, "is not a directory") || !strings.Contains(got, "--data") {
		t.Errorf("error = %q", got)
	}
	if got := openError(t, filepath.Join(file, "below")); !strings.Contains(got, "is not a directory") {
		t.Errorf("error = %q", got)
	}
}

func TestAnUnwritableDirectoryIsOneClearSentence(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere; the file in place of a directory stands in for it")
	}
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o500); err != nil {
		t.Fatal(err)
	}
	const want = "cannot be written (permission denied)"
	if got := openError(t, filepath.Join(parent, "data")); !strings.Contains(got, want) {
		t.Errorf("error = %q", got)
	}
}

func TestAnEphemeralDirectoryIsGoneAfterClose(t *testing.T) {
	t.Parallel()
	dir, err := embedded.OpenEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Secret("key", 32); err != nil {
		t.Fatal(err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir.Path()); !os.IsNotExist(err) {
		t.Errorf("the directory is still there (%v)", err)
	}
}
