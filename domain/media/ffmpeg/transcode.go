package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Step is a part of a job, in the spelling of the platform's progress callback.
type Step string

// The steps in their order; a job has only those that its type of media needs.
const (
	Probing    Step = "probing"
	Measuring  Step = "loudness"
	Encoding   Step = "encoding_variants"
	Previewing Step = "preview"
	Thumbnails Step = "thumbnails"
	Waveform   Step = "waveform"
	Finalizing Step = "finalizing"
)

// Job is one file to convert.
type Job struct {
	Input  string // path of the original, a regular file; as root its group and mode may be changed
	MIME   string // declared type, one of the allowed ones
	OutDir string // created when missing; must be empty but for Kept; belongs to the job

	// Kept are renditions of an earlier call for the same source whose files are in OutDir. Those that
	// this call would make alike are not encoded again, and the others are removed. Optional.
	Kept []Rendition
	// Planned is called before anything is encoded; its error ends the call. Optional.
	Planned func(Plan) error
	// Finished is called with each rendition that is complete; its error ends the call. The last
	// ones are reported before the call returns. Optional.
	Finished func(Rendition) error
	// Playable is called when a video can be watched: one picture and all sound have been reported by
	// Finished, and more pictures are still to be encoded. Its error ends the call. Optional.
	Playable func(Playable) error
	// Progress is called for every step and every per cent of the whole job, never concurrently.
	// It must not block. Optional.
	Progress func(step Step, percent int)
}

// Playable is the part of the outputs that is there before the others.
type Playable struct {
	Info // of the source
	// Master is a master playlist of the renditions that are there, relative to OutDir. The final one has
	// another name.
	Master string
	// ReadyVariants are as in [Result].
	ReadyVariants []string
}

// File is one output.
type File struct {
	Rel         string // slash-separated path below OutDir
	ContentType string
	Size        int64 // bytes
}

// Result describes the outputs. Paths are relative to OutDir, with slashes; those that the kind of
// media does not have are empty.
type Result struct {
	Info // of the source, with DurationSeconds as converted

	Master        string            // master playlist
	Preview       string            // video: playlist of the free preview
	Poster        string            // video, and audio that carries a picture
	Thumbnails    map[string]string // with a poster: sm, md, lg → path
	Storyboard    *Storyboard       // video
	Waveform      string            // audio: JSON, ten points a second
	WaveformShort string            // audio: JSON, at most 1800 points
	WaveformImage string            // audio: PNG 1800×140
	Audio         string            // the sound in one M4A file; empty without sound

	// ReadyVariants are the sizes of the picture, the best first: "2160p" … "240p" or "source"; "audio"
	// for audio, whose renditions 128k and 64k are in the master playlist.
	ReadyVariants []string

	Loudness *Loudness // of the source; nil without sound or for silence

	Captions []CaptionTrack // subtitles of the source that are text
	Chapters string         // of the source: JSON as in Podcasting 2.0
	Notes    []Note         // what of the source was left out

	// Files are all outputs in the order of their upload: the master playlist last.
	Files []File
}

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
	if c.info.Kind == Video {
		if err := c.preview(ctx); err != nil {
			return err
		}
		if err := c.pictures(ctx); err != nil {
			return err
		}
		if err := c.storyboard(ctx); err != nil {
			return err
		}
	} else if err := c.cover(ctx); err != nil {
		return err
	}
	if err := c.writeAudioFile(ctx); err != nil {
		return err
	}
	// The programs have finished: the directory is reclaimed before its content is trusted.
	if err := c.reclaimOutputs(); err != nil {
		return err
	}
	if err := errors.Join(c.tidyCaptions(), c.writeChapters(), c.checkStoryboard(), c.checkCover()); err != nil {
		return err
	}
	if c.info.Kind == Audio {
		if err := c.drawWaveform(); err != nil {
			return err
		}
	}
	return c.finalize()
}

