package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a program that can be started, broken and started again. Its output goes to one
// log file.
type process struct {
	name string
	path string
	args []string
	env  []string
	log  string

	mu      sync.Mutex
	current *lifetime
}

// lifetime is from one start of a process to its end.
type lifetime struct {
	pid    int
	exited chan struct{}
	ended  error // valid once exited is closed
}

var errNotRunning = errors.New("it is not running")

// start starts the program. The kernel kills it when this process dies.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(filepath.Clean(p.log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // ended by signals, which is what this program is about
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	r := &lifetime{exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The parent-death signal belongs to the thread that starts the child: it stays.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		r.pid = cmd.Process.Pid
		started <- nil
		r.ended = cmd.Wait()
		_ = log.Close()
		close(r.exited)
	}()
	if err := <-started; err != nil {
		_ = log.Close()
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.current = r
	return nil
}

// life returns the running life, or nil.
func (p *process) life() *lifetime {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return nil
	}
	select {
	case <-p.current.exited:
		return nil
	default:
		return p.current
	}
}

func (p *process) signal(s syscall.Signal) error {
	r := p.life()
	if r == nil {
		return fmt.Errorf("signal %s: %w", p.name, errNotRunning)
	}
	return syscall.Kill(r.pid, s)
}

// kill ends the process at once, and waits until it is gone.
func (p *process) kill() error {
	r := p.life()
	if r == nil {
		return nil
	}
	if err := syscall.Kill(r.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	<-r.exited
	return nil
}

// terminate asks the process to end, and waits. After the limit it is killed, which is an
// error, as is an exit status other than 0.
func (p *process) terminate(limit time.Duration) error {
	r := p.life()
	if r == nil {
		return fmt.Errorf("terminate %s: %w", p.name, errNotRunning)
	}
	if err := syscall.Kill(r.pid, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.exited:
		if r.ended != nil {
			return fmt.Errorf("%s after SIGTERM: %w", p.name, r.ended)
		}
		return nil
	case <-time.After(limit):
		_ = p.kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM", p.name, limit)
	}
}
