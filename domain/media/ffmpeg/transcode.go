package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
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

const (
	previewSeconds = 30
	previewStart   = 0.1 // of the duration; poster and thumbnails show the same instant
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
	// Progress is called for every step and every per cent of the whole job, never concurrently.
	// It must not block. Optional.
	Progress func(step Step, percent int)
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
	Poster        string            // video
	Thumbnails    map[string]string // video: sm, md, lg → path
	Waveform      string            // audio: JSON
	WaveformImage string            // audio: PNG 1800×140

	// ReadyVariants are "1080p", "720p", "480p", "360p" or "source"; "audio" for audio, whose renditions 128k and 64k
	// are in the master playlist.
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

	lent       bool
	step       Step
	percent    int
	notify     func(Step, int)
	onFinished func(Rendition) error
}

func (c *conversion) convert(ctx context.Context, job Job) (err error) {
	c.report(Probing, 0, 0, 0)
	if c.info, err = c.probe(ctx, c.input, job.MIME); err != nil {
		return err
	}
	declared := c.reporter(Probing, 0, 2, max(c.info.DurationSeconds, 1))
	if c.info, err = c.survey(ctx, c.input, c.info, declared); err != nil {
		return err
	}
	if c.info.Kind == Video {
		if err := c.detectInterlacing(ctx, c.input, &c.info); err != nil {
			return err
		}
	}
	c.ladder = planLadder(c.info)
	c.result.Info = c.info
	if job.Planned != nil {
		if err := job.Planned(c.plan()); err != nil {
			return err
		}
	}
	if err := c.measure(ctx); err != nil {
		return err
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
		err = c.pictures(ctx)
	}
	if err != nil {
		return err
	}
	if err := c.readTracks(ctx); err != nil {
		return err
	}
	// The programs have finished: the directory is reclaimed before its content is trusted.
	if err := c.reclaimOutputs(); err != nil {
		return err
	}
	if err := errors.Join(c.tidyCaptions(), c.writeChapters()); err != nil {
		return err
	}
	if c.info.Kind == Audio {
		if err := c.drawWaveform(); err != nil {
			return err
		}
	}
	return c.finalize()
}

// prepareOutputs makes the directories, since ffmpeg only writes files.
func (c *conversion) prepareOutputs() error {
	names := []string{"captions"}
	for _, r := range c.ladder {
		names = append(names, r.name)
	}
	if c.info.Kind == Video {
		names = append(names, "preview", "thumbnails")
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(c.out, name), 0o700); err != nil {
			return err
		}
	}
	return c.lendOutputs()
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

// measure measures the loudness, and for audio the waveform in the same pass.
func (c *conversion) measure(ctx context.Context) (err error) {
	if !c.info.HasAudio {
		return nil
	}
	progress := c.reporter(Measuring, 2, 12, c.info.DurationSeconds)
	var pcm io.Writer
	if c.info.Kind == Audio {
		c.wave.report = progress
		pcm = &c.wave
	}
	c.result.Loudness, err = c.analyse(ctx, c.input, c.info, pcm, progress)
	return err
}

// encode encodes the renditions that are missing, stage by stage.
func (c *conversion) encode(ctx context.Context) error {
	const start = 12.0
	end := 75.0
	if c.info.Kind == Audio {
		end = 95
	}
	stages := c.stages()
	all, done := workOf(c.ladder), workOf(c.ladder)
	for _, stage := range stages {
		done -= workOf(stage)
	}
	for _, stage := range stages {
		from := start + (end-start)*done/all
		done += workOf(stage)
		if err := c.encodeStage(ctx, stage, int(from), int(start+(end-start)*done/all)); err != nil {
			return err
		}
		if err := c.finished(stage); err != nil {
			return err
		}
	}
	return nil
}

