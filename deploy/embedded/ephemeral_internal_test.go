package embedded

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheSweepRemovesUnlockedDirectoriesOnly(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	create := func(name string, age time.Duration) string {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		lock := filepath.Join(path, lockFile)
		if err := os.WriteFile(lock, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(lock, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	abandoned := create(ephemeralPrefix+"abandoned", time.Hour)
	fresh := create(ephemeralPrefix+"fresh", 0)
	foreign := create("something-else", time.Hour)
	held := create(ephemeralPrefix+"held", 0)
	lock, err := TryLock(filepath.Join(held, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(held, lockFile), old, old); err != nil {
		t.Fatal(err)
	}

	sweepAbandoned(parent)

	if _, err := os.Stat(abandoned); !os.IsNotExist(err) {
		t.Errorf("the abandoned directory is still there (%v)", err)
	}
	for _, path := range []string{fresh, foreign, held} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone: %v", filepath.Base(path), err)
		}
	}
}
