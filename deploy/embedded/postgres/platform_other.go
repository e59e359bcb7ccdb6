//go:build !linux

package postgres

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// orphansAreCertain: a cluster that does not answer yet goes unseen.
const orphansAreCertain = false

// endWithParent does nothing: only Linux signals a child when its parent dies.
// The next Start ends the orphan.
func endWithParent(*syscall.SysProcAttr) {}

func canPassThrough() bool { return false }

func passThrough(*syscall.SysProcAttr) {}

// workingIn asks the cluster named in postmaster.pid whether it really serves
// dir; a pid alone may belong to anybody by now.
func workingIn(dir string) ([]int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// pid, data directory, start time, port, socket directory
	lines := strings.Split(string(text), "\n")
	if len(lines) < 5 {
		return nil, nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, connectionURL(strings.TrimSpace(lines[4]), "postgres"))
	if err != nil {
		return nil, nil
	}
	defer conn.Close(ctx) //nolint:errcheck // read-only question
	var serves string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&serves); err != nil || serves != dir {
		return nil, nil
	}
	return []int{pid}, nil
}
