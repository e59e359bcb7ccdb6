package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/codex-platform/codex/events"
)

// fault is a row of the table. inject breaks something, heals it, and returns how long the
// platform did not work, at worst.
type fault struct {
	name   string
	short  bool // part of the short form
	inject func(context.Context, *harness) (time.Duration, error)
}

// errSkipped says that this machine cannot inject a fault.
var errSkipped = errors.New("skipped")

// faults returns all of them, in the order in which they run.
func faults() []fault {
	var all []fault
	short := []string{"kill edge", "kill commands", "kill relay", "kill reactions", "kill node", "stop relay"}
	for _, deed := range []struct {
		name string
		hit  func(context.Context, *harness, victim) (time.Duration, error)
	}{
		{"kill", kill},
		{"stop", stop},
		{"restart", restart},
	} {
		for _, target := range append(slices.Clone(roleNames), "node") {
			name := deed.name + " " + target
			all = append(all, fault{
				name:  name,
				short: slices.Contains(short, name),
				inject: func(ctx context.Context, h *harness) (time.Duration, error) {
					return oneAfterTheOther(ctx, h, h.victims(target), deed.hit)
				},
			})
		}
	}
	return append(all,
		fault{name: "restart all nodes", short: true, inject: restartNodes},
		fault{name: "delete nats data", short: true, inject: deleteNATSData},
		fault{name: "kill postgres", short: true, inject: killPostgres},
		fault{name: "stop postgres", inject: stopPostgres},
		fault{name: "fill disk of node", inject: fillNodeDisk},
		fault{name: "fill disk of postgres", inject: fillPostgresDisk},
		fault{name: "cut off relay", short: true, inject: cutOffRelay},
		fault{name: "rolling restart", inject: rollingRestart},
	)
}

// victim is a process that a fault may hit.
type victim struct {
	*process
	// choose says, when it is set, which process it is at the time of the fault.
	choose func(context.Context) (*process, error)
	// back waits until the process is a full member again after it was started.
	back func(context.Context, *process) error
}

// victims are the processes of a role, or the nodes that lead the streams.
func (h *harness) victims(target string) []victim {
	var all []victim
	if target == "node" {
		for _, stream := range []string{events.EventStream, events.CommandStream} {
			all = append(all, victim{
				choose: func(ctx context.Context) (*process, error) {
					n, err := h.leader(ctx, stream)
					if err != nil {
						return nil, err
					}
					return n.process, nil
				},
				back: func(ctx context.Context, _ *process) error { return h.replicated(ctx) },
			})
		}
		return all
	}
	for _, r := range h.roles[target] {
		all = append(all, victim{
			process: r.process,
			back:    func(ctx context.Context, _ *process) error { return r.awaitReady(ctx, time.Minute) },
		})
	}
	return all
}

