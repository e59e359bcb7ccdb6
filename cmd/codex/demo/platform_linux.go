package demo

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel stop the child in order when we are killed and
// cannot do so ourselves.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
