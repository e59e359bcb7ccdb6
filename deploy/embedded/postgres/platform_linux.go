package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// orphansAreCertain: workingIn sees every process of a cluster.
const orphansAreCertain = true

// endWithParent asks the kernel for a fast shutdown of the child when the thread
// that started it ends.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// passThroughCapability is the smallest capability of this process that lets a
// child enter directories regardless of their mode: to search and read, or, where
// containers take that one away, to override modes.
func passThroughCapability() (uintptr, bool) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return 0, false
	}
	for _, capability := range []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_DAC_OVERRIDE} {
		if sets[0].Permitted&(1<<capability) != 0 {
			return capability, true
		}
	}
	return 0, false
}

func canPassThrough() bool {
	_, can := passThroughCapability()
	return can
}

// passThrough lends the capability, nothing else of root.
func passThrough(attr *syscall.SysProcAttr) {
	if capability, can := passThroughCapability(); can {
		attr.AmbientCaps = []uintptr{capability}
	}
}

// workingIn returns the Postgres processes whose working directory is dir: all of
// a cluster change into their data directory.
func workingIn(dir string) ([]int, error) {
	real, err := filepath.EvalSymlinks(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", dir, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if err != nil || cwd != real {
			continue
		}
		name, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "comm"))
		if err == nil && string(name) == "postgres\n" {
			found = append(found, pid)
		}
	}
	return found, nil
}
