package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program writes a shell script that stands in for codex.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "codex")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestATemporaryPlatformIsStartedAndStoppedInOrder(t *testing.T) {
	t.Parallel()
	const script = `
trap 'echo bye; exit 0' TERM
test "$1 $2" = "up --ephemeral" || exit 2
for file; do :; done
cat > "$file" <<'JSON'
{"api": "http://127.0.0.1:1/", "storage": "s", "nats": "nats://127.0.0.1:2",
 "payments": "http://127.0.0.1:3", "mailbox": "m"}
JSON
while :; do sleep 0.05; done
`
	p, err := startPlatform(t.Context(), program(t, script), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if p.api != "http://127.0.0.1:1" || p.nats != "nats://127.0.0.1:2" || p.payments != "http://127.0.0.1:3" {
		t.Errorf("got %+v", p)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if p.output() != "bye\n" {
		t.Errorf("it was not asked to stop: %q", p.output())
	}
}

func TestAPlatformThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := startPlatform(t.Context(), program(t, "echo the disk is full >&2; exit 3\n"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "the disk is full") ||
		!strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestAPlatformThatEndsInBetweenIsAnError(t *testing.T) {
	t.Parallel()
	const script = `
for file; do :; done
echo '{"api":"http://127.0.0.1:1"}' > "$file"
`
	p, err := startPlatform(t.Context(), program(t, script), t.TempDir())
	if err != nil {
		return // it was gone before its addresses were read
	}
	<-p.child.gone
	if err := p.stop(); err == nil {
		t.Error("no error")
	}
}
