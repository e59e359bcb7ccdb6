package ingest_test

import (
	"testing"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/reactions"
)

func TestOneCreatorsArchiveDoesNotKeepTheOthersWaiting(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u, other := w.signIn("creator"), w.signIn("creator")
	running := func(u user) int {
		return w.Number(`SELECT count(*) FROM media_items WHERE creator_id = $1 AND status = 'transcoding'`, u.id)
	}
	var ids []string
	for range reactions.JobsPerCreator + 3 {
		ids = append(ids, u.deliver("video/mp4", seeming))
	}
	other.transcoding()
	w.Until("as many jobs run as one creator may have", func() bool { return running(u) == reactions.JobsPerCreator })
	waiting := ids[reactions.JobsPerCreator:]
	w.Exec(`UPDATE media_items SET transcoding_priority = 0 WHERE id = $1`, waiting[2])
	end := func(id string, report func(job string)) {
		t.Helper()
		report(handlertest.Value[string](w.Harness, `SELECT runpod_job_id FROM media_items WHERE id = $1`, id))
	}
	end(ids[0], func(job string) { taken(t, w.callback(u.completed(ids[0], job))) })
	w.Until("the most urgent one is given out", func() bool { return w.status(waiting[2]) == media.Transcoding })
	end(ids[1], func(job string) {
		taken(t, w.callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: "no"}))
	})
	w.Until("then the oldest", func() bool { return w.status(waiting[0]) == media.Transcoding })
	if got := w.status(waiting[1]); got != media.Uploaded {
		t.Errorf("status %s", got)
	}
	u.ask("DELETE", "/api/media/"+ids[2], nil).Want(204, "")
	w.Until("and then the last", func() bool { return w.status(waiting[1]) == media.Transcoding })
	if n := running(u) - 1; n != reactions.JobsPerCreator { // the deleted one keeps its status
		t.Errorf("%d jobs of one creator", n)
	}
	for _, id := range waiting {
		w.history(id)
	}
}
