package commands_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// mediaBatch applies commands as one batch, in one transaction, and returns what each led to: a status or a reason.
func mediaBatch(t *testing.T, pool *pgxpool.Pool, cmds ...events.Command) (outcomes []string, facts []events.Fact) {
	t.Helper()
	unit := commands.Media{}.Open(cmds)
	err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		load := &pgx.Batch{}
		unit.Load(load)
		if err := tx.SendBatch(context.Background(), load).Close(); err != nil {
			return err
		}
		for i := range cmds {
			outcome, err := unit.Decide(i, time.Now().UTC())
			refusal, refused := domain.AsError(err)
			switch {
			case refused:
				outcomes = append(outcomes, string(refusal.Class)+" "+refusal.Reason)
			case err != nil:
				outcomes = append(outcomes, "error")
			default:
				body, _ := json.Marshal(outcome.Body)
				outcomes = append(outcomes, string(body))
				facts = append(facts, outcome.Facts...)
			}
		}
		save := &pgx.Batch{}
		if err := unit.Save(save); err != nil {
			return err
		}
		return tx.SendBatch(context.Background(), save).Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return outcomes, facts
}

func mediaWorld(t *testing.T) (*pgxpool.Pool, string) {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	creator := strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := pool.Exec(context.Background(), `INSERT INTO users (id, name, email, role) VALUES ($1, 'Test', 'a@example.test', 'creator')`, creator); err != nil {
		t.Fatal(err)
	}
	return pool, creator
}

func mediaCommand(t *testing.T, typ, actor, id string, payload any) events.Command {
	t.Helper()
	body, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return events.Command{ID: uuid.NewString(), Type: typ, ActorID: actor, AggregateID: id, Payload: body}
}

func TestMediaCommandsOfOneBatchSeeEachOther(t *testing.T) {
	t.Parallel()
	pool, creator := mediaWorld(t)
	id, other := uuid.NewString(), uuid.NewString()
	register := media.Register{Title: "A film", MediaType: media.Video, MimeType: "video/mp4", FileSizeBytes: 10}
	outcomes, facts := mediaBatch(t, pool,
		mediaCommand(t, "media.register", creator, id, register),
		mediaCommand(t, "media.register", creator, id, register),
		mediaCommand(t, "media.complete_upload", creator, id, media.CompleteUpload{ETag: "e", SizeBytes: 10}),
		mediaCommand(t, "media.complete_upload", creator, id, media.CompleteUpload{ETag: "e", SizeBytes: 10}),
		mediaCommand(t, "media.register", creator, other, register),
		mediaCommand(t, "media.delete", creator, other, media.Delete{}),
		mediaCommand(t, "media.update", creator, other, media.Update{}),
		mediaCommand(t, "media.dance", creator, other, struct{}{}),
	)
	done := `{"data":{"success":true,"transcodingTriggered":true,"status":"uploaded"}}`
	for i, want := range map[int]string{
		1: "conflict MEDIA_EXISTS", 2: done, 3: done, 5: "null", 6: "not_found MEDIA_NOT_FOUND", 7: "error",
	} {
		if outcomes[i] != want {
			t.Errorf("outcome %d = %s, want %s", i, outcomes[i], want)
		}
	}
	var told []string
	for _, f := range facts {
		if f.Tenant != creator {
			t.Errorf("tenant %s of %s", f.Tenant, f.Payload.EventType())
		}
		told = append(told, f.Payload.EventType()+" "+string(rune('0'+f.Version)))
	}
	if got := strings.Join(told, ", "); got != "media.registered 1, media.uploaded 2, media.registered 1, media.deleted 2" {
		t.Errorf("facts %s", got)
	}
	var status string
	var version, deleted int
	err := pool.QueryRow(t.Context(), `SELECT status, version, (SELECT count(*) FROM media_items WHERE deleted_at IS NOT NULL) FROM media_items WHERE id = $1`, id).
		Scan(&status, &version, &deleted)
	if err != nil || status != "uploaded" || version != 2 || deleted != 1 {
		t.Errorf("row %s %d %d, %v", status, version, deleted, err)
	}
}

func TestReportsAreTakenFromTheirMachinesOnly(t *testing.T) {
	t.Parallel()
	pool, creator := mediaWorld(t)
	id := uuid.NewString()
	mediaBatch(t, pool, mediaCommand(t, "media.register", creator, id, media.Register{Title: "A film", MediaType: media.Video, MimeType: "video/mp4", FileSizeBytes: 10}))
	if _, err := pool.Exec(t.Context(), `UPDATE media_items SET status = 'transcoding', runpod_job_id = 'job', transcoding_attempts = 1, transcoding_seen_at = now()`); err != nil {
		t.Fatal(err)
	}
	outcomes, facts := mediaBatch(t, pool,
		mediaCommand(t, "media.record_failure", creator, id, media.RecordFailure{JobID: "job"}),
		mediaCommand(t, "media.fail_stuck", media.ActorTranscoder, id, media.FailStuck{JobID: "job", SeenAt: time.Now().Add(time.Hour)}),
		mediaCommand(t, "media.record_result", media.ActorSystem, id, media.RecordResult{JobID: "job"}),
		mediaCommand(t, "media.record_progress", media.ActorTranscoder, id, media.RecordProgress{JobID: "job", Percent: 7, Step: "preview"}),
		mediaCommand(t, "media.record_progress", media.ActorTranscoder, uuid.NewString(), media.RecordProgress{JobID: "job", Percent: 7, Step: "preview"}),
		mediaCommand(t, "media.update", media.ActorTranscoder, id, media.Update{}),
	)
	want := []string{"forbidden ", "forbidden ", "forbidden ", `{"data":{"applied":true}}`, `{"data":{"applied":false,"ignored":"STALE_JOB"}}`, "not_found MEDIA_NOT_FOUND"}
	for i := range want {
		if outcomes[i] != want[i] {
			t.Errorf("outcome %d = %s, want %s", i, outcomes[i], want[i])
		}
	}
	if len(facts) != 1 || facts[0].Version != 2 {
		t.Errorf("facts %+v", facts)
	}
}
