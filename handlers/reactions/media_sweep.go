package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// PrefixRemover removes every object below a prefix of one bucket.
type PrefixRemover interface {
	DeletePrefix(ctx context.Context, prefix string) (int, error)
}

// OriginalsRemover also ends the uploads in parts that are open below a prefix. A
// zero time means all of them.
type OriginalsRemover interface {
	PrefixRemover
	AbortUploads(ctx context.Context, prefix string, before time.Time) (int, error)
}

// MediaSweep removes the objects of deleted media items, and what a late job
// delivers for one.
//
// It is not a [Reaction]: it changes nothing in Postgres, so it needs no inbox mark,
// and a transaction must not stay open while an object store is slow. Nothing is
// ever given up: while the store is away the events keep coming back, at last once
// a minute.
type MediaSweep struct {
	Conn   *nats.Conn
	Limits bus.StreamLimits
	// Media holds originals, renditions, posters and waveforms; Assets thumbnails.
	Media  OriginalsRemover
	Assets PrefixRemover
	Log    *slog.Logger
}

// Run sweeps until ctx is done.
func (s *MediaSweep) Run(ctx context.Context) error {
	return bus.WorkEvents(ctx, s.Conn, bus.EventQueue{
		Durable: "media_sweep",
		Types:   []string{events.MediaDeleted{}.EventType(), events.MediaOutputsDiscarded{}.EventType()},
		Workers: 2, Limits: s.Limits, Log: s.Log,
	}, s.Handle)
}

// Handle removes the objects of one item. A prefix that cannot be removed does not
// keep the others from being removed.
func (s *MediaSweep) Handle(ctx context.Context, e events.Event) error {
	payload, err := e.Decode()
	if err != nil {
		s.Log.ErrorContext(ctx, "deletion passed over, its event cannot be read", "event", e.ID, "error", err)
		return nil
	}
	var p media.Prefixes
	switch deleted := payload.(type) {
	case *events.MediaDeleted:
		p = media.PrefixesOf(deleted.CreatorID, deleted.MediaID)
	case *events.MediaOutputsDiscarded:
		p = media.PrefixesOf(deleted.CreatorID, deleted.MediaID)
	default:
		return nil
	}
	// Uploads first: one that is completed at this moment has left its object behind
	// by the time the objects are removed.
	_, failed := s.Media.AbortUploads(ctx, p.Originals, time.Time{})
	_, err = s.Assets.DeletePrefix(ctx, p.MediaThumbnails)
	failed = errors.Join(failed, err)
	for _, prefix := range []string{p.Originals, p.HLS, p.Thumbnails, p.Waveforms} {
		_, err := s.Media.DeletePrefix(ctx, prefix)
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return fmt.Errorf("remove the objects of a media item: %w", failed)
	}
	return nil
}
