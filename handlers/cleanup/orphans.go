package cleanup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
)

// orphans searches for objects whose media item does not exist, and removes them.
type orphans struct {
	cfg Config
}

const (
	// minAge is how old an orphan must be to be removed: longer than an upload or a
	// transcoding job takes between its object and its row.
	minAge = 24 * time.Hour
	// searchEvery is the interval of searches that nothing scheduled.
	searchEvery = 24 * time.Hour
	// searchTimeout limits a search in the background.
	searchTimeout = time.Hour
	// lostAfter is when a search without an end counts as crashed.
	lostAfter = 2 * searchTimeout
	// runRetention is how long searches are kept.
	runRetention = 14 * 24 * time.Hour
	// chunk is how many objects are compared with the items at once.
	chunk = 1000
	// uploadMaxAge is the age at which the store's uploads are aborted whether or not a row
	// knows them.
	uploadMaxAge = media.PartsLife + 24*time.Hour
)

// runDue runs a search when one is scheduled, when the last one was a day ago, or when it
// was not complete.
func (o *orphans) runDue(ctx context.Context) (removed int, err error) {
	s, err := o.claim(ctx)
	if err != nil || s == nil {
		return 0, err
	}
	err = o.run(ctx, s)
	return int(s.Removed), err
}

// trigger runs a search now and returns what it did.
func (o *orphans) trigger(ctx context.Context) (OrphanRun, error) {
	s, err := o.start(ctx, o.cfg.Pool)
	if err != nil {
		return OrphanRun{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.cfg.TriggerTimeout)
	defer cancel()
	err = o.run(ctx, s)
	return s.OrphanRun, err
}

// search is one search for orphans and the position from which it continues: the name of
// the bucket and the last key.
type search struct {
	OrphanRun
	bucket, after string
}

// The names of the buckets in the database, in the order in which they are searched.
const (
	bucketMedia  = "media"
	bucketAssets = "assets"
)

// run searches both buckets until ctx ends and stores what it did.
func (o *orphans) run(ctx context.Context, s *search) error {
	err := o.searchAll(ctx, s)
	s.Complete = err == nil
	s.Failed = err != nil && ctx.Err() == nil // a timeout is not a failure: the next search continues
	if s.Failed {
		o.cfg.Log.WarnContext(ctx, "search for orphaned objects failed", "run", s.ID, "error", err)
	}

	finished := o.cfg.Now().UTC().Truncate(time.Microsecond)
	s.FinishedAt = &finished
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := o.finish(ctx, s); err != nil {
		return err
	}
	o.cfg.Log.InfoContext(ctx, "searched for orphaned objects",
		"scanned", s.Scanned, "removed", s.Removed, "complete", s.Complete)
	return nil
}

// searchAll searches the buckets from the position of s on, and aborts old uploads.
func (o *orphans) searchAll(ctx context.Context, s *search) error {
	var errs error
	for _, name := range []string{bucketMedia, bucketAssets} {
		bucket := o.cfg.Media
		if name == bucketAssets {
			bucket = o.cfg.Assets
		}
		if s.bucket == bucketAssets && name == bucketMedia {
			continue // the search before this one has finished it
		}
		if s.bucket != name {
			s.bucket, s.after = name, ""
		}
		errs = errors.Join(errs, o.searchBucket(ctx, s, bucket))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}

	aborted, err := o.cfg.Media.AbortUploads(ctx, "", o.cfg.Now().Add(-uploadMaxAge))
	s.AbortedUploads = int64(aborted)
	if errs = errors.Join(errs, err); errs == nil {
		s.bucket, s.after = "", ""
	}
	return errs
}

// searchBucket lists one bucket in chunks. The position advances after each chunk.
func (o *orphans) searchBucket(ctx context.Context, s *search, bucket *s3.Bucket) error {
	oldest := o.cfg.Now().Add(-minAge)
	var candidates []candidate
	listed, last := 0, s.after
	flush := func() error {
		if err := o.removeOrphans(ctx, s, bucket, candidates); err != nil {
			return err
		}
		s.Scanned += int64(listed)
		s.after = last
		candidates, listed = candidates[:0], 0
		return nil
	}

	err := bucket.ListAfter(ctx, "", s.after, func(i s3.Info) error {
		listed++
		last = i.Key
		if c, ok := parseKey(i); ok && i.Modified.Before(oldest) {
			candidates = append(candidates, c)
		}
		if listed < chunk {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// candidate is an object whose key names a media item.
type candidate struct {
	s3.Info
	creator, item string
}

// mediaKey is the form of the keys that the platform gives to objects of media.
var mediaKey = regexp.MustCompile(
	`^([0-9A-Za-z]{32})/(?:originals|hls|thumbnails|waveforms|mezzanine|media-thumbnails)/([0-9a-f-]{36})/.+$`)

func parseKey(i s3.Info) (candidate, bool) {
	parts := mediaKey.FindStringSubmatch(i.Key)
	if parts == nil {
		return candidate{}, false
	}
	id, err := uuid.Parse(parts[2])
	if err != nil {
		return candidate{}, false
	}
	return candidate{Info: i, creator: parts[1], item: id.String()}, true
}

// removeOrphans removes the candidates that belong to no item.
func (o *orphans) removeOrphans(ctx context.Context, s *search, bucket *s3.Bucket, candidates []candidate) error {
	if len(candidates) == 0 {
		return ctx.Err()
	}
	var ids, keys []string
	for _, c := range candidates {
		ids = append(ids, c.item)
		keys = append(keys, c.Key)
	}
	pairs, originals, err := postgres.Owned(ctx, o.cfg.Pool, ids, keys)
	if err != nil {
		return err
	}

	for _, c := range candidates {
		if pairs[c.creator+"/"+c.item] || originals[c.Key] {
			continue
		}
		s.Orphans++
		if err := bucket.Delete(ctx, c.Key); err != nil {
			return fmt.Errorf("remove an orphaned object: %w", err)
		}
		s.Removed++
		s.RemovedBytes += c.Size
		o.cfg.Log.InfoContext(ctx, "orphaned object removed", "bucket", bucket.Name(), "key", strings.ToValidUTF8(c.Key, "?"))
	}
	return nil
}
