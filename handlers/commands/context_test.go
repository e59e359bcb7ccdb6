package commands_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// A bounded context keeps a counter per name. Its rule rejects negative steps.

const (
	commandAdd   = "counter.add"
	commandReset = "counter.reset"
)

var errNegative = domain.NewError(domain.Rule, "NEGATIVE_STEP", "A counter only counts up")

type add struct {
	Step int `json:"step"`
}

type reset struct{}

type counter struct {
	name  string
	value int
}

// counterBatch is what the commands of a batch share: the counters that they need.
type counterBatch struct {
	wanted   []string
	counters *commands.State[string, counter]
}

func openCounters() *counterBatch {
	return &counterBatch{counters: commands.NewState[string, counter]()}
}

func wantCounter[P any](b *counterBatch, cmd events.Command, _ *P) {
	b.wanted = append(b.wanted, cmd.AggregateID)
}

// Load reads all counters of the batch at once.
func (b *counterBatch) Load(load *pgx.Batch) {
	load.Queue(`SELECT name, value FROM counters WHERE name = ANY($1) ORDER BY name FOR UPDATE`, b.wanted).Query(
		func(rows pgx.Rows) error {
			var c counter
			_, err := pgx.ForEachRow(rows, []any{&c.name, &c.value}, func() error {
				b.counters.Rows[c.name] = c
				return nil
			})
			return err
		})
}

// Save writes all counters that changed at once.
func (b *counterBatch) Save(save *pgx.Batch) error {
	for _, c := range b.counters.Changed() {
		save.Queue(`UPDATE counters SET value = $2 WHERE name = $1`, c.name, c.value)
	}
	return nil
}

func (b *counterBatch) add(cmd events.Command, p *add, _ time.Time) (commands.Outcome, error) {
	if p.Step < 0 {
		return commands.Outcome{}, errNegative
	}
	value := b.counters.Rows[cmd.AggregateID].value + p.Step
	b.counters.Put(cmd.AggregateID, counter{cmd.AggregateID, value})
	return commands.OK(value), nil
}

func (b *counterBatch) reset(cmd events.Command, _ *reset, _ time.Time) (commands.Outcome, error) {
	b.counters.Put(cmd.AggregateID, counter{name: cmd.AggregateID})
	return commands.NoContent(), nil
}

// A context is a table: a row per command, with what has to be loaded for it and what
// applies it.
func ExampleNewContext() {
	counters := commands.NewContext("counter", openCounters,
		commands.Handle(commandAdd, wantCounter[add], (*counterBatch).add),
		commands.Handle(commandReset, wantCounter[reset], (*counterBatch).reset),
	)
	fmt.Println(counters.Name(), counters.Commands())
	// Output: counter [counter.add counter.reset]
}

func TestContextPanicsOnMistakesInItsTable(t *testing.T) {
	t.Parallel()
	prepare := func(context.Context, pgx.Tx, events.Command, *add, time.Time) (commands.Call, commands.Outcome, error) {
		return nil, commands.NoContent(), nil
	}
	row := commands.Handle(commandAdd, nil, (*counterBatch).add)
	external := commands.HandleExternal(commandAdd, prepare)
	for name, c := range map[string]struct {
		declare func()
		message string
	}{
		"two handlers":          {func() { commands.NewContext("counter", openCounters, row, row) }, "has two handlers"},
		"of another context":    {func() { commands.NewContext("clock", openCounters, row) }, `is of context "counter"`},
		"external, twice":       {func() { commands.NewExternal("counter", 0, external, external) }, "has two handlers"},
		"external, of another":  {func() { commands.NewExternal("clock", 0, external) }, `is of context "counter"`},
		"a correct declaration": {func() { commands.NewContext("counter", openCounters, row) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				got := fmt.Sprint(recover())
				if c.message == "" {
					c.message = "<nil>"
				}
				if !strings.Contains(got, c.message) {
					t.Errorf("panic %q, want %q", got, c.message)
				}
			}()
			c.declare()
		})
	}
}

func TestStateKeepsTheOrderOfChangesWithoutRemovedRows(t *testing.T) {
	t.Parallel()
	s := commands.NewState[string, int]()
	s.Rows["loaded"] = 1
	s.Put("b", 1)
	s.Put("a", 2)
	s.Put("b", 3)
	s.Put("removed", 4)
	delete(s.Rows, "removed")
	if got := s.Changed(); !slices.Equal(got, []int{3, 2}) {
		t.Errorf("changed %v, want [3 2]", got)
	}
}
