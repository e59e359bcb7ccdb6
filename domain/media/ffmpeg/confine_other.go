//go:build unix && !linux

package ffmpeg

import (
	"os"
	"syscall"
)

// inputPath is where the child finds its input: the first of the extra files it inherits.
const inputPath = "/dev/fd/3"

// confinement is a process group and nothing more on these systems; see the package comment.
type confinement struct{}

func confinements() ([]confinement, error) { return []confinement{{}}, nil }

func (confinement) String() string { return "process group only" }

func (confinement) argv(_ limits, program string, args []string) []string {
	return append([]string{program}, args...)
}

func (confinement) attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func directory(d *os.File) string { return d.Name() }

func (confinement) readable(*os.File) error { return nil }

func (confinement) lend(string) error { return nil }

func (confinement) reclaim(string) error { return nil }
