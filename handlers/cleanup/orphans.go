package cleanup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
)

// Orphans searches for objects of items that are not there, and removes them. It implements the edge's OrphanCleanup.
type Orphans struct {
	Pool *pgxpool.Pool
	// Media holds originals, renditions, posters and waveforms; Assets thumbnails.
	Media, Assets *s3.Bucket
	// MinAge is how old an orphan must be to be removed; default 24 h. It must be longer than an upload or the delivery of
	// a job may take.
	MinAge time.Duration
	// Every is the time between two runs that nobody asked for; default 24 h.
	Every time.Duration
	// Within bounds a run that is waited for; default 20 s.
	Within time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const (
	defaultMinAge = 24 * time.Hour
	defaultEvery  = 24 * time.Hour
	defaultWithin = 20 * time.Second
	// runWithin bounds a run in the background.
	runWithin = time.Hour
	// staleRun is after how long a run without an end is taken for dead.
	staleRun = 2 * runWithin
	// chunk is how many keys are looked up at once.
	chunk = 1000
	// uploadsKept is how much longer than an upload may be open the store may keep one that no row knows.
	uploadsKept = media.PartsLife + 24*time.Hour
)

// RunDue runs a search if one was asked for, or if the last one is long ago or did not see everything.
func (o *Orphans) RunDue(ctx context.Context) (removed int, err error) {
	run, due, err := o.claim(ctx)
	if err != nil || !due {
		return 0, err
	}
	done, err := o.run(ctx, run)
	return int(done.Removed), err
}

// Trigger runs a search now and returns what it did.
func (o *Orphans) Trigger(ctx context.Context) (OrphanRun, error) {
	run, err := o.begin(ctx)
	if err != nil {
		return OrphanRun{}, err
	}
	limit, cancel := context.WithTimeout(ctx, cmp.Or(o.Within, defaultWithin))
	defer cancel()
	return o.run(limit, run)
}

// search is one run: what it found, and from where it goes on.
type search struct {
	OrphanRun
	bucket, after string
}

// The names of the buckets in the table of runs, in the order in which they are searched.
const (
	inMedia  = "media"
	inAssets = "assets"
)

// run searches both buckets until ctx ends and writes down what it did.
func (o *Orphans) run(ctx context.Context, r *search) (OrphanRun, error) {
	err := o.searchAll(ctx, r)
	// A run whose time is over is not a failure: the next one goes on.
	r.Failed = err != nil && ctx.Err() == nil
	r.Complete = err == nil
	if r.Failed {
		o.Log.WarnContext(ctx, "search for orphaned objects failed", "run", r.ID, "error", err)
	}
	finished := o.Now().UTC().Truncate(time.Microsecond)
	r.FinishedAt = &finished
	save, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := o.finish(save, r); err != nil {
		return r.OrphanRun, err
	}
	o.Log.InfoContext(save, "searched for orphaned objects", "scanned", r.Scanned, "removed", r.Removed, "complete", r.Complete)
	return r.OrphanRun, nil
}

func (o *Orphans) searchAll(ctx context.Context, r *search) error {
	var failed error
	for _, bucket := range []string{inMedia, inAssets} {
		if r.bucket == inAssets && bucket == inMedia {
			continue // the run before this one has seen it
		}
		if r.bucket != bucket {
			r.bucket, r.after = bucket, ""
		}
		failed = errors.Join(failed, o.search(ctx, r, o.bucket(bucket)))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	n, err := o.Media.AbortUploads(ctx, "", o.Now().Add(-uploadsKept))
	r.AbortedUploads = int64(n)
	if failed = errors.Join(failed, err); failed == nil {
		r.bucket, r.after = "", ""
	}
	return failed
}

func (o *Orphans) bucket(name string) *s3.Bucket {
	if name == inAssets {
		return o.Assets
	}
	return o.Media
}

// search goes through one bucket, chunk by chunk. It moves on only when a chunk is dealt with.
func (o *Orphans) search(ctx context.Context, r *search, bucket *s3.Bucket) error {
	old := o.Now().Add(-cmp.Or(o.MinAge, defaultMinAge))
	var candidates []candidate
	seen, last := 0, r.after
	flush := func() error {
		if err := o.remove(ctx, r, bucket, candidates); err != nil {
			return err
		}
		r.Scanned += int64(seen)
		candidates, seen, r.after = candidates[:0], 0, last
		return nil
	}
	err := bucket.ListAfter(ctx, "", r.after, func(i s3.Info) error {
		seen, last = seen+1, i.Key
		if found, ok := parse(i); ok && i.Modified.Before(old) {
			candidates = append(candidates, found)
		}
		if seen < chunk {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// candidate is an object that some item's key could name.
type candidate struct {
	s3.Info
	creator, item string
}

// form is that of the keys which this platform gives to objects of media.
var form = regexp.MustCompile(`^([0-9A-Za-z]{32})/(originals|hls|thumbnails|waveforms|mezzanine|media-thumbnails)/([0-9a-f-]{36})/.+$`)

func parse(i s3.Info) (candidate, bool) {
	parts := form.FindStringSubmatch(i.Key)
	if parts == nil {
		return candidate{}, false
	}
	id, err := uuid.Parse(parts[3])
	if err != nil {
		return candidate{}, false
	}
	return candidate{Info: i, creator: parts[1], item: id.String()}, true
}

// remove removes those candidates that no item owns.
func (o *Orphans) remove(ctx context.Context, r *search, bucket *s3.Bucket, candidates []candidate) error {
	if len(candidates) == 0 {
		return ctx.Err()
	}
	var ids, keys []string
	for _, c := range candidates {
		ids, keys = append(ids, c.item), append(keys, c.Key)
	}
	pairs, originals, err := postgres.Owned(ctx, o.Pool, ids, keys)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if pairs[c.creator+"/"+c.item] || originals[c.Key] {
			continue
		}
		r.Orphans++
		if err := bucket.Delete(ctx, c.Key); err != nil {
			return fmt.Errorf("remove an orphaned object: %w", err)
		}
		r.Removed++
		r.RemovedBytes += c.Size
		o.Log.InfoContext(ctx, "orphaned object removed", "bucket", bucket.Name(), "key", strings.ToValidUTF8(c.Key, "?"))
	}
	return nil
}
