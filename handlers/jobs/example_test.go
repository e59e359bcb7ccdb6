package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/codex-platform/codex/handlers/jobs"
)

// A job runs at once, then at its interval. A value on Wake starts a run earlier.
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	wake := make(chan struct{}, 1)
	runs := 0
	deliver := jobs.Job{
		Name:  "mail.deliver",
		Every: time.Hour,
		Wake:  wake,
		Run: func(context.Context) (items int, err error) {
			runs++
			fmt.Println("run", runs)
			if runs == 2 {
				stop()
			}
			wake <- struct{}{}
			return 1, nil
		},
	}
	fmt.Println(jobs.Run(ctx, slog.New(slog.DiscardHandler), deliver))
	// Output:
	// run 1
	// run 2
	// <nil>
}
