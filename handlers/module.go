// Package handlers defines what an activity of the platform exports: a [Module]. The
// activities are the packages below this one that are no kits; the kits, which they are
// made of, are edge (HTTP), commands, reactions, jobs and paging.
package handlers

import (
	"errors"
	"fmt"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Module is one activity: everything that it does, in all roles of the platform. A process
// runs the parts of the roles that it has.
type Module struct {
	// Name identifies it, for example "payments".
	Name string
	// Routes are what the edge serves.
	Routes []edge.Route
	// Resources are what the responses to its commands show.
	Resources []edge.Resource
	// Commands and External are the tables of its command handlers: those that change the
	// database only, and those that call the outside.
	Commands []commands.Context
	External []commands.External
	// Projections and Processes are its reactions to events.
	Projections []reactions.Projection
	Processes   []reactions.Process
	// Jobs are its periodic work, which the role commands runs.
	Jobs []jobs.Job
}

// Check returns what is wrong with the declarations of modules together: a route or a job
// that sends a command without a handler, and a handler whose command is never sent.
func Check(modules []Module) error {
	handled, sent := map[string]bool{}, map[string]bool{}
	for _, m := range modules {
		for _, c := range m.Commands {
			note(handled, c.Commands()...)
		}
		for _, e := range m.External {
			note(handled, e.Commands()...)
		}
	}

	var wrong []error
	send := func(by string, names ...string) {
		for _, name := range names {
			sent[name] = true
			if !handled[name] {
				wrong = append(wrong, fmt.Errorf("%s sends the command %q, which has no handler", by, name))
			}
		}
	}
	for _, m := range modules {
		for _, r := range m.Routes {
			if r.Command != "" {
				send("route "+r.Name, r.Command)
			}
			send("route "+r.Name, r.Sends...)
		}
		for _, j := range m.Jobs {
			send("job "+j.Name, j.Sends...)
		}
	}
	for name := range handled {
		if !sent[name] {
			wrong = append(wrong, fmt.Errorf("the command %q has a handler and is never sent", name))
		}
	}
	return errors.Join(wrong...)
}

func note(set map[string]bool, names ...string) {
	for _, name := range names {
		set[name] = true
	}
}
