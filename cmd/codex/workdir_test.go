package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWorkDirectoriesOfDeadProcessesAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	left := filepath.Join(os.TempDir(), workDirs+"left", "job-1")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	first, removeFirst, err := newWorkDir()
	if err != nil {
		t.Fatal(err)
	}
	second, removeSecond, err := newWorkDir()
	if err != nil {
		t.Fatal(err)
	}
	defer removeSecond()
	if _, err := os.Stat(left); err == nil {
		t.Error("the directory of a dead process is still there")
	}
	if _, err := os.Stat(first); err != nil || first == second {
		t.Errorf("the directory %s of a living process was removed: %v", first, err)
	}
	removeFirst()
	if _, err := os.Stat(first); err == nil {
		t.Error("the directory is still there after its process")
	}
}
