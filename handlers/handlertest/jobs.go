package handlertest

import (
	"context"
	"testing"

	"github.com/codex-platform/codex/handlers"
)

// Run runs the named job of a module one time and returns how many items it processed.
func Run(t testing.TB, module handlers.Module, name string) (items int) {
	t.Helper()
	for _, job := range module.Jobs {
		if job.Name == name {
			return Must(job.Run(context.Background()))(t)
		}
	}
	t.Fatalf("module %s has no job %s", module.Name, name)
	return 0
}
