package ffmpeg

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// inputPath is where the child finds its input: the first of the extra files it inherits.
const inputPath = "/proc/self/fd/3"

// nobody is the unprivileged user and group by number; minimal images have no name for it.
const nobody = 65534

// confinement restricts a child process.
type confinement struct {
	prlimit    string // path of prlimit(1)
	drop       bool   // run as nobody
	namespaces uintptr
}

// confinements returns those that may work on this machine, the strongest first.
func confinements() ([]confinement, error) {
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		return nil, fmt.Errorf("prlimit, which limits ffmpeg, was not found: install util-linux: %w", err)
	}
	const apart = syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
	if os.Geteuid() == 0 {
		return []confinement{
			{prlimit: prlimit, drop: true, namespaces: apart},
			{prlimit: prlimit, drop: true},
		}, nil
	}
	return []confinement{
		{prlimit: prlimit, namespaces: apart | syscall.CLONE_NEWUSER},
		{prlimit: prlimit},
	}, nil
}

func (c confinement) String() string {
	parts := []string{"limits"}
	if c.namespaces != 0 {
		parts = append(parts, "namespaces")
	}
	if c.drop {
		parts = append(parts, fmt.Sprintf("uid %d", nobody))
	}
	return strings.Join(parts, ", ")
}

// argv puts prlimit before the program. Soft and hard limits are equal, because ffmpeg only finishes
// its output slowly at the soft CPU limit.
func (c confinement) argv(l limits, program string, args []string) []string {
	return append([]string{
		c.prlimit,
		fmt.Sprintf("--as=%d:%d", l.memory, l.memory),
		fmt.Sprintf("--cpu=%d:%d", l.cpuSeconds, l.cpuSeconds),
		fmt.Sprintf("--fsize=%d:%d", l.fileBytes, l.fileBytes),
		"--nofile=128:128", "--core=0:0", "--", program,
	}, args...)
}

// attributes must be used by a goroutine locked to its thread until the child has ended: the
// death signal is bound to the thread that forked.
func (c confinement) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: c.namespaces}
	if c.drop {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{}}
	}
	if c.namespaces&syscall.CLONE_NEWUSER != 0 {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// directory returns a path of an open directory that needs no rights on its parents.
func directory(d *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", d.Fd()) }

// readable permits the child to read an input that only root may read.
func (c confinement) readable(f *os.File) error {
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	if !c.drop || stat.Mode()&0o004 != 0 {
		return nil
	}
	if err := f.Chown(-1, nobody); err != nil {
		return err
	}
	return f.Chmod(stat.Mode().Perm() | 0o040)
}

// lend gives a directory tree to the child; reclaim takes it back.
func (c confinement) lend(root string) error { return c.own(root, nobody, nobody) }

func (c confinement) reclaim(root string) error { return c.own(root, os.Geteuid(), os.Getegid()) }

func (c confinement) own(root string, uid, gid int) error {
	if !c.drop {
		return nil
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid) //nolint:gosec // links are not followed, and no other process writes here yet
	})
}
