package ffmpeg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/media/captions"
)

// Limits of what a file may bring beside picture and sound. What is over them is left out.
const (
	MaxCaptionTracks = 20
	MaxChapters      = 250
	maxTitle         = 100 // characters of the title of a chapter or a track
)

// CaptionTrack is a subtitle track of the source, as WebVTT.
type CaptionTrack struct {
	Stream int
	// Language is the container's: ISO 639 or BCP 47, "" when it has none.
	Language string
	Title    string
	Default  bool
	// Forced tracks have only what is not in the language of the film.
	Forced bool
	// Sounds says that sounds are named as well.
	Sounds bool
	Rel    string // path of the text
}

// chapter begins at a time in seconds and lasts until the next one. It is written as in the JSON
// chapters of Podcasting 2.0.
type chapter struct {
	StartTime float64 `json:"startTime"`
	Title     string  `json:"title"`
}

// Note says what of a file was left out although the rest could be converted.
type Note struct {
	Code    NoteCode
	Stream  int
	Message string // a sentence for the uploader
}

// NoteCode is a stable code of a note.
type NoteCode string

// The codes.
const (
	PictureSubtitles  NoteCode = "PICTURE_SUBTITLES"  // subtitles that are pictures
	DamagedSubtitles  NoteCode = "DAMAGED_SUBTITLES"  // a track that could not be read
	TooManySubtitles  NoteCode = "TOO_MANY_SUBTITLES" // over MaxCaptionTracks
	UnsupportedTracks NoteCode = "UNSUPPORTED_SUBTITLES"
)

// textSubtitles are the codecs of subtitles that are text, which are their decoders' names as well.
const textSubtitles = "mov_text,subrip,srt,ass,ssa,webvtt,text"

// pictureSubtitles are those that would have to be read by eye.
var pictureSubtitles = []string{"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"}

// tracks is the part of the output of ffprobe that describes subtitles and chapters.
type tracks struct {
	Streams []struct {
		Index       int    `json:"index"`
		Codec       string `json:"codec_name"`
		Disposition struct {
			Default         int `json:"default"`
			Forced          int `json:"forced"`
			HearingImpaired int `json:"hearing_impaired"`
		} `json:"disposition"`
		Tags struct {
			Language string `json:"language"`
			Title    string `json:"title"`
		} `json:"tags"`
	} `json:"streams"`
	Chapters []struct {
		Start string `json:"start_time"`
		Tags  struct {
			Title string `json:"title"`
		} `json:"tags"`
	} `json:"chapters"`
}

// readTracks finds subtitles and chapters, and writes the texts of the former. A file at fault has
// none: it was converted all the same.
func (c *conversion) readTracks(ctx context.Context) error {
	found, err := c.describeTracks(ctx)
	if err != nil {
		return unlessRejected(err)
	}
	origin := 0.0
	if c.info.demuxer == "mov" || c.info.demuxer == "matroska" { // others keep chapters in tags, from 0
		origin = c.info.origin
	}
	c.chapters = found.chapters(origin, c.info.DurationSeconds)
	var list []CaptionTrack
	list, c.result.Notes = found.captions()
	if len(list) == 0 {
		return nil
	}
	if err := c.extract(ctx, list); unlessRejected(err) != nil {
		return err
	}
	c.result.Captions = list
	return nil
}

func unlessRejected(err error) error {
	var reject *RejectError
	if errors.As(err, &reject) {
		return nil
	}
	return err
}

func (c *conversion) describeTracks(ctx context.Context) (tracks, error) {
	out := &capped{limit: 1 << 20}
	args := append([]string{
		"-v", "error", "-select_streams", "s", "-show_chapters", "-show_entries",
		"stream=index,codec_name:stream_disposition=default,forced,hearing_impaired:stream_tags=language,title:" +
			"chapter=start_time:chapter_tags=title", "-of", "json",
	}, opened(c.info.demuxer)...)
	if err := c.run(ctx, invocation{
		program: c.FFprobe,
		args:    args,
		input:   c.input,
		stdout:  out,
	}); err != nil {
		return tracks{}, err
	}
	var found tracks
	if out.over {
		return tracks{}, reject(TooManyStreams, "")
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return tracks{}, fmt.Errorf("read the output of ffprobe: %w", err)
	}
	return found, nil
}

