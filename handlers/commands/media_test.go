package commands_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// applyBatch publishes commands while no consumer runs, so that those of one partition are
// one batch, has them applied, and returns the body of each response.
func (w *harness) applyBatch(c commands.Context, cmds ...events.Command) []string {
	w.Helper()
	for _, cmd := range cmds {
		w.accept(cmd)
		if err := w.Dispatcher.Publish(context.Background(), cmd); err != nil {
			w.Fatal(err)
		}
	}
	stop := w.startRunner(c)
	defer stop()
	ids := make([]string, len(cmds))
	for i, cmd := range cmds {
		ids[i] = cmd.ID
	}
	w.Eventually(len(cmds), `SELECT count(*) FROM commands WHERE id = ANY($1::uuid[]) AND status <> 'accepted'`, ids)

	bodies := make([]string, len(cmds))
	for i, cmd := range cmds {
		rec, found, err := commands.Ledger{DB: w.Pool}.Find(context.Background(), cmd.ID)
		if err != nil || !found {
			w.Fatalf("%s has no record: %v", cmd.Type, err)
		}
		bodies[i] = string(rec.ResponseBody)
	}
	return bodies
}

// emitted returns type and version of an aggregate's events.
func (w *harness) emitted(id string) string {
	w.Helper()
	var list string
	err := w.Pool.QueryRow(context.Background(), `
SELECT COALESCE(string_agg(type || ' ' || version, ', ' ORDER BY version), '') FROM outbox WHERE aggregate_id = $1`, id).Scan(&list)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

func register() media.Register {
	return media.Register{Title: "A film", MediaType: media.Video, MimeType: "video/mp4", FileSizeBytes: 10}
}

func TestMediaCommandsOfOneBatchSeeEachOther(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	id, other := uuid.NewString(), uuid.NewString()
	uploaded := media.CompleteUpload{ETag: "e", SizeBytes: 10}
	bodies := w.applyBatch(commands.Media{}.Commands(),
		newCommand(media.CommandRegister, w.creator, id, register()),
		newCommand(media.CommandRegister, w.creator, id, register()),
		newCommand(media.CommandCompleteUpload, w.creator, id, uploaded),
		newCommand(media.CommandCompleteUpload, w.creator, id, uploaded),
		newCommand(media.CommandRegister, w.creator, other, register()),
		newCommand(media.CommandDelete, w.creator, other, media.Delete{}),
		newCommand(media.CommandUpdate, w.creator, other, media.Update{}),
	)
	done := `{"data":{"success":true,"transcodingTriggered":true,"status":"uploaded"}}`
	for i, want := range map[int]string{1: "MEDIA_EXISTS", 2: done, 3: done, 6: "MEDIA_NOT_FOUND"} {
		if !strings.Contains(bodies[i], want) {
			t.Errorf("response %d = %s, want %s", i, bodies[i], want)
		}
	}
	if bodies[5] != "" {
		t.Errorf("response to the deletion = %s, want none", bodies[5])
	}
	if got := w.emitted(id); got != "media.registered 1, media.uploaded 2" {
		t.Errorf("events %s", got)
	}
	if got := w.emitted(other); got != "media.registered 1, media.deleted 2" {
		t.Errorf("events %s", got)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE tenant <> $1`, w.creator); n != 0 {
		t.Errorf("%d events have another tenant", n)
	}
	if n := w.Number(`SELECT count(*) FROM media_items WHERE id = $1 AND status = 'uploaded' AND version = 2`, id); n != 1 {
		t.Error("the uploaded item is not as it should be")
	}
	if n := w.Number(`SELECT count(*) FROM media_items WHERE deleted_at IS NOT NULL`); n != 1 {
		t.Errorf("%d items are deleted, want 1", n)
	}
}

func TestOnlyTheirMachinesMayReport(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	id := uuid.NewString()
	w.applyBatch(commands.Media{}.Commands(), newCommand(media.CommandRegister, w.creator, id, register()))
	w.Exec(`UPDATE media_items SET status = 'transcoding', runpod_job_id = 'job', transcoding_attempts = 1, transcoding_seen_at = now()`)

	progress := media.RecordProgress{JobID: "job", Percent: 7, Step: "preview"}
	stuck := media.FailStuck{JobID: "job", SeenAt: time.Now().Add(time.Hour)}
	bodies := w.applyBatch(commands.Media{}.Commands(),
		newCommand(media.CommandRecordFailure, w.creator, id, media.RecordFailure{JobID: "job"}),
		newCommand(media.CommandFailStuck, media.ActorTranscoder, id, stuck),
		newCommand(media.CommandRecordResult, media.ActorSystem, id, media.RecordResult{JobID: "job"}),
		newCommand(media.CommandRecordProgress, media.ActorTranscoder, id, progress),
		newCommand(media.CommandRecordProgress, media.ActorTranscoder, uuid.NewString(), progress),
		newCommand(media.CommandUpdate, media.ActorTranscoder, id, media.Update{}),
	)
	want := []string{
		"FORBIDDEN",
		"FORBIDDEN",
		"FORBIDDEN",
		`{"data":{"applied":true}}`,
		`{"data":{"applied":false,"ignored":"STALE_JOB"}}`,
		"MEDIA_NOT_FOUND",
	}
	if !slices.EqualFunc(bodies, want, strings.Contains) {
		t.Errorf("responses %q, want %q", bodies, want)
	}
	if got := w.emitted(id); got != "media.registered 1, media.transcoding_progressed 2" {
		t.Errorf("events %s", got)
	}
}
