package main

import (
	"context"
	"time"

	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/transcoder"
	"github.com/codex-platform/codex/outbox"
)

// edge serves the routes of all modules.
func (p *platform) edge(modules []handlers.Module) (func(context.Context) error, error) {
	workers, err := p.workerKeys()
	if err != nil {
		return nil, err
	}
	proxies, err := p.cfg.proxies()
	if err != nil {
		return nil, err
	}
	checks, err := p.checks()
	if err != nil {
		return nil, err
	}
	e, err := edge.New(edge.Config{
		Pool:           p.pool,
		Dispatcher:     p.dispatcher,
		PublicURL:      p.cfg.PublicURL,
		Development:    p.cfg.development(),
		Workers:        workers,
		WebOrigins:     p.cfg.webOrigins(),
		OwnOrigins:     ownOrigins(p.compatServices()),
		TrustedProxies: proxies,
		LimitFactor:    p.cfg.LimitFactor,
		Checks:         checks,
		Resources:      collect(modules, func(m handlers.Module) []edge.Resource { return m.Resources }),
		Telemetry:      exportsTelemetry(),
		Now:            time.Now,
		Log:            p.log,
	}, collect(modules, func(m handlers.Module) []edge.Route { return m.Routes }))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return p.serveEdge(ctx, e) }, nil
}

// workerKeys returns the keys of the requests that other programs sign; without a secret
// there are none, and the edge rejects such requests.
func (p *platform) workerKeys() (*workersig.Keys, error) {
	secrets := several(p.cfg.WorkerSecret)
	if len(secrets) == 0 {
		return nil, nil
	}
	return workersig.NewKeys(byteSlices(secrets)...)
}

// commands applies the commands of all modules and runs their jobs.
func (p *platform) commands(modules []handlers.Module) (func(context.Context) error, error) {
	runner := commands.NewRunner(
		commands.Config{
			Pool:       p.batchPool,
			Conn:       p.conn,
			Keys:       p.commandKeys,
			Partitions: p.cfg.Partitions,
			Limits:     p.limits,
			Log:        p.log,
		},
		collect(modules, func(m handlers.Module) []commands.Context { return m.Commands }),
		collect(modules, func(m handlers.Module) []commands.External { return m.External }),
	)
	return func(ctx context.Context) error { return together(ctx, runner.Run, p.runJobs(modules)) }, nil
}

// relay publishes the outbox.
func (p *platform) relay([]handlers.Module) (func(context.Context) error, error) {
	relay, err := outbox.NewRelay(outbox.RelayConfig{
		DatabaseURL: p.cfg.DatabaseURL,
		Conn:        p.conn,
		Keys:        p.eventKeys,
		Limits:      p.limits,
		Log:         p.log,
	})
	if err != nil {
		return nil, err
	}
	return relay.Run, nil
}

// reactions runs the projections and processes of all modules.
func (p *platform) reactions(modules []handlers.Module) (func(context.Context) error, error) {
	runner := reactions.New(
		reactions.Config{
			Pool:   p.pool,
			Conn:   p.conn,
			Keys:   p.eventKeys,
			Limits: p.limits,
			Now:    time.Now,
			Log:    p.log,
		},
		collect(modules, func(m handlers.Module) []reactions.Projection { return m.Projections }),
		collect(modules, func(m handlers.Module) []reactions.Process { return m.Processes }),
	)
	return runner.Run, nil
}

// transcoder runs the built-in transcoder. Its callbacks take the public way, as an
// external transcoder's would.
func (p *platform) transcoder([]handlers.Module) (func(context.Context) error, error) {
	tool, err := ffmpeg.New(ffmpeg.Config{
		LongSource:    p.cfg.TranscoderLong,
		Encoder:       p.cfg.VideoEncoder,
		ExtraEncoders: several(p.cfg.VideoExtra),
		MaxHeight:     p.cfg.VideoHeight,
		Logger:        p.log,
	})
	if err != nil {
		return nil, err
	}
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	worker, err := transcoder.New(transcoder.Config{
		DB:          p.pool,
		Media:       store.Bucket(p.cfg.S3BucketMedia),
		Assets:      store.Bucket(p.cfg.S3BucketAssets),
		Tool:        tool,
		CallbackURL: p.cfg.PublicURL + "/api/transcoding/webhook",
		Secret:      []byte(several(p.cfg.TranscoderSecret)[0]),
		Dir:         p.workDir,
		Workers:     p.cfg.TranscoderWorkers,
		SpaceLimit:  p.cfg.TranscoderSpace,
		LongAfter:   p.cfg.TranscoderLong,
		Now:         time.Now,
		Log:         p.log,
	})
	if err != nil {
		return nil, err
	}
	return worker.Run, nil
}