// encodeStage encodes renditions in one process, while the progress goes from one per cent to another.
func (c *conversion) encodeStage(ctx context.Context, stage []rendition, from, to int) error {
	done := &progress{report: c.reporter(Encoding, from, to, c.info.DurationSeconds)}
	err := c.run(ctx, invocation{
		program: c.FFmpeg,
		input:   c.input,
		dir:     c.out,
		stdout:  done,
		args: c.encodeArgs(c.info, stage, c.result.Loudness.gain(), c.info.DurationSeconds,
			"-t", strconv.Itoa(MaxDurationSeconds)),
		fileBytes: largestOutput(stage, c.info.DurationSeconds),
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

// pictures makes preview, poster and thumbnails of a video.
func (c *conversion) pictures(ctx context.Context) error {
	start := c.info.DurationSeconds * previewStart
	if start > c.info.pictureEnd-1 {
		start = 0 // the picture ends before
	}
	start = math.Floor(start*c.info.FrameRate) / c.info.FrameRate
	length := min(previewSeconds, c.info.DurationSeconds-start)
	// A seek to just before a frame begins the grid of frames there.
	seek := max(0, start+c.info.phase-0.0005)
	info := c.info
	if seek > 0 {
		info.phase = 0
	}
	preview := []rendition{planPreview(c.info)}
	err := c.run(ctx, invocation{
		program: c.FFmpeg,
		input:   c.input,
		dir:     c.out,
		stdout:  &progress{report: c.reporter(Previewing, 75, 93, length)},
		args: c.encodeArgs(info, preview, c.result.Loudness.gain(), length,
			"-ss", strconv.FormatFloat(seek, 'f', 4, 64), "-t", strconv.FormatFloat(length, 'f', 3, 64)),
		fileBytes: largestOutput(preview, previewSeconds),
	})
	if err != nil {
		return err
	}
	c.report(Thumbnails, 93, 93, 0)
	at, err := c.posterTime(ctx, c.input, c.info, start)
	if err != nil {
		return err
	}
	return c.stills(ctx, c.input, c.out, c.info, at)
}

func (c *conversion) drawWaveform() error {
	c.report(Waveform, 95, 95, 0)
	c.wave.finish()
	var text, picture bytes.Buffer
	if err := errors.Join(c.wave.writeJSON(&text), c.wave.writePNG(&picture)); err != nil {
		return fmt.Errorf("draw waveform: %w", err)
	}
	c.result.Waveform, c.result.WaveformImage = "waveform.json", "waveform.png"
	return errors.Join(
		os.WriteFile(filepath.Join(c.out, c.result.Waveform), text.Bytes(), 0o600),
		os.WriteFile(filepath.Join(c.out, c.result.WaveformImage), picture.Bytes(), 0o600))
}

// finalize checks every playlist against its file and writes the master playlist.
func (c *conversion) finalize() error {
	c.report(Finalizing, 98, 98, 0)
	lists := make([]mediaPlaylist, len(c.ladder))
	for i, r := range c.ladder {
		list, err := readRendition(c.out, r)
		if err != nil {
			return err
		}
		lists[i] = list
		c.result.ReadyVariants = append(c.result.ReadyVariants, r.name)
	}
	c.result.DurationSeconds = lists[0].seconds()
	if c.info.Kind == Audio {
		c.result.ReadyVariants = []string{"audio"}
	} else {
		preview := planPreview(c.info)
		if _, err := readRendition(c.out, preview); err != nil {
			return err
		}
		c.result.Preview = path.Join(preview.name, preview.playlist)
		c.result.Poster = posterFile
		c.result.Thumbnails = map[string]string{}
		for _, thumbnail := range thumbnails {
			c.result.Thumbnails[thumbnail.name] = thumbnailFile(thumbnail.name)
		}
	}
	master, err := masterPlaylist(c.out, c.info, c.ladder, lists)
	if err != nil {
		return err
	}
	c.result.Master = "master.m3u8"
	if err := os.WriteFile(filepath.Join(c.out, c.result.Master), []byte(master), 0o600); err != nil {
		return err
	}
	if c.result.Files, err = c.list(); err != nil {
		return err
	}
	c.report(Finalizing, 100, 100, 0)
	return nil
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