// oneAfterTheOther hits each victim once the platform works again, and returns the longest
// time.
func oneAfterTheOther(
	ctx context.Context, h *harness, victims []victim,
	hit func(context.Context, *harness, victim) (time.Duration, error),
) (time.Duration, error) {
	var longest time.Duration
	for _, v := range victims {
		if v.choose != nil {
			var err error
			if v.process, err = v.choose(ctx); err != nil {
				return longest, err
			}
		}
		took, err := hit(ctx, h, v)
		h.timed(v.name, took)
		longest = max(longest, took)
		if err != nil {
			return longest, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return longest, nil
}

// kill ends a process without warning. The others work in its place, then it starts again.
func kill(ctx context.Context, h *harness, v victim) (time.Duration, error) {
	since := time.Now()
	if err := v.kill(); err != nil {
		return 0, err
	}
	took, err := h.recovered(ctx, since, giveUpAfter)
	if err != nil {
		return took, errors.Join(err, v.start())
	}
	return h.comeBack(ctx, v, took)
}

// comeBack starts a process again and waits until the platform works with it.
func (h *harness) comeBack(ctx context.Context, v victim, took time.Duration) (time.Duration, error) {
	if err := v.start(); err != nil {
		return took, err
	}
	if err := v.back(ctx, v.process); err != nil {
		return took, err
	}
	again, err := h.recovered(ctx, time.Now(), giveUpAfter)
	return max(took, again), err
}

// stop freezes a process, as a long pause of its machine does, until the others work in its
// place, and lets it go on.
func stop(ctx context.Context, h *harness, v victim) (time.Duration, error) {
	since := time.Now()
	if err := v.signal(syscall.SIGSTOP); err != nil {
		return 0, err
	}
	return h.bridged(ctx, since, func() error { return v.signal(syscall.SIGCONT) })
}

// bridged measures a fault that the others should bridge: until they do, and after it was
// healed. It heals in any case.
func (h *harness) bridged(ctx context.Context, since time.Time, heal func() error) (time.Duration, error) {
	took, failure := h.recovered(ctx, since, holdAtMost)
	if err := heal(); err != nil {
		return took, err
	}
	healed := time.Now()
	if failure != nil {
		return h.recovered(ctx, since, giveUpAfter)
	}
	again, err := h.recovered(ctx, healed, giveUpAfter)
	return max(took, again), err
}

// restart ends a process as a deploy does, and starts it again once it has ended.
func restart(ctx context.Context, h *harness, v victim) (time.Duration, error) {
	since, ended := time.Now(), make(chan error, 1)
	go func() { ended <- v.terminate(stopWithin) }()
	took, err := h.recovered(ctx, since, giveUpAfter)
	if stopped := <-ended; stopped != nil {
		h.note(stopped)
	}
	if err != nil {
		return took, errors.Join(err, v.start())
	}
	return h.comeBack(ctx, v, took)
}

// restartNodes ends all nodes of NATS in order, all at once, and starts them.
func restartNodes(ctx context.Context, h *harness) (time.Duration, error) {
	ended := make(chan error, nodes)
	for _, n := range h.nodes {
		go func() { ended <- n.terminate(stopWithin) }()
	}
	for range h.nodes {
		if err := <-ended; err != nil {
			h.note(err)
		}
	}
	return h.startNodes(ctx)
}

// deleteNATSData kills all nodes and removes what they stored.
func deleteNATSData(ctx context.Context, h *harness) (time.Duration, error) {
	for _, n := range h.nodes {
		if err := n.kill(); err != nil {
			return 0, err
		}
	}
	for _, n := range h.nodes {
		if err := n.deleteData(); err != nil {
			return 0, err
		}
	}
	return h.startNodes(ctx)
}

func (h *harness) startNodes(ctx context.Context) (time.Duration, error) {
	for _, n := range h.nodes {
		if err := n.start(); err != nil {
			return 0, err
		}
	}
	took, err := h.recovered(ctx, time.Now(), giveUpAfter)
	return took, errors.Join(err, h.replicated(ctx))
}

func killPostgres(ctx context.Context, h *harness) (time.Duration, error) {
	since := time.Now()
	if err := h.database.kill(); err != nil {
		return 0, err
	}
	if err := h.database.start(ctx); err != nil {
		return 0, err
	}
	return h.recovered(ctx, since, giveUpAfter)
}

// postgresStopped is how long the database is frozen: short enough that a payment during it
// may still be open within 15 s.
const postgresStopped = 6 * time.Second

func stopPostgres(ctx context.Context, h *harness) (time.Duration, error) {
	if err := h.database.signal(syscall.SIGSTOP); err != nil {
		return 0, err
	}
	wait(ctx, postgresStopped)
	if err := h.database.signal(syscall.SIGCONT); err != nil {
		return 0, err
	}
	return h.recovered(ctx, time.Now(), giveUpAfter)
}

// diskFull is how long a disk stays full.
const diskFull = 6 * time.Second

// fillNodeDisk fills the disk of the node that leads the event stream. A node whose disk was
// full stays unwritable until it is started again, which is what its operator does.
func fillNodeDisk(ctx context.Context, h *harness) (time.Duration, error) {
	n, err := h.leader(ctx, events.EventStream)
	if err != nil {
		return 0, err
	}
	if !n.disk.limited {
		return 0, fmt.Errorf("%w: %w", errSkipped, n.disk.reason)
	}
	if err := n.disk.fill(); err != nil {
		return 0, err
	}
	wait(ctx, diskFull)
	healed := time.Now()
	if err := errors.Join(n.disk.free(), n.kill(), n.start()); err != nil {
		return 0, err
	}
	took, err := h.recovered(ctx, healed, giveUpAfter)
	return took, errors.Join(err, h.replicated(ctx))
}

// fillPostgresDisk fills the disk of the database, which ends it: it cannot write its log.
func fillPostgresDisk(ctx context.Context, h *harness) (time.Duration, error) {
	if !h.database.disk.limited {
		return 0, fmt.Errorf("%w: %w", errSkipped, h.database.disk.reason)
	}
	if err := h.database.disk.fill(); err != nil {
		return 0, err
	}
	wait(ctx, diskFull)
	healed := time.Now()
	if err := h.database.disk.free(); err != nil {
		return 0, err
	}
	if h.database.ended() {
		if err := h.database.start(ctx); err != nil {
			return 0, err
		}
	}
	return h.recovered(ctx, healed, giveUpAfter)
}

// cutOffRelay cuts the host of one relay after the other off from Postgres and NATS.
func cutOffRelay(ctx context.Context, h *harness) (time.Duration, error) {
	var longest time.Duration
	for _, r := range h.roles["relay"] {
		since := time.Now()
		for _, l := range r.links {
			l.setCut(true)
		}
		took, err := h.bridged(ctx, since, func() error {
			for _, l := range r.links {
				l.setCut(false)
			}
			return nil
		})
		h.timed(r.name, took)
		longest = max(longest, took)
		if err != nil {
			return longest, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return longest, nil
}

// rollingRestart restarts every process, one after the other, as a deploy does.
func rollingRestart(ctx context.Context, h *harness) (time.Duration, error) {
	var longest time.Duration
	for _, name := range roleNames {
		took, err := oneAfterTheOther(ctx, h, h.victims(name), restart)
		longest = max(longest, took)
		if err != nil {
			return longest, err
		}
	}
	var members []victim
	for _, n := range h.nodes {
		members = append(members, victim{
			process: n.process,
			back:    func(ctx context.Context, _ *process) error { return h.replicated(ctx) },
		})
	}
	took, err := oneAfterTheOther(ctx, h, members, restart)
	return max(longest, took), err
}

// leader returns the node that leads a stream.
func (h *harness) leader(ctx context.Context, name string) (*node, error) {
	var leader *node
	err := until(ctx, restWithin, 100*time.Millisecond, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		stream, err := h.js.Stream(ctx, name)
		if err != nil {
			return err
		}
		info := stream.CachedInfo()
		if info.Cluster == nil || info.Cluster.Leader == "" {
			return fmt.Errorf("stream %s has no leader", name)
		}
		place := slices.IndexFunc(h.nodes, func(n *node) bool { return n.name == info.Cluster.Leader })
		if place < 0 {
			return fmt.Errorf("stream %s is led by %q", name, info.Cluster.Leader)
		}
		leader = h.nodes[place]
		return nil
	})
	return leader, err
}

// replicated waits until all copies of both streams are current.
func (h *harness) replicated(ctx context.Context) error {
	return until(ctx, time.Minute, 200*time.Millisecond, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		for _, name := range []string{events.EventStream, events.CommandStream} {
			stream, err := h.js.Stream(ctx, name)
			if err != nil {
				return err
			}
			cluster := stream.CachedInfo().Cluster
			if cluster == nil || cluster.Leader == "" || len(cluster.Replicas) != nodes-1 {
				return fmt.Errorf("stream %s is not replicated", name)
			}
			for _, r := range cluster.Replicas {
				if !r.Current || r.Offline {
					return fmt.Errorf("the copy of %s at %s is not current", name, r.Name)
				}
			}
		}
		return nil
	})
}

// wait lets a fault last.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
