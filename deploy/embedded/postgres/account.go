package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the cluster belongs to. The zero value is the current user.
type account struct {
	name       string
	credential *syscall.Credential
	// passThrough is set when the account may not enter the directories on the
	// way to the cluster or to the programs.
	passThrough bool
}

// chooseAccount keeps the current user, except for root.
func chooseAccount(paths ...string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		known, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(known.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(known.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("read the ids of the account %s: %w", name, err)
		}
		chosen := account{name: name, credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return chosen.checkPaths(paths)
	}
	return account{}, errors.New(`postgres cannot run as root and this machine has neither an account "postgres" nor ` +
		`"nobody": create one, or start the program as another user`)
}

// checkPaths looks for a directory on the way that the account may not enter, as
// /root or a directory of mktemp.
func (a account) checkPaths(paths []string) (account, error) {
	for _, path := range paths {
		blocked, err := a.firstBlocked(filepath.Dir(path))
		if err != nil {
			return account{}, err
		}
		if blocked == "" {
			continue
		}
		if !canPassThrough() {
			return account{}, fmt.Errorf("postgres cannot run as root, and the account %q it uses instead may not enter %s: "+
				"choose another directory with --data, for example /var/lib/codex", a.name, blocked)
		}
		a.passThrough = true
	}
	return a, nil
}

func (a account) firstBlocked(path string) (string, error) {
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return "", fmt.Errorf("look at %s: %w", dir, err)
		}
		if !a.mayEnter(info) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

func (a account) mayEnter(info fs.FileInfo) bool {
	const search = 0o1
	bits := info.Mode().Perm()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case stat.Uid == a.credential.Uid:
			bits >>= 6
		case stat.Gid == a.credential.Gid:
			bits >>= 3
		}
	}
	return bits&search != 0
}

// own gives a path to the account; for the current user it does nothing.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	if err := os.Chown(path, int(a.credential.Uid), int(a.credential.Gid)); err != nil {
		return fmt.Errorf("give %s to the account %s that runs postgres: %w", path, a.name, err)
	}
	return nil
}

// runAs makes the command run under the account.
func (a account) runAs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = a.credential
	if a.passThrough {
		passThrough(cmd.SysProcAttr)
	}
}
