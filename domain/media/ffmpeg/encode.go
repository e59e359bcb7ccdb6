package ffmpeg

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// encode encodes the renditions that are missing, stage by stage.
func (c *conversion) encode(ctx context.Context) error {
	start, end := 3.0, 90.0
	if c.info.Kind == Audio {
		start, end = 12, 95
	}
	stages := c.stages()
	if len(stages) == 0 {
		stages = append(stages, nil) // everything was kept but the extra outputs
	}
	all, done := workOf(c.ladder), workOf(c.ladder)
	for _, stage := range stages {
		done -= workOf(stage)
	}
	for i, stage := range stages {
		from := start + (end-start)*done/all
		done += workOf(stage)
		if err := c.encodeStage(ctx, stage, int(from), int(start+(end-start)*done/all)); err != nil {
			return err
		}
		if err := c.finished(stage); err != nil {
			return err
		}
		if i == 0 && len(stages) > 1 {
			if err := c.playable(); err != nil {
				return err
			}
		}
	}
	return nil
}

// encodeStage encodes renditions, while the progress goes from one per cent to another. Picture and
// sound are two processes at once: sound needs its loudness first, and leaves most of a core idle. The
// first stage makes the extra outputs as well.
func (c *conversion) encodeStage(ctx context.Context, stage []rendition, from, to int) error {
	var pictures, sounds []rendition
	for _, r := range stage {
		if r.isPicture() {
			pictures = append(pictures, r)
		} else {
			sounds = append(sounds, r)
		}
	}
	if err := c.lendOutputs(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if !c.made {
		group.Go(func() error { return c.readTracks(ctx) })
	}
	if c.info.HasAudio && !c.made {
		c.report(Measuring, 2, 3, 1)
		group.Go(func() error { return c.encodeSound(ctx, sounds, from, to) })
	}
	if c.info.Kind == Video {
		group.Go(func() error { return c.encodePictures(ctx, pictures, from, to) })
	}
	err := group.Wait()
	c.made = true
	return err
}

// encodePictures runs a pass over the picture. The first one makes the extra outputs as well.
func (c *conversion) encodePictures(ctx context.Context, pictures []rendition, from, to int) error {
	var extras []extra
	bytes := largestOutput(pictures, c.info.DurationSeconds)
	if !c.made {
		extras = c.extras()
		bytes = max(bytes, largestOutput([]rendition{trickRendition(c.info)}, c.info.DurationSeconds))
	}
	done := &progress{report: c.reporter(Encoding, from, to, c.info.DurationSeconds)}
	messages := &tail{}
	err := c.run(ctx, invocation{
		program:   c.FFmpeg,
		input:     c.input,
		dir:       c.out,
		stdout:    done,
		stderr:    messages,
		args:      c.passOverPicture(c.info, pictures, extras),
		fileBytes: bytes,
		seconds:   c.info.DurationSeconds,
	})
	if err == nil && done.frames == 0 {
		return reject(Undecodable, messages.String())
	}
	return err
}

// extras are the outputs that the first pass over the picture makes beside its renditions.
func (c *conversion) extras() []extra {
	return []extra{c.info.stills(), c.info.trickPlay(c.Threads)}
}

// encodeSound encodes sound. For a video it measures the loudness first, and makes the sound of the
// preview as well.
func (c *conversion) encodeSound(ctx context.Context, sounds []rendition, from, to int) error {
	if c.info.Kind == Audio && len(sounds) == 0 {
		return nil // everything was kept
	}
	done := &progress{}
	part := interval{}
	if c.info.Kind == Video {
		part = c.info.previewInterval()
	} else {
		done.report = c.reporter(Encoding, from, to, c.info.DurationSeconds)
	}
	gains, err := c.soundGains(ctx)
	if err != nil {
		return err
	}
	err = c.run(ctx, invocation{
		program:   c.FFmpeg,
		input:     c.input,
		dir:       c.out,
		stdout:    done,
		args:      c.passOverSound(c.info, sounds, gains, part),
		fileBytes: largestOutput(sounds, c.info.DurationSeconds),
		seconds:   c.info.DurationSeconds,
	})
	if err != nil {
		return err
	}
	// What has packets may still not be decodable to its end.
	if c.info.Kind == Audio && done.seconds < 0.99*c.info.DurationSeconds-1 {
		return reject(Incomplete, fmt.Sprintf("%.1f of %.1f s", done.seconds, c.info.DurationSeconds))
	}
	return nil
}

// soundGains returns the gain of each sound track in dB. Those of a video are measured here; audio was
// measured before.
func (c *conversion) soundGains(ctx context.Context) ([]float64, error) {
	if c.info.Kind == Audio {
		return []float64{c.result.Loudness.gain()}, nil
	}
	measured, err := c.measureTracks(ctx, c)
	if err != nil {
		return nil, err
	}
	var gains []float64
	for _, l := range measured {
		gains = append(gains, l.gain())
	}
	c.result.Loudness = measured[0]
	return gains, nil
}
