package handlers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/jobs"
)

type batch struct{}

func (*batch) Load(*pgx.Batch)       {}
func (*batch) Save(*pgx.Batch) error { return nil }

func handling(name string) []commands.Context {
	return []commands.Context{commands.NewContext("note", func() *batch { return &batch{} },
		commands.Handle(name,
			func(*batch, events.Command, *struct{}) {},
			func(*batch, events.Command, *struct{}, time.Time) (commands.Outcome, error) {
				return commands.NoContent(), nil
			}))}
}

func TestCommandsWithoutAHandlerAndHandlersWithoutASenderAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		module handlers.Module
		want   string // part of the error, "" for none
	}{
		"a route": {
			handlers.Module{
				Commands: handling("note.write"),
				Routes:   []edge.Route{{Name: "writeNote", Command: "note.write"}},
			}, "",
		},
		"a job": {
			handlers.Module{
				Commands: handling("note.write"),
				Jobs:     []jobs.Job{{Name: "notes", Sends: []string{"note.write"}}},
			}, "",
		},
		"a route without a handler": {
			handlers.Module{Routes: []edge.Route{{Name: "writeNote", Command: "note.write"}}},
			`writeNote sends the command "note.write"`,
		},
		"a second command of a route without a handler": {
			handlers.Module{Routes: []edge.Route{{Name: "writeNote", Sends: []string{"note.index"}}}},
			`writeNote sends the command "note.index"`,
		},
		"a job without a handler": {
			handlers.Module{Jobs: []jobs.Job{{Name: "notes", Sends: []string{"note.write"}}}},
			`notes sends the command "note.write"`,
		},
		"a handler that nothing uses": {handlers.Module{Commands: handling("note.write")}, "is never sent"},
	} {
		err := handlers.Check([]handlers.Module{c.module})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
