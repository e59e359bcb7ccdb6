package postgres_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

const creator = "0190a0b0c0d0e0f0a0b0c0d0e0f0a0b0"

func open(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(),
		`INSERT INTO users (id, name, email, role) VALUES ($1, 'Test', 'a@example.test', 'creator')`, creator)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func p[T any](v T) *T { return &v }

// full has a value in every field, each different from the zero value.
func full(t *testing.T) media.Item {
	t.Helper()
	at := func(minutes int) time.Time {
		return time.Date(2026, 5, 1, 12, minutes, 0, 123456000, time.UTC)
	}
	i := media.Item{
		ID:              uuid.NewString(),
		CreatorID:       creator,
		Title:           "Été \"quoted\" ☂",
		Description:     p("two\nlines"),
		Type:            media.Video,
		Status:          media.Transcoding,
		ObjectKey:       "o",
		ETag:            `"e"`,
		SizeBytes:       5 << 30,
		Checksum:        "crc32c:4waSgw==",
		MimeType:        "video/mp4",
		DurationSeconds: p(1),
		Width:           p(2),
		Height:          p(3),
		MasterKey:       "m",
		PreviewKey:      "p",
		ThumbnailKey:    "t",
		WaveformKey:     "w",
		WaveformImage:   "wi",
		WaveformShort:   "ws",
		Storyboard: &media.Storyboard{
			Key:        "s",
			Interval:   2,
			TileWidth:  160,
			TileHeight: 90,
			Columns:    5,
			Rows:       5,
			Tiles:      30,
		},
		PosterURL:     p("https://assets/p"),
		AudioKey:      "a",
		AudioBytes:    7,
		MezzanineKey:  "mz",
		ReadyVariants: []string{"720p", "480p"},
		Playable:      true,
		Captions:      []media.CaptionTrack{{Language: "en", Label: "English", Kind: media.Captions, UpdatedAt: at(3)}},
		Chapters:      media.Chapters{Edited: true, List: []media.Chapter{{StartTime: 1.5, Title: "Second"}}},
		Notes:         []media.Note{{Code: "PICTURE_SUBTITLES", Stream: 3, Message: "Pictures."}},
		Loudness:      &media.Loudness{Integrated: -1600, Peak: -150, Range: 700},
		JobID:         "job",
		Error:         "e",
		ErrorCode:     "E",
		Attempts:      2,
		Priority:      4,
		Progress:      p(50),
		Step:          "preview",
		SeenAt:        p(at(1)),
		Pace:          media.Pace{Since: p(at(1)), From: p(5), EndsAt: p(at(6))},
		UploadedAt:    p(at(2)),
		Version:       9,
		CreatedAt:     at(3),
		UpdatedAt:     at(4),
		DeletedAt:     p(at(5)),
	}
	v := reflect.ValueOf(i)
	for n := range v.NumField() {
		if v.Field(n).IsZero() {
			t.Fatalf("field %s has no value: the test does not cover it", v.Type().Field(n).Name)
		}
	}
	return i
}

func save(t *testing.T, pool *pgxpool.Pool, items ...media.Item) {
	t.Helper()
	b := &pgx.Batch{}
	if err := postgres.QueueSave(b, items); err != nil {
		t.Fatal(err)
	}
	if err := pool.SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, pool *pgxpool.Pool, id string) media.Item {
	t.Helper()
	item, found, err := postgres.Find(t.Context(), pool, id)
	if err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	return utc(item)
}

// utc moves times to UTC, as which the driver does not return them.
func utc(i media.Item) media.Item {
	for _, at := range []**time.Time{&i.SeenAt, &i.UploadedAt, &i.DeletedAt, &i.Pace.Since, &i.Pace.EndsAt} {
		if *at != nil {
			*at = p((*at).UTC())
		}
	}
	i.CreatedAt, i.UpdatedAt = i.CreatedAt.UTC(), i.UpdatedAt.UTC()
	return i
}

