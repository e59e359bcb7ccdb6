package cleanup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// removeObjectsOfDeleted removes the objects of deleted media items, and the outputs that a
// transcoding job delivers for one afterwards. store holds originals, renditions, posters
// and waveforms; assets holds thumbnails.
//
// It writes nothing to Postgres and needs no inbox mark; while the store is unavailable
// its events are redelivered.
func removeObjectsOfDeleted(store, assets *s3.Bucket) reactions.Process {
	return reactions.Process{
		Name:    "media_sweep",
		Durable: "media_sweep",
		Events:  []string{events.MediaDeleted{}.EventType(), events.MediaOutputsDiscarded{}.EventType()},
		Workers: 2,
		Timeout: removeTimeout,
		Handle: func(ctx context.Context, _ events.Event, p events.Payload) error {
			prefixes, ok := prefixesOf(p)
			if !ok {
				return nil
			}
			return removeObjects(ctx, store, assets, prefixes)
		},
	}
}

// removeTimeout is enough to list and delete thousands of objects.
const removeTimeout = 5 * time.Minute

func prefixesOf(p events.Payload) (prefixes media.Prefixes, ok bool) {
	switch p := p.(type) {
	case *events.MediaDeleted:
		return media.PrefixesOf(p.CreatorID, p.MediaID), true
	case *events.MediaOutputsDiscarded:
		return media.PrefixesOf(p.CreatorID, p.MediaID), true
	default:
		return prefixes, false
	}
}

// removeObjects removes the objects of one item, as many as possible when some fail.
func removeObjects(ctx context.Context, store, assets *s3.Bucket, p media.Prefixes) error {
	// Uploads first: one that is being completed has made its object before the objects are
	// listed.
	_, errs := store.AbortUploads(ctx, p.Originals, time.Time{})
	_, err := assets.DeletePrefix(ctx, p.MediaThumbnails)
	errs = errors.Join(errs, err)
	for _, prefix := range []string{p.Originals, p.HLS, p.Thumbnails, p.Waveforms} {
		_, err := store.DeletePrefix(ctx, prefix)
		errs = errors.Join(errs, err)
	}
	if errs != nil {
		return fmt.Errorf("remove the objects of a media item: %w", errs)
	}
	return nil
}
