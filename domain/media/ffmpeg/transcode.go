package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Transcode probes the input and makes all outputs. It returns a *RejectError when the file is at
// fault; then the caller removes what is in OutDir.
func (t *Tool) Transcode(ctx context.Context, job Job) (Result, error) {
	input, err := os.Open(job.Input)
	if err != nil {
		return Result{}, fmt.Errorf("transcode: %w", err)
	}
	defer input.Close()
	c := &conversion{
		Tool:       t,
		input:      input,
		out:        job.OutDir,
		percent:    -1,
		notify:     job.Progress,
		onFinished: job.Finished,
		onPlayable: job.Playable,
	}
	err = c.convert(ctx, job)
	if err = errors.Join(err, c.reclaimOutputs()); err != nil {
		return Result{}, fmt.Errorf("transcode: %w", err)
	}
	return c.result, nil
}

// conversion is the state of one call of Transcode.
type conversion struct {
	*Tool
	input  *os.File
	out    string
	info   Info
	ladder []rendition
	kept   []string // names of renditions that need not be encoded
	wave   waveform
	result Result
	// chapters are those of the source.
	chapters []chapter
	hasCover bool

	// made says that the stage with the extra outputs is done.
	made bool
	lent bool

	reporting  sync.Mutex
	step       Step
	percent    int
	notify     func(Step, int)
	onFinished func(Rendition) error
	onPlayable func(Playable) error
}

func (c *conversion) convert(ctx context.Context, job Job) error {
	if err := c.examine(ctx, job); err != nil {
		return err
	}
	if c.info.Kind == Audio {
		if err := c.measure(ctx); err != nil {
			return err
		}
	}
	if err := c.keep(job.Kept); err != nil {
		return err
	}
	if err := c.prepareOutputs(); err != nil {
		return err
	}
	if err := c.encode(ctx); err != nil {
		return err
	}
	if err := c.makeSideOutputs(ctx); err != nil {
		return err
	}
	if err := c.checkSideOutputs(); err != nil {
		return err
	}
	return c.finalize()
}

// examine probes the source and plans the renditions.
func (c *conversion) examine(ctx context.Context, job Job) (err error) {
	c.report(Probing, 0, 0, 0)
	if c.info, err = c.describeInput(ctx, c.input, job.MIME); err != nil {
		return err
	}
	if err := c.readThrough(ctx); err != nil {
		return err
	}
	if err := c.checkTones(c.info); err != nil {
		return err
	}
	c.ladder = c.planLadder(c.info)
	c.result.Info = c.info
	if job.Planned != nil {
		return job.Planned(c.plan())
	}
	return nil
}

// readThrough surveys the source and looks for interlacing at the same time: one reads all packets, the
// other decodes some.
func (c *conversion) readThrough(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	surveyed, looked := c.info, c.info
	both.Go(func() (err error) {
		declared := c.reporter(Probing, 0, 2, max(c.info.DurationSeconds, 1))
		surveyed, err = c.survey(ctx, c.input, surveyed, declared)
		return err
	})
	if c.info.Kind == Video {
		both.Go(func() error { return c.detectInterlacing(ctx, c.input, &looked) })
	}
	if err := both.Wait(); err != nil {
		return err
	}
	surveyed.interlaced = looked.interlaced
	c.info = surveyed
	return nil
}

// measure measures the loudness of audio, and its waveform in the same pass.
func (c *conversion) measure(ctx context.Context) (err error) {
	c.wave.report = c.reporter(Measuring, 2, 12, c.info.DurationSeconds)
	c.result.Loudness, err = c.analyse(ctx, c.input, c.info, &c.wave)
	return err
}

// report reports the progress of a step: share, 0 to 1, of the way between two percentages.
func (c *conversion) report(step Step, from, to int, share float64) {
	c.reporting.Lock()
	defer c.reporting.Unlock()
	percent := max(c.percent, from+int(float64(to-from)*min(max(share, 0), 1)))
	if c.notify != nil && (percent != c.percent || step != c.step) {
		c.notify(step, percent)
	}
	c.step, c.percent = step, percent
}

// reporter starts a step and returns a function that reports its progress by seconds of output.
func (c *conversion) reporter(step Step, from, to int, total float64) func(seconds float64) {
	c.report(step, from, to, 0)
	return func(seconds float64) { c.report(step, from, to, seconds/total) }
}