func TestAnItemIsReadAsWritten(t *testing.T) {
	t.Parallel()
	pool := open(t)
	item := full(t)
	bare := media.Item{
		ID:        uuid.NewString(),
		CreatorID: creator,
		Title:     "x",
		Type:      media.Audio,
		Status:    media.Uploading,
		ObjectKey: "o",
		SizeBytes: 1,
		MimeType:  "audio/ogg",
		Priority:  2,
		Version:   1,
		CreatedAt: item.CreatedAt,
		UpdatedAt: item.CreatedAt,
	}
	save(t, pool, item, bare)
	for _, want := range []media.Item{item, bare} {
		if got := find(t, pool, want.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v\nwritten %+v", got, want)
		}
	}
	// The second writing is an update; everything that may change must.
	changed := full(t)
	changed.ID, changed.Title, changed.Version = bare.ID, "changed", 2
	changed.Type, changed.CreatedAt = bare.Type, bare.CreatedAt // never change
	save(t, pool, changed)
	if got := find(t, pool, bare.ID); !reflect.DeepEqual(got, changed) {
		t.Errorf("read %+v\nwritten %+v", got, changed)
	}
	if _, found, err := postgres.Find(t.Context(), pool, uuid.NewString()); found || err != nil {
		t.Errorf("an unknown item: %v %v", found, err)
	}
	if got, found, err := postgres.FindByJob(t.Context(), pool, "job"); !found || err != nil || got.JobID != "job" {
		t.Errorf("by job: %v %v", found, err)
	}
	if _, found, err := postgres.FindByJob(t.Context(), pool, "other"); found || err != nil {
		t.Errorf("by an unknown job: %v %v", found, err)
	}
}

func TestALockedItemWaitsForItsTransaction(t *testing.T) {
	t.Parallel()
	pool := open(t)
	item := full(t)
	save(t, pool, item)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	locked, found, err := postgres.Lock(t.Context(), tx, item.ID)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	_, err = pool.Exec(t.Context(), `SELECT id FROM media_items WHERE id = $1 FOR UPDATE NOWAIT`, item.ID)
	if err == nil {
		t.Error("the row is not locked")
	}
	locked.Title = "from inside"
	if err := postgres.Save(t.Context(), tx, locked); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := find(t, pool, item.ID); got.Title != "from inside" {
		t.Errorf("title %q", got.Title)
	}
}

func TestConstraintsKeepTheInvariants(t *testing.T) {
	t.Parallel()
	pool := open(t)
	for name, change := range map[string]func(*media.Item){
		"a fourth attempt":      func(i *media.Item) { i.Attempts = 4 },
		"an unknown status":     func(i *media.Item) { i.Status = "lost" },
		"ready without a list":  func(i *media.Item) { i.Status, i.MasterKey = media.Ready, "" },
		"progress of 101":       func(i *media.Item) { i.Progress = p(101) },
		"a creator who is not":  func(i *media.Item) { i.CreatorID = "missing" },
		"an unknown media type": func(i *media.Item) { i.Type = "image" },
	} {
		item := full(t)
		change(&item)
		b := &pgx.Batch{}
		if err := postgres.QueueSave(b, []media.Item{item}); err != nil {
			t.Fatal(err)
		}
		if err := pool.SendBatch(t.Context(), b).Close(); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
}

func TestTheLongestSilentJobsAreFirst(t *testing.T) {
	t.Parallel()
	pool := open(t)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var ids []string
	for n, change := range []func(*media.Item){
		func(i *media.Item) { i.SeenAt = p(now.Add(-time.Hour)) },
		func(i *media.Item) { i.SeenAt = p(now.Add(-3 * time.Hour)) },
		func(i *media.Item) { i.SeenAt = p(now) },
		func(i *media.Item) { i.SeenAt, i.DeletedAt = p(now.Add(-time.Hour)), &now },
		func(i *media.Item) { i.SeenAt, i.Status = p(now.Add(-time.Hour)), media.Failed },
	} {
		item := full(t)
		item.DeletedAt, item.JobID = nil, string(rune('a'+n))
		change(&item)
		ids = append(ids, item.ID)
		save(t, pool, item)
	}
	silent, err := postgres.SilentJobs(t.Context(), pool, now.Add(-time.Minute), 10)
	if err != nil || len(silent) != 2 || silent[0].MediaID != ids[1] || silent[0].JobID != "b" ||
		silent[1].MediaID != ids[0] {
		t.Errorf("silent %+v, %v", silent, err)
	}
	if silent, _ := postgres.SilentJobs(t.Context(), pool, now.Add(-time.Minute), 1); len(silent) != 1 {
		t.Errorf("limit ignored: %+v", silent)
	}

	// One waits in the queue: it is silent as long as no worker lives.
	enqueue(t, pool, ids[1], "b")
	if silent, _ := postgres.SilentJobs(t.Context(), pool, now.Add(-time.Minute), 10); len(silent) != 2 {
		t.Errorf("without a worker silent %+v", silent)
	}
	enqueue(t, pool, ids[2], "c")
	claim := postgres.WantedJob{JobID: "c", Lease: time.Hour}
	if _, found, err := postgres.ClaimJob(t.Context(), pool, claim); err != nil || !found {
		t.Fatal(found, err)
	}
	silent, err = postgres.SilentJobs(t.Context(), pool, now.Add(-time.Minute), 10)
	if err != nil || len(silent) != 1 || silent[0].MediaID != ids[0] {
		t.Errorf("while the workers are busy silent %+v, %v", silent, err)
	}
}
