// Package lists keeps the counts that lists are paged by in order, and holds what is
// promised of lists against real databases.
//
// Lists are read by handlers/edge; where a page begins and how long a list is come from
// table list_days, which counts rows per list, owner, filter and day of the list's
// time (migration 00012). Triggers append to it in the transaction of every change, so a
// snapshot never sees counts that disagree with its rows, and nobody waits for a
// counter. [Folder] adds up what was appended, and cuts long lists into stretches that
// are counted in the orders which their time does not lead to (migration 00017);
// without it lists stay right and become slow.
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
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Folder keeps the counts of lists in order in the background. Any number may run: the
// database lets one of them work at a time.
type Folder struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
}

// A round merges at most foldBatch rows or changes followBatch entries, so that it ends
// within some 10 ms; rounds follow each other until there is nothing left, and then rest.
const (
	foldBatch   = 2000
	followBatch = 500
	foldRest    = 5 * time.Second
)

// LongRows is how many rows a list has before it is cut.
const LongRows = 4000

// Long lists are looked for, which reads the counts of all lists, and cut into stretches
// of stretchRows; again when one has grown to four times that. Who changes a list waits
// while it is cut, 3.5 s for 120 000 rows in five orders: what gives up waiting is tried
// again. One that takes longer than a statement may stays as it was.
const (
	cutRest     = 10 * time.Minute
	stretchRows = 500
)

// Run works until ctx is done.
func (f *Folder) Run(ctx context.Context) error {
	fold, cut := time.NewTicker(foldRest), time.NewTicker(cutRest)
	defer fold.Stop()
	defer cut.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-fold.C:
			for n := foldBatch; n == foldBatch; {
				var err error
				if n, err = f.Fold(ctx); err != nil && ctx.Err() == nil {
					f.Log.Warn("counts of lists were not folded", "error", err)
				}
			}
			for n := followBatch; n == followBatch; {
				var err error
				if n, err = f.Follow(ctx); err != nil && ctx.Err() == nil {
					f.Log.Warn("entries of libraries did not follow their items", "error", err)
				}
			}
		case <-cut.C:
			if _, err := f.Cut(ctx); err != nil && ctx.Err() == nil {
				f.Log.Warn("long lists were not cut", "error", err)
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

// Follow does one round of bringing the entries of libraries up to date with items that
// changed, of those that more than a thousand have, and returns how many rows it wrote.
// An item's turn comes with the round after the one that first sees it.
func (f *Folder) Follow(ctx context.Context) (n int, err error) {
	if err := f.Pool.QueryRow(ctx, `SELECT library_follow($1)`, followBatch).Scan(&n); err != nil {
		return 0, fmt.Errorf("follow items: %w", err)
	}
	return n, nil
}

// Cut cuts the long lists that need it, and returns how many have to wait: somebody
// changes them at the moment.
func (f *Folder) Cut(ctx context.Context) (waiting int, err error) {
	if _, err := f.Pool.Exec(ctx, `SELECT lists_find_long($1)`, LongRows); err != nil {
		return 0, fmt.Errorf("find long lists: %w", err)
	}
	type list struct{ List, Owner string }
	rows, err := f.Pool.Query(ctx, `SELECT list, owner FROM lists_to_cut($1)`, 4*stretchRows)
	if err != nil {
		return 0, fmt.Errorf("find the lists to cut: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[list])
	if err != nil {
		return 0, fmt.Errorf("find the lists to cut: %w", err)
	}
	var failed []error // one does not keep the others
	for _, l := range due {
		var done bool
		if err := f.Pool.QueryRow(ctx, `SELECT list_cut($1, $2, $3)`, l.List, l.Owner, stretchRows).Scan(&done); err != nil {
			failed = append(failed, fmt.Errorf("cut list %s of %s: %w", l.List, l.Owner, err))
		} else if !done {
			waiting++
		}
	}
	return waiting, errors.Join(failed...)
}
