package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/events"
)

// The video: every number here is checked again at the other end.
const (
	filmSeconds = 20
	filmRate    = 30 // frames per second
	filmHeight  = 720
	mimeMP4     = "video/mp4"
)

// transcodingLimit is how long 20 s of video may take. Alone on two cores it is 6 s
// to 20 s; with a dozen busy neighbours it was 90 s.
const transcodingLimit = 5 * time.Minute

// upload is a file, and the media item it becomes.
type upload struct {
	path  string
	bytes int64
	id    string
	// variants are the renditions that media.ready promises.
	variants []string
}

// makeFiles makes the video, and a file that only claims to be one.
func (s *show) makeFiles(ctx context.Context) (string, error) {
	s.film.path, s.junk.path = filepath.Join(s.dir, "film.mp4"), filepath.Join(s.dir, "junk.mp4")
	captions, chapters, err := s.writeTracks()
	if err != nil {
		return "", err
	}
	length := strconv.Itoa(filmSeconds)
	if _, err := tool(ctx, "ffmpeg", "-v", "error", "-nostdin", "-y",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=1280x%d:rate=%d", filmHeight, filmRate),
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-i", captions, "-f", "ffmetadata", "-i", chapters,
		"-map", "0:v", "-map", "1:a", "-map", "2:s", "-map_chapters", "3",
		"-c:s", "mov_text", "-metadata:s:s:0", "language="+filmLanguageMP4,
		"-t", length, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "28", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart", s.film.path); err != nil {
		return "", err
	}
	junk := make([]byte, 64<<10)
	_, _ = rand.Read(junk) // never fails
	copy(junk, "This is a letter with the name of a video. ")
	if err := os.WriteFile(s.junk.path, junk, 0o600); err != nil {
		return "", err
	}
	for _, u := range []*upload{&s.film, &s.junk} {
		stat, err := os.Stat(u.path)
		if err != nil {
			return "", err
		}
		u.bytes = stat.Size()
	}
	return size(s.film.bytes) + " and " + size(s.junk.bytes), nil
}

// tool runs ffmpeg or ffprobe. They report a damaged file on standard error and
// still succeed, so whatever they say there is an error.
func tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not installed; make setup-run installs it", name)
	}
	if said := strings.TrimSpace(complaints.String()); said != "" {
		return nil, fmt.Errorf("%s: %s", name, said)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// uploadFilm brings the video into storage and says that it is there.
func (s *show) uploadFilm(ctx context.Context) (string, error) {
	start := time.Now()
	if err := s.send(ctx, &s.film, "The film "+s.run); err != nil {
		return "", err
	}
	took := time.Since(start)
	rate := float64(s.film.bytes) / 1e6 / took.Seconds()
	s.report.measure("upload to storage", fmt.Sprintf("%s, %.0f MB/s", size(s.film.bytes), rate), "")
	_, err := s.creator.must(ctx, http.StatusOK, http.MethodPost, "/api/media/"+s.film.id+"/upload-complete", nil)
	return size(s.film.bytes), err
}

// send registers a media item and puts its file where the platform says. The bytes
// go to storage, not through the API, and without the session's cookie.
func (s *show) send(ctx context.Context, u *upload, title string) error {
	a, err := s.creator.must(ctx, http.StatusCreated, http.MethodPost, "/api/media", map[string]any{
		"title": title, "mediaType": "video", "mimeType": mimeMP4, "fileSizeBytes": u.bytes,
	})
	if err != nil {
		return err
	}
	item, err := one[struct{ ID, PresignedURL string }](a)
	if err != nil {
		return err
	}
	u.id = item.ID
	file, err := os.Open(u.path)
	if err != nil {
		return err
	}
	defer file.Close()
	body := &meter{Reader: file, total: u.bytes, report: s.report}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, item.PresignedURL, body)
	if err != nil {
		return err
	}
	req.ContentLength = u.bytes
	req.Header.Set("Content-Type", mimeMP4)
	stored, err := s.player.do(req)
	if err != nil {
		return err
	}
	return stored.expect(http.StatusOK)
}

// meter moves the bar while a file is read.
type meter struct {
	io.Reader
	report      *report
	done, total int64
	shown       int64
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.done += int64(n)
	if percent := m.done * 100 / m.total; percent > m.shown {
		m.shown = percent
		m.report.bar("upload", m.done, m.total, size(m.done))
	}
	return n, err
}

// followTranscoding watches the events until the video is ready.
func (s *show) followTranscoding(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, transcodingLimit)
	defer cancel()
	var uploaded time.Time
	var ready *events.MediaReady
	var took time.Duration
	var failure error
	err := s.feed.each(limited, func(a arrival) bool {
		if a.AggregateID != s.film.id {
			return true
		}
		switch p := a.payload.(type) {
		case *events.MediaUploaded:
			uploaded = a.Time
		case *events.MediaTranscodingProgressed:
			s.report.bar("transcoding", int64(p.Percent), 100, strings.ReplaceAll(p.Step, "_", " "))
		case *events.MediaFailed:
			failure = differs("the event media.ready", "media.failed: %s (%s)", p.Reason, p.Code)
		case *events.MediaReady:
			ready, took = p, a.Time.Sub(uploaded)
		}
		return ready == nil && failure == nil
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("waited %s for the event media.ready: %w", duration(transcodingLimit), err)
	case failure != nil:
		return "", failure
	case ready.DurationSeconds < filmSeconds-1 || ready.DurationSeconds > filmSeconds+1 || ready.Height != filmHeight:
		return "", differs(fmt.Sprintf("%d s of %dp in media.ready", filmSeconds, filmHeight),
			"%d s of %dp", ready.DurationSeconds, ready.Height)
	}
	s.film.variants = ready.ReadyVariants
	s.report.measure(fmt.Sprintf("uploaded → ready, %d s of %dp", filmSeconds, filmHeight), duration(took), "")
	return strings.Join(ready.ReadyVariants, ", "), nil
}

// uploadJunk expects the bad file to be rejected, with a reason that its owner can act on,
// in the response, in the event and in the item.
func (s *show) uploadJunk(ctx context.Context) (string, error) {
	if err := s.send(ctx, &s.junk, "Not a film "+s.run); err != nil {
		return "", err
	}
	path := "/api/media/" + s.junk.id
	a, err := s.creator.must(ctx, http.StatusUnprocessableEntity, http.MethodPost, path+"/upload-complete", nil)
	if err != nil {
		return "", err
	}
	rejected := a.failure().Error
	s.report.note("response: 422 %s: %s", rejected.Code, rejected.Message)
	failed, _, err := await(ctx, s.feed, soon, func(p *events.MediaFailed) bool { return p.MediaID == s.junk.id })
	if err != nil {
		return "", err
	}
	s.report.note("event:    media.failed %s: %s", failed.Code, failed.Reason)
	if a, err = s.creator.must(ctx, http.StatusOK, http.MethodGet, path, nil); err != nil {
		return "", err
	}
	item, err := one[struct{ Status, TranscodingError string }](a)
	switch {
	case err != nil:
		return "", err
	case failed.Code == "" || failed.Reason == "" || rejected.Message == "":
		return "", differs("a code and a reason", "%q %q %q", failed.Code, failed.Reason, rejected.Message)
	case item.Status != "failed" || item.TranscodingError == "":
		return "", differs("a failed item that says why", "status %q, %q", item.Status, item.TranscodingError)
	}
	return failed.Code, nil
}
