package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheLogStaysBelowTwoFilesOfItsSize(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	log, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 4 * logFileBytes / len(line) {
		if n, err := log.Write(line); err != nil || n != len(line) {
			t.Fatalf("write = %d, %v", n, err)
		}
	}
	if _, err := log.Write([]byte("the last line\n")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(log.tail()), "the last line\n") {
		t.Error("the tail misses the last line")
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 2 {
		t.Fatalf("files = %v, %v; want two", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Size() > logFileBytes+int64(len(line)) {
			t.Errorf("%s has %d bytes (%v)", file, info.Size(), err)
		}
	}
}
