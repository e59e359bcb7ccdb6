package main

import (
	"context"
	"errors"
	"fmt"

	mediastore "github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/migrations"
)

// checks are what /health asks, besides whether the database takes writes. It is stricter
// than /readyz, by which balancers choose: what works less than fully is unhealthy.
func (p *platform) checks() ([]edge.Check, error) {
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	bucket := store.Bucket(p.cfg.S3BucketMedia)
	return []edge.Check{
		{Name: "schema", Ask: p.checkSchema},
		{Name: "bus", Ask: p.checkBus},
		{Name: "storage", Ask: func(ctx context.Context) error {
			_, err := bucket.Head(ctx, "health")
			if errors.Is(err, mediastore.ErrNotFound) {
				return nil // it answered
			}
			return err
		}},
		{Name: "process", Ask: func(context.Context) error {
			if p.ready.stopping.Load() {
				return edge.Reason("stopping")
			}
			return nil
		}},
	}, nil
}

// checkSchema returns nil when the schema is this program's.
func (p *platform) checkSchema(ctx context.Context) error {
	version, err := migrations.Version(ctx, p.pool)
	switch newest := migrations.Newest(); {
	case err != nil:
		return err
	case version < newest:
		return edge.Reason(fmt.Sprintf("version %d is older than this program's %d: migrate", version, newest))
	case version > newest:
		return edge.Reason(fmt.Sprintf("version %d is newer than this program's %d: deploy the newer one", version, newest))
	default:
		return nil
	}
}

// checkBus returns nil when the bus stores what is published.
func (p *platform) checkBus(ctx context.Context) error {
	if err := p.ready.link.err(p.conn); err != nil {
		return fmt.Errorf("%w: %w", edge.Reason("not connected"), err)
	}
	if err := bus.CheckStore(ctx, p.conn, p.limits); err != nil {
		return fmt.Errorf("%w: %w", edge.Reason("does not store"), err)
	}
	return nil
}
