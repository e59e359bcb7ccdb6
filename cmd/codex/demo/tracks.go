package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The captions and chapters that the video carries. The texts have an umlaut and characters that
// WebVTT escapes, and they are checked again at the other end.
var (
	filmCaptions = []cue{
		{time.Second, 4 * time.Second, "Red & blue make purple."},
		{5 * time.Second, 9 * time.Second, "Grün is the German word for green,\nand 1 < 2."},
		{12 * time.Second, 18 * time.Second, "This is the end."},
	}
	filmChapters = []chapter{{0, "Opening"}, {8, "Colours & shapes"}, {15, "Credits"}}
)

// The language of the captions, in BCP 47 and as MP4 has it, in ISO 639-2.
const (
	filmLanguage    = "en"
	filmLanguageMP4 = "eng"
)

// chapter begins at a second and lasts until the next one.
type chapter struct {
	StartTime float64 `json:"startTime"`
	Title     string  `json:"title"`
}

// chapterCues are the cues of a chapters track.
func chapterCues(chapters []chapter) []cue {
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	cues := make([]cue, len(chapters))
	for i, c := range chapters {
		end := float64(filmSeconds)
		if i+1 < len(chapters) {
			end = chapters[i+1].StartTime
		}
		cues[i] = cue{seconds(c.StartTime), seconds(end), c.Title}
	}
	return cues
}

// writeTracks writes the captions as SubRip and the chapters as FFmpeg's metadata, for FFmpeg to
// put into the video.
func (s *show) writeTracks() (captions, chapters string, err error) {
	var srt, metadata strings.Builder
	clock := func(d time.Duration) string {
		return time.Time{}.Add(d).Format("15:04:05,000")
	}
	for i, c := range filmCaptions {
		fmt.Fprintf(&srt, "%d\n%s --> %s\n%s\n\n", i+1, clock(c.start), clock(c.end), c.text)
	}
	metadata.WriteString(";FFMETADATA1\n")
	for _, c := range chapterCues(filmChapters) {
		fmt.Fprintf(&metadata, "[CHAPTER]\nTIMEBASE=1/1000\nSTART=%d\nEND=%d\ntitle=%s\n",
			c.start.Milliseconds(), c.end.Milliseconds(), c.text)
	}
	captions, chapters = filepath.Join(s.dir, "captions.srt"), filepath.Join(s.dir, "chapters.txt")
	if err = os.WriteFile(captions, []byte(srt.String()), 0o600); err == nil {
		err = os.WriteFile(chapters, []byte(metadata.String()), 0o600)
	}
	return captions, chapters, err
}

// readCaptions reads the captions as an HLS player does, from the master playlist, and as a track
// element does, from the stream's list.
func (s *show) readCaptions(ctx context.Context) (string, error) {
	master, err := s.playlist(ctx, s.stream.StreamingURL)
	if err != nil {
		return "", err
	}
	rendition, err := parseSubtitles(master, s.stream.StreamingURL)
	if err != nil {
		return "", err
	}
	list, err := s.playlist(ctx, rendition.url)
	if err != nil {
		return "", err
	}
	address, err := parseSingle(list, rendition.url)
	if err != nil {
		return "", err
	}
	if len(s.stream.Captions) != 1 {
		return "", differs("one language in the stream's captions", "%d", len(s.stream.Captions))
	}
	track := s.stream.Captions[0]
	if rendition.language != filmLanguage || track.Language != filmLanguage {
		return "", differs("captions in "+filmLanguage, "%q in the playlist, %q in the stream",
			rendition.language, track.Language)
	}
	for _, url := range []string{address, track.URL} {
		if err := s.checkTrack(ctx, url, filmCaptions); err != nil {
			return "", err
		}
	}
	said := fmt.Sprintf("%s, %d cues of WebVTT", rendition.name, len(filmCaptions))
	s.report.measure("captions of the file", said, "every word")
	return said, nil
}

// checkTrack expects these cues from a WebVTT file.
func (s *show) checkTrack(ctx context.Context, url string, want []cue) error {
	text, err := s.text(ctx, url, "text/vtt")
	if err != nil {
		return err
	}
	cues, err := parseWebVTT(text)
	if err == nil {
		err = expectCues(cues, want)
	}
	if err != nil {
		return fmt.Errorf("the cues: %w", err)
	}
	return nil
}

// text fetches a text of a media type, with nothing but its address.
func (s *show) text(ctx context.Context, url, mediaType string) (string, error) {
	a, err := s.player.must(ctx, http.StatusOK, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if got, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); got != mediaType {
		return "", differs(mediaType+" from "+a.asked, "%q", got)
	}
	return string(a.body), nil
}

// readChapters reads the chapters in both formats.
func (s *show) readChapters(ctx context.Context) (string, error) {
	if s.stream.Chapters == nil {
		return "", differs("the addresses of chapters in the stream", "none")
	}
	if err := s.checkChapters(ctx, s.stream.Chapters.URL); err != nil {
		return "", err
	}
	if err := s.checkTrack(ctx, s.stream.Chapters.TrackURL, chapterCues(filmChapters)); err != nil {
		return "", err
	}
	var titles []string
	for _, c := range filmChapters {
		titles = append(titles, c.Title)
	}
	return strings.Join(titles, ", "), nil
}

// checkChapters expects the video's chapters from JSON chapters of Podcasting 2.0.
func (s *show) checkChapters(ctx context.Context, url string) error {
	text, err := s.text(ctx, url, "application/json+chapters")
	if err != nil {
		return err
	}
	var document struct {
		Version  string    `json:"version"`
		Chapters []chapter `json:"chapters"`
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil || document.Version == "" {
		return differs("JSON chapters with a version", "%.200s", text)
	}
	return expectCues(chapterCues(document.Chapters), chapterCues(filmChapters))
}