// examine probes the source and plans the renditions.
func (c *conversion) examine(ctx context.Context, job Job) (err error) {
	c.report(Probing, 0, 0, 0)
	if c.info, err = c.describeInput(ctx, c.input, job.MIME); err != nil {
		return err
	}
	// Both read the file from its start, one with and one without decoding.
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

// prepareOutputs makes the directories, since ffmpeg only writes files.
func (c *conversion) prepareOutputs() error {
	names := []string{"captions"}
	for _, r := range c.ladder {
		names = append(names, r.name)
	}
	if c.info.Kind == Video {
		names = append(names, previewName, trickName, "thumbnails", storyboardDir, scratch)
	}
	if c.info.cover != nil {
		names = append(names, "thumbnails")
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(c.out, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversion) lendOutputs() error {
	c.lent = true
	if err := c.confinement.lend(c.out); err != nil {
		return fmt.Errorf("give the output directory to ffmpeg: %w", err)
	}
	return nil
}

func (c *conversion) reclaimOutputs() error {
	if !c.lent {
		return nil
	}
	if err := c.confinement.reclaim(c.out); err != nil {
		return fmt.Errorf("take the output directory back: %w", err)
	}
	c.lent = false
	return nil
}

// measure measures the loudness of audio, and its waveform in the same pass.
func (c *conversion) measure(ctx context.Context) (err error) {
	c.wave.report = c.reporter(Measuring, 2, 12, c.info.DurationSeconds)
	c.result.Loudness, err = c.analyse(ctx, c.input, c.info, &c.wave)
	return err
}

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
	gains := []float64{c.result.Loudness.gain()}
	part := interval{}
	done := &progress{}
	if c.info.Kind == Video {
		measured, err := c.measureTracks(ctx, c)
		if err != nil {
			return err
		}
		gains = nil
		for _, l := range measured {
			gains = append(gains, l.gain())
		}
		c.result.Loudness = measured[0]
		part = c.info.previewInterval()
	} else {
		done.report = c.reporter(Encoding, from, to, c.info.DurationSeconds)
	}
	err := c.run(ctx, invocation{
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

// playable reports what can be watched before the other pictures are there.
func (c *conversion) playable() error {
	if c.onPlayable == nil {
		return nil
	}
	var there []rendition
	begin := first(c.ladder)
	for i, r := range c.ladder {
		if i == begin || !r.isPicture() {
			there = append(there, r)
		}
	}
	const master = "playable.m3u8"
	if err := c.writeMaster(master, there); err != nil {
		return err
	}
	if err := c.onPlayable(Playable{Info: c.info, Master: master, ReadyVariants: variantsOf(there)}); err != nil {
		return err
	}
	return os.Remove(filepath.Join(c.out, master))
}

// variantsOf returns the names of the pictures in H.264, which stand for their size.
func variantsOf(ladder []rendition) []string {
	var names []string
	for _, r := range ladder {
		if r.isPicture() && r.video.codec == codecH264 {
			names = append(names, r.name)
		}
	}
	return names
}

// finishTrickPlay completes the playlist of I-frames.
func (c *conversion) finishTrickPlay() error {
	r := trickRendition(c.info)
	list, err := readRendition(c.out, r)
	if err != nil {
		return err
	}
	list.iFrames = true
	list.stretch(c.info.DurationSeconds)
	return list.write(c.out, r)
}

// finalize checks every playlist against its file and writes the master playlist.
func (c *conversion) finalize() error {
	c.report(Finalizing, 98, 98, 0)
	if c.info.Kind == Audio {
		c.result.ReadyVariants = []string{"audio"}
		if c.hasCover {
			c.namePictures()
		}
	} else {
		c.result.ReadyVariants = variantsOf(c.ladder)
		if err := c.finishVideo(); err != nil {
			return err
		}
	}
	list, err := readRendition(c.out, c.ladder[0])
	if err != nil {
		return err
	}
	c.result.DurationSeconds = list.seconds()
	c.result.Master = "master.m3u8"
	if err := c.writeMaster(c.result.Master, c.ladder); err != nil {
		return err
	}
	if c.result.Files, err = c.list(); err != nil {
		return err
	}
	c.report(Finalizing, 100, 100, 0)
	return nil
}

// finishVideo completes what a video has beside its renditions.
func (c *conversion) finishVideo() error {
	if err := c.finishTrickPlay(); err != nil {
		return err
	}
	preview := c.previewRendition()
	list, err := readRendition(c.out, preview)
	if err != nil {
		return err
	}
	if err := list.write(c.out, preview); err != nil {
		return err
	}
	c.result.Preview = path.Join(preview.name, preview.playlist)
	c.namePictures()
	return os.RemoveAll(filepath.Join(c.out, scratch))
}

// namePictures says where poster and thumbnails are.
func (c *conversion) namePictures() {
	c.result.Poster = posterFile
	c.result.Thumbnails = map[string]string{}
	for _, thumbnail := range thumbnails {
		c.result.Thumbnails[thumbnail.name] = thumbnailFile(thumbnail.name)
	}
}

// list returns the outputs. Everything must be a regular, non-empty file of a known type: a
// subverted ffmpeg could have left a link to another file.
func (c *conversion) list() ([]File, error) {
	var files []File
	var master File
	err := filepath.WalkDir(c.out, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		stat, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(c.out, name)
		if err != nil {
			return err
		}
		file := File{Rel: filepath.ToSlash(rel), ContentType: c.contentType(rel), Size: stat.Size()}
		if !stat.Mode().IsRegular() || file.ContentType == "" || file.Size == 0 {
			return fmt.Errorf("unexpected output %q", rel)
		}
		if file.Rel == c.result.Master {
			master = file
		} else {
			files = append(files, file)
		}
		return nil
	})
	return append(files, master), err
}

func (c *conversion) contentType(name string) string {
	switch filepath.Ext(name) {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".mp4":
		return string(c.info.Kind) + "/mp4"
	case ".m4a":
		return audioFileType
	case ".jpg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".png":
		return "image/png"
	case ".json":
		return "application/json"
	case ".vtt":
		return "text/vtt"
	}
	return ""
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
