package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
)

func TestJobsAreClaimedByLengthAndAge(t *testing.T) {
	t.Parallel()
	pool := open(t)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, j := range []struct {
		id       string
		size     int64
		priority int
		age      time.Duration
	}{
		{"film", 1 << 30, 2, 0},
		{"clip", 1 << 20, 2, 0},
		{"urgent", 1 << 20, 0, -time.Minute},
		{"backlog", 1 << 20, 4, 0},
		{"old backlog", 1 << 20, 4, time.Hour},
	} {
		item := full(t)
		item.DeletedAt, item.JobID, item.SizeBytes = nil, j.id, j.size
		save(t, pool, item)
		enqueueJob(t, pool, item, events.MediaTranscodingStarted{JobID: j.id, Priority: j.priority}, now.Add(-j.age))
	}
	claim := func(long bool) string {
		job, found, err := postgres.ClaimJob(t.Context(), pool, postgres.WantedJob{Long: long, Lease: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return ""
		}
		return job.JobID
	}
	for n, want := range []struct {
		long bool
		job  string
	}{
		{false, "old backlog"},
		{true, "film"},
		{true, "urgent"}, // there is no long one
		{false, "clip"},
		{false, "backlog"},
		{false, ""},
		{true, ""},
	} {
		if got := claim(want.long); got != want.job {
			t.Errorf("claim %d: %q, want %q", n, got, want.job)
		}
	}
}

func TestAClaimEndsWithItsLease(t *testing.T) {
	t.Parallel()
	pool := open(t)
	item := full(t)
	item.DeletedAt = nil
	save(t, pool, item)
	enqueue(t, pool, item.ID, "job")
	claim := func() (media.QueuedJob, bool) {
		job, found, err := postgres.ClaimJob(t.Context(), pool, postgres.WantedJob{JobID: "job", Lease: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return job, found
	}
	held := func(held bool, err error) bool {
		if err != nil {
			t.Fatal(err)
		}
		return held
	}

	first, _ := claim()
	if _, found := claim(); found {
		t.Error("a claimed job was claimed again")
	}
	if !held(postgres.RenewClaim(t.Context(), pool, first.Claim, -time.Second)) {
		t.Error("a claim was not renewed")
	}
	second, found := claim()
	if !found || second.Crashes != 1 {
		t.Errorf("after the lease: %v, %d crashes", found, second.Crashes)
	}
	kept := media.StoredRendition{Name: "720p", Files: []media.StoredFile{{Rel: "720p/stream.mp4", Size: 3}}}
	for name, lost := range map[string]bool{
		"renewed":  held(postgres.RenewClaim(t.Context(), pool, first.Claim, time.Hour)),
		"released": held(postgres.ReleaseJob(t.Context(), pool, first.Claim, postgres.Release{})),
		"kept":     held(postgres.KeepRendition(t.Context(), pool, first.Claim, kept)),
		"finished": held(postgres.FinishJob(t.Context(), pool, first.Claim)),
	} {
		if lost {
			t.Errorf("a lost claim was %s", name)
		}
	}

	for range 2 {
		if !held(postgres.KeepRendition(t.Context(), pool, second.Claim, kept)) {
			t.Fatal("the claim is lost")
		}
	}
	held(postgres.ReleaseJob(t.Context(), pool, second.Claim, postgres.Release{Failed: true, SpaceBytes: 7}))
	third, _ := claim()
	if third.Crashes != 0 || third.Failures != 1 || third.SpaceBytes != 7 || len(third.Renditions) != 1 ||
		third.Renditions[0].Files[0].Size != 3 {
		t.Errorf("after the release: %+v", third)
	}
	held(postgres.FinishJob(t.Context(), pool, third.Claim))
	if _, found := claim(); found {
		t.Error("a job that is over was claimed")
	}
}

func TestAnotherJobOfAnItemKeepsRenditionsOfTheSameOriginalOnly(t *testing.T) {
	t.Parallel()
	pool := open(t)
	item := full(t)
	item.DeletedAt = nil
	save(t, pool, item)
	start := func(job, etag string) media.QueuedJob {
		started := events.MediaTranscodingStarted{JobID: job, ObjectKey: "o", ETag: etag}
		enqueueJob(t, pool, item, started, time.Now())
		wanted := postgres.WantedJob{Long: true, JobID: job, Lease: time.Hour}
		claimed, found, err := postgres.ClaimJob(t.Context(), pool, wanted)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		return claimed
	}
	first := start("1", "a")
	if _, err := postgres.KeepRendition(t.Context(), pool, first.Claim, media.StoredRendition{Name: "720p"}); err != nil {
		t.Fatal(err)
	}
	if second := start("2", "a"); len(second.Renditions) != 1 {
		t.Errorf("the same original: %+v", second)
	}
	if third := start("3", "b"); len(third.Renditions) != 0 {
		t.Errorf("another original: %+v", third)
	}
}

func enqueue(t *testing.T, pool *pgxpool.Pool, id, job string) {
	t.Helper()
	enqueueJob(t, pool, media.Item{ID: id}, events.MediaTranscodingStarted{MediaID: id, JobID: job}, time.Now())
}

func enqueueJob(
	t *testing.T, pool *pgxpool.Pool, item media.Item, job events.MediaTranscodingStarted, now time.Time,
) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return postgres.EnqueueJob(t.Context(), tx, item, job, now)
	})
	if err != nil {
		t.Fatal(err)
	}
}
