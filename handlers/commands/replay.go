package commands

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/codex-platform/codex/events"
)

// replay applies the commands of a failed batch one by one, in rounds with growing pauses.
// A command that fails waits for the next round, and with it the later ones of its
// aggregate; the others go on. After the third failure a command is given up
// where the fault is its own, and any other one is parked, together with those behind it.
func (r *Runner) replay(ctx context.Context, c Context, cmds []events.Command, cause error) error {
	r.cfg.Log.Info("batch is applied one by one", "context", c.Name(), "commands", len(cmds), "error", cause)
	pauses := newPauses()
	faults := map[string]int{}
	for round := 1; ; round++ {
		failed, err := r.replayRound(ctx, c, cmds, faults, round)
		if err != nil || len(failed) == 0 {
			return err
		}
		cmds = failed
		if err := pauses.wait(ctx); err != nil {
			return err
		}
	}
}

// slow is how long an attempt may last before it costs the other commands too much to
// repeat it: it probably waits for a lock.
const slow = 5 * time.Second

// replayRound tries each command once and returns those that have to be tried again.
func (r *Runner) replayRound(
	ctx context.Context, c Context, cmds []events.Command, faults map[string]int, round int,
) (failed []events.Command, err error) {
	behind, parked := map[string]bool{}, map[string]bool{}
	for i, cmd := range cmds {
		aggregate := cmd.AggregateID
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case parked[aggregate] && r.parked.park(ctx, r, c, cmd):
			continue
		case parked[aggregate] || behind[aggregate]:
			behind[aggregate] = true
			failed = append(failed, cmd)
			continue
		}

		began := time.Now()
		results, cause := r.apply(ctx, c, []events.Command{cmd}, true)
		if cause == nil {
			r.parked.remove(ctx, r, c, cmds[i:i+1])
			r.publishOutcomes(ctx, results)
			continue
		}
		r.cfg.Log.Warn("command is tried again", "type", cmd.Type, "command", cmd.ID, "attempt", round, "error", cause)
		switch own := ownFault(cause); {
		case own:
			if faults[cmd.ID]++; faults[cmd.ID] >= tries && r.giveUp(ctx, c.Name(), cmd, cause, faults[cmd.ID]) == nil {
				r.parked.remove(ctx, r, c, cmds[i:i+1])
				continue
			}
		case !r.databaseResponds(ctx):
			return append(failed, cmds[i:]...), nil
		case (round >= tries || time.Since(began) >= slow) && r.parked.park(ctx, r, c, cmd):
			parked[aggregate] = aggregate != ""
			continue
		}
		behind[aggregate] = aggregate != ""
		failed = append(failed, cmd)
	}
	return failed, nil
}

// databaseResponds reports whether the database responds.
func (r *Runner) databaseResponds(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return r.cfg.Pool.Ping(ctx) == nil
}

// parked are the commands that cannot be applied now, for a reason that is not their own,
// while the database works: a column is missing during a deploy, a table is locked. They are
// accepted in the ledger, and the sweeper publishes them again, so that they delay no other
// command. Here is their order: a command is not applied before the parked ones of its
// aggregate that were sent earlier. It is kept in memory, so it is lost when another process
// takes the partition over meanwhile.
type parked struct {
	count atomic.Int64 // spares the mutex while nothing is parked
	mu    sync.Mutex
	order map[parkedKey][]string // ids of commands, oldest first
}

type parkedKey struct{ context, aggregate string }

func keyOf(c Context, cmd events.Command) parkedKey { return parkedKey{c.Name(), cmd.AggregateID} }

// park parks a command. It reports false when the ledger cannot take it, or has its outcome.
func (p *parked) park(ctx context.Context, r *Runner, c Context, cmd events.Command) bool {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	postponed, err := Ledger{DB: r.cfg.Pool}.postpone(limited, cmd, "", r.now())
	if err != nil || !postponed {
		r.cfg.Log.Warn("command not parked", "type", cmd.Type, "command", cmd.ID, "error", err)
		return false
	}
	if cmd.AggregateID == "" {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(c, cmd)
	if slices.Contains(p.order[key], cmd.ID) {
		return true
	}
	if p.order == nil {
		p.order = map[parkedKey][]string{}
	}
	p.order[key] = append(p.order[key], cmd.ID)
	p.count.Add(1)
	return true
}

// admit returns the commands of a batch that may be applied, and parks those that are behind
// others. It fails only when ctx is done.
func (p *parked) admit(ctx context.Context, r *Runner, c Context, cmds []events.Command) ([]events.Command, error) {
	if p.count.Load() == 0 {
		return cmds, nil
	}
	admitted := make([]events.Command, 0, len(cmds))
	first := map[parkedKey]string{}
	for _, cmd := range cmds {
		key := keyOf(c, cmd)
		if _, known := first[key]; !known {
			head, err := p.head(ctx, r, key)
			if err != nil {
				return nil, err
			}
			first[key] = head
		}
		if first[key] == "" || first[key] == cmd.ID {
			admitted = append(admitted, cmd)
			continue
		}
		for pauses := newPauses(); !p.park(ctx, r, c, cmd); {
			if _, waiting, err := (Ledger{DB: r.cfg.Pool}).Find(ctx, cmd.ID); err == nil && waiting {
				admitted = append(admitted, cmd) // it has its outcome
				break
			}
			if err := pauses.wait(ctx); err != nil {
				return nil, err
			}
		}
	}
	return admitted, nil
}

// head returns the oldest parked command of an aggregate that still has no outcome.
func (p *parked) head(ctx context.Context, r *Runner, key parkedKey) (string, error) {
	p.mu.Lock()
	ids := slices.Clone(p.order[key])
	p.mu.Unlock()
	if len(ids) == 0 {
		return "", nil
	}
	for pauses := newPauses(); ; {
		waiting, err := Ledger{DB: r.cfg.Pool}.waiting(ctx, ids)
		if err == nil {
			return p.keep(key, waiting), nil
		}
		if err := pauses.wait(ctx); err != nil {
			return "", err
		}
	}
}

// keep keeps of an aggregate's commands only those that wait, and returns the oldest.
func (p *parked) keep(key parkedKey, waiting []string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Add(int64(len(waiting) - len(p.order[key])))
	if len(waiting) == 0 {
		delete(p.order, key)
		return ""
	}
	p.order[key] = waiting
	return waiting[0]
}

// remove forgets commands that have their outcomes, and has the next ones of their
// aggregates published at once.
func (p *parked) remove(ctx context.Context, r *Runner, c Context, cmds []events.Command) {
	if p.count.Load() == 0 {
		return
	}
	var next []string
	p.mu.Lock()
	for _, cmd := range cmds {
		key := keyOf(c, cmd)
		i := slices.Index(p.order[key], cmd.ID)
		if i < 0 {
			continue
		}
		p.order[key] = slices.Delete(p.order[key], i, i+1)
		p.count.Add(-1)
		if len(p.order[key]) > 0 {
			next = append(next, p.order[key][0])
		} else {
			delete(p.order, key)
		}
	}
	p.mu.Unlock()
	if len(next) == 0 {
		return
	}
	if err := (Ledger{DB: r.cfg.Pool}).expedite(ctx, next, r.now()); err != nil {
		r.cfg.Log.Warn("parked commands not expedited", "error", err)
	}
}
