package ingest_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func newCommand(t *testing.T, name, actor, aggregate string, payload any) events.Command {
	t.Helper()
	return events.Command{
		ID:          uuid.Must(uuid.NewV7()).String(),
		Type:        name,
		ActorID:     actor,
		AggregateID: aggregate,
		Payload:     handlertest.Must(json.Marshal(payload))(t),
		IssuedAt:    time.Now().UTC(),
	}
}

// applyBatch publishes commands before their consumer is started, so that it applies them
// as one batch. It returns the body of each response.
func applyBatch(h *harness, cmds ...events.Command) []string {
	h.Helper()
	ledger := commands.Ledger{DB: h.Pool}
	for _, cmd := range cmds {
		if err := ledger.Accept(h.Context(), cmd); err != nil {
			h.Fatal(err)
		}
		if err := h.Dispatcher.Publish(h.Context(), cmd); err != nil {
			h.Fatal(err)
		}
	}
	h.StartCommands(newModule(h, options{}).Commands)
	h.Eventually(0, `SELECT count(*) FROM commands WHERE status = 'accepted'`)

	bodies := make([]string, len(cmds))
	for i, cmd := range cmds {
		rec, found, err := ledger.Find(h.Context(), cmd.ID)
		if err != nil || !found {
			h.Fatalf("%s has no record: %v", cmd.Type, err)
		}
		bodies[i] = string(rec.ResponseBody)
	}
	return bodies
}

func TestCommandsOfOneBatchSeeEachOther(t *testing.T) {
	t.Parallel()
	h := startParts(t, options{})
	creator := h.User("creator")
	item, other := uuid.NewString(), uuid.NewString()
	command := func(name, aggregate string, payload any) events.Command {
		return newCommand(t, name, creator, aggregate, payload)
	}
	register := media.Register{
		Title:         "A film",
		MediaType:     media.Video,
		MimeType:      "video/mp4",
		FileSizeBytes: 10,
	}
	complete := media.CompleteUpload{ETag: "e", SizeBytes: 10}

	bodies := applyBatch(h,
		command(media.CommandRegister, item, register),
		command(media.CommandRegister, item, register),
		command(media.CommandCompleteUpload, item, complete),
		command(media.CommandCompleteUpload, item, complete),
		command(media.CommandRegister, other, register),
		command(media.CommandDelete, other, media.Delete{}),
		command(media.CommandUpdate, other, media.Update{}),
	)

	completed := `{"data":{"success":true,"transcodingTriggered":true,"status":"uploaded"}}`
	for i, want := range map[int]string{1: "MEDIA_EXISTS", 2: completed, 3: completed, 6: "MEDIA_NOT_FOUND"} {
		if !strings.Contains(bodies[i], want) {
			t.Errorf("response %d = %s, want %s", i, bodies[i], want)
		}
	}
	if bodies[5] != "" {
		t.Errorf("response to the deletion = %s, want none", bodies[5])
	}
	if got := strings.Join(h.MediaEvents(item), " "); got != "media.registered media.uploaded" {
		t.Errorf("events %s", got)
	}
	if got := strings.Join(h.MediaEvents(other), " "); got != "media.registered media.deleted" {
		t.Errorf("events %s", got)
	}
	if n := h.Number(`SELECT count(*) FROM outbox WHERE tenant <> $1`, creator); n != 0 {
		t.Errorf("%d events have another tenant", n)
	}
	if got := h.MediaStatus(item); got != media.Uploaded {
		t.Errorf("status %s, want uploaded", got)
	}
	if n := h.Number(`SELECT count(*) FROM media_items WHERE deleted_at IS NOT NULL`); n != 1 {
		t.Errorf("%d items are deleted, want 1", n)
	}
}

func TestReportsAreAcceptedOnlyFromTheirSender(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", 10)
	h.Exec(`UPDATE media_items
		SET status = 'transcoding', runpod_job_id = 'job', transcoding_attempts = 1, transcoding_seen_at = now()`)

	progress := media.RecordProgress{JobID: "job", Percent: 7, Step: "preview"}
	stuck := media.FailStuck{JobID: "job", SeenAt: time.Now().Add(time.Hour)}
	var bodies []string
	for _, cmd := range []events.Command{
		newCommand(t, media.CommandRecordFailure, u.ID, id, media.RecordFailure{JobID: "job"}),
		newCommand(t, media.CommandFailStuck, media.ActorTranscoder, id, stuck),
		newCommand(t, media.CommandRecordResult, media.ActorSystem, id, media.RecordResult{JobID: "job"}),
		newCommand(t, media.CommandRecordProgress, media.ActorTranscoder, id, progress),
		newCommand(t, media.CommandRecordProgress, media.ActorTranscoder, uuid.NewString(), progress),
		newCommand(t, media.CommandUpdate, media.ActorTranscoder, id, media.Update{}),
	} {
		ctx, cancel := context.WithTimeout(h.Context(), handlertest.Within)
		reply, err := h.Dispatcher.Send(ctx, cmd)
		cancel()
		if err != nil {
			t.Fatalf("send %s: %v", cmd.Type, err)
		}
		bodies = append(bodies, string(reply.Body))
	}

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
	if got := strings.Join(h.MediaEvents(id), " "); got != "media.registered media.transcoding_progressed" {
		t.Errorf("events %s", got)
	}
}
