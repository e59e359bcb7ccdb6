package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A second worker takes the job of a killed one over, and does not encode again what that one has
// finished.
func TestTheJobOfAKilledTranscoderIsTakenOver(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	in.serve("edge,commands,relay,reactions").waitReady(t)
	c := in.client()
	c.signUp("film@example.com", "creator")
	film := filepath.Join(t.TempDir(), "film.mp4")
	made, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=20",
		"-c:v", "libx264", "-preset", "ultrafast", film).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, made)
	}
	c.upload(film)

	const long = "CODEX_TRANSCODER_LONG_AFTER=1s" // rendition by rendition
	killed := in.serve("transcoder", long)
	job := func(expression string) string {
		return in.text(`SELECT COALESCE((SELECT (` + expression + `)::text FROM transcoding_jobs), '')`)
	}
	longer(t, "a finished rendition", func() bool { return job(`jsonb_array_length(renditions)`) == "1" })
	kill(t, killed)
	claim, finished := job(`claim`), job(`renditions -> 0`)
	died := time.Now()
	in.serve("transcoder", long)
	longer(t, "another claim", func() bool { return !slices.Contains([]string{"", claim}, job(`claim`)) })
	t.Logf("taken over after %s", time.Since(died).Round(100*time.Millisecond))

	longer(t, "another finished rendition", func() bool { return job(`jsonb_array_length(renditions)`) == "2" })
	if got := job(`renditions @> '[` + finished + `]'`); got != "true" {
		t.Errorf("the finished rendition %s was encoded again", finished)
	}
	longer(t, "a ready item", func() bool {
		return in.text(`SELECT count(*)::text FROM media_items WHERE status = 'ready' AND transcoding_attempts = 1`) == "1"
	})
	if steps := in.progress(); !slices.IsSorted(steps) || len(steps) < 5 {
		t.Errorf("progress went back: %v", steps)
	}
}

// progress returns the percentages that were reported, in their order.
func (in *installation) progress() []int {
	in.t.Helper()
	rows, err := in.connect().Query(context.Background(), `SELECT (data ->> 'percent')::int FROM outbox
		WHERE type = 'media.transcoding_progressed' ORDER BY version`)
	if err != nil {
		in.t.Fatal(err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		in.t.Fatal(err)
	}
	return steps
}

// text returns the text that a query finds.
func (in *installation) text(sql string) (s string) {
	in.t.Helper()
	conn, err := pgx.Connect(context.Background(), in.database)
	if err != nil {
		in.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), sql).Scan(&s); err != nil {
		in.t.Fatal(err)
	}
	return s
}

// kill ends a process without a chance to give anything back.
func kill(t *testing.T, p *process) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
}

// longer waits for what takes a machine under load minutes.
func longer(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not there after 5 min", what)
		}
		time.Sleep(50 * time.Millisecond) // between two looks at the condition
	}
}