// captions returns the subtitles that are text, and notes about the others.
func (t tracks) captions() (list []CaptionTrack, notes []Note) {
	for _, s := range t.Streams {
		text := slices.Contains(strings.Split(textSubtitles, ","), s.Codec)
		switch {
		case len(list)+len(notes) > MaxStreams:
			return list, notes
		case slices.Contains(pictureSubtitles, s.Codec):
			notes = append(notes, note(PictureSubtitles, s.Index,
				"are pictures; upload them as WebVTT or SubRip"))
		case !text:
			notes = append(notes, note(UnsupportedTracks, s.Index,
				"are in a format that is not read; upload them as WebVTT or SubRip"))
		case len(list) == MaxCaptionTracks:
			notes = append(notes, note(TooManySubtitles, s.Index,
				fmt.Sprintf("were left out, since only %d tracks of a file are read", MaxCaptionTracks)))
		default:
			list = append(list, CaptionTrack{
				Stream:   s.Index,
				Language: s.Tags.Language,
				Title:    title(s.Tags.Title),
				Default:  s.Disposition.Default != 0,
				Forced:   s.Disposition.Forced != 0,
				Sounds:   s.Disposition.HearingImpaired != 0,
				Rel:      "captions/" + strconv.Itoa(s.Index) + ".vtt",
			})
		}
	}
	return list, notes
}

func note(code NoteCode, stream int, message string) Note {
	return Note{Code: code, Stream: stream, Message: fmt.Sprintf("The subtitles (stream %d) %s.", stream, message)}
}

// chapters returns the chapters in the order of their starts, of those that start at the same time
// the first.
func (t tracks) chapters(origin, seconds float64) []chapter {
	var list []chapter
	for _, c := range t.Chapters {
		at, err := strconv.ParseFloat(c.Start, 64)
		if err != nil {
			continue
		}
		if at = max(at-origin, 0); at < seconds {
			list = append(list, chapter{StartTime: at, Title: title(c.Tags.Title)})
		}
	}
	slices.SortStableFunc(list, func(a, b chapter) int { return int(1000*a.StartTime) - int(1000*b.StartTime) })
	list = slices.CompactFunc(list, func(a, b chapter) bool { return math.Abs(b.StartTime-a.StartTime) < 0.001 })
	list = list[:min(len(list), MaxChapters)]
	for i := range list {
		if list[i].Title == "" {
			list[i].Title = "Chapter " + strconv.Itoa(i+1)
		}
	}
	return list
}

// writeChapters writes them, if there are any.
func (c *conversion) writeChapters() error {
	if len(c.chapters) == 0 {
		return nil
	}
	text, err := json.Marshal(map[string]any{"version": "1.2.0", "chapters": c.chapters})
	if err != nil {
		return err
	}
	c.result.Chapters = "chapters.json"
	return os.WriteFile(filepath.Join(c.out, c.result.Chapters), text, 0o600)
}

// title returns a text of the file as one printable line of at most maxTitle characters.
func title(text string) string {
	fields := strings.Fields(printable(text))
	runes := []rune(strings.Join(fields, " "))
	return strings.TrimSpace(string(runes[:min(len(runes), maxTitle)]))
}

// extract writes the texts of all tracks in one pass over the file.
func (c *conversion) extract(ctx context.Context, list []CaptionTrack) error {
	args := []string{"-v", "error", "-nostdin", "-nostats", "-y"}
	args = append(args, source(c.info.demuxer, "-codec_whitelist:s", textSubtitles)...)
	for _, track := range list {
		args = append(args, "-map", "0:"+strconv.Itoa(track.Stream), "-c:s", "webvtt", "-map_metadata", "-1",
			"-map_chapters", "-1", "-fs", strconv.Itoa(4*captions.MaxBytes), "-f", "webvtt", track.Rel)
	}
	return c.run(ctx, invocation{
		program:   c.FFmpeg,
		args:      args,
		input:     c.input,
		dir:       c.out,
		fileBytes: 16 << 20,
	})
}

// tidyCaptions rewrites the extracted texts, which the programs can no longer touch. A track that
// cannot be read, or has nothing in it, is left out with a note.
func (c *conversion) tidyCaptions() error {
	root, err := os.OpenRoot(c.out)
	if err != nil {
		return err
	}
	defer root.Close()
	end := time.Duration(c.info.DurationSeconds * float64(time.Second))
	kept := c.result.Captions[:0]
	for _, track := range c.result.Captions {
		text, err := root.ReadFile(filepath.FromSlash(track.Rel))
		if err == nil {
			var tidy captions.Track
			if tidy, err = captions.Tidy(string(text), end); err == nil {
				err = root.WriteFile(filepath.FromSlash(track.Rel), []byte(tidy.WebVTT()), 0o600)
				if err != nil {
					return err
				}
				kept = append(kept, track)
				continue
			}
		}
		c.result.Notes = append(c.result.Notes, note(DamagedSubtitles, track.Stream,
			"could not be read; upload them as WebVTT or SubRip"))
		if err := root.Remove(filepath.FromSlash(track.Rel)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	c.result.Captions = kept
	return nil
}
