package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent lets the kernel kill the child when this process dies.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// mountLimited mounts a file system of a limited size.
func mountLimited(dir string, bytes int64) error {
	if err := syscall.Mount("chaos", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", bytes)); err != nil {
		return fmt.Errorf("mount a file system of a limited size: %w", err)
	}
	return nil
}

// unmount also detaches one that is still in use.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	var children []int
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may contain anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// privateMounts starts this program again, in the same process, where its mounts are its own
// and end with it. It returns when that is done already, or not allowed.
func privateMounts() {
	const done = "CHAOS_PRIVATE_MOUNTS"
	if os.Getenv(done) != "" {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil || syscall.Unshare(syscall.CLONE_NEWNS) != nil {
		return
	}
	if syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") != nil {
		return
	}
	// It returns only when it fails.
	_ = syscall.Exec(self, os.Args, append(os.Environ(), done+"=1")) //nolint:gosec // this program, as it was called
}
