// Package lists keeps the counts that lists are paged by in order, and holds what is
// promised of lists against real databases.
//
// Lists are read by handlers/edge; where a page begins and how long a list is come from
// table list_days, which counts rows per list, owner, filter and day of the list's
// time (migration 00012). Triggers append to it in the transaction of every change, so a
// snapshot never sees counts that disagree with its rows, and nobody waits for a
// counter. [Folder] adds up what was appended; without it lists stay right and become
// slow.
//
// The package's tests make a world of a thousand rows and compare: every page of every
// list with a plain query, the plans of all statements with those kept in
// testdata/plans, the counts with the rows after random changes. Its benchmark makes a
// world of a million purchases and grants and compares the time of page 1 and page 1000
// with that at a thousand rows:
//
//	make bench BENCH=Lists
package lists

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Folder adds up the counts of lists in the background. Any number may run: the
// database lets one of them work at a time.
type Folder struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
}

// A round merges at most foldBatch rows, so that it ends within some 10 ms; rounds
// follow each other until there is nothing left, and then rest.
const (
	foldBatch = 2000
	foldRest  = 5 * time.Second
)

// Run folds until ctx is done.
func (f *Folder) Run(ctx context.Context) error {
	tick := time.NewTicker(foldRest)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for {
			n, err := f.Fold(ctx)
			if err != nil && ctx.Err() == nil {
				f.Log.Warn("counts of lists were not folded", "error", err)
			}
			if err != nil || n < foldBatch {
				break
			}
		}
	}
}

// Fold does one round and returns how many rows it merged.
func (f *Folder) Fold(ctx context.Context) (n int, err error) {
	if err := f.Pool.QueryRow(ctx, `SELECT list_days_fold($1)`, foldBatch).Scan(&n); err != nil {
		return 0, fmt.Errorf("fold the counts of lists: %w", err)
	}
	return n, nil
}
