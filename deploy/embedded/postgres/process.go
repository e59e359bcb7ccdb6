package postgres

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// process is the postmaster.
type process struct {
	pid  int
	done chan struct{}
	// ended is how it ended; read it after done.
	ended   error
	stopped atomic.Bool
}

// launch starts the command on a thread of its own that lives as long as the
// child: the kernel's parent-death signal is tied to the thread that forked, and
// the Go runtime ends idle threads.
func launch(cmd *exec.Cmd, owner account) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	owner.runAs(cmd)
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.ended = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// runChild runs a command to its end with the same care.
func runChild(cmd *exec.Cmd, owner account) error {
	p, err := launch(cmd, owner)
	if err != nil {
		return err
	}
	<-p.done
	return p.ended
}

func (p *process) unexpectedEnd() error {
	if p.stopped.Load() {
		return nil
	}
	if p.ended == nil {
		return errors.New("postgres ended without being stopped")
	}
	return fmt.Errorf("postgres ended: %w", p.ended)
}

// stop asks for a fast shutdown, then for an immediate one, then kills.
func (p *process) stop(ctx context.Context) error {
	p.stopped.Store(true)
	p.signal(syscall.SIGINT)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(quitWithin):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
	return ctx.Err()
}

func (p *process) signal(signal syscall.Signal) {
	select {
	case <-p.done: // the pid may belong to another process by now
	default:
		_ = syscall.Kill(p.pid, signal)
	}
}
