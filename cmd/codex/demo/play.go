package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rendition is a variant whose bytes were all fetched.
type rendition struct {
	variant
	path  string // the file that its ranges make, in order
	bytes int64
	parts int
}

// play does what a player does, with nothing but the stream's address: the master
// playlist, every variant's, and every byte range in it.
func (s *show) play(ctx context.Context) (string, error) {
	if err := s.checkStream(); err != nil {
		return "", err
	}
	master, err := s.playlist(ctx, s.stream.StreamingURL)
	if err != nil {
		return "", err
	}
	variants, err := parseMaster(master, s.stream.StreamingURL)
	if err != nil {
		return "", err
	}
	var names []string
	for _, v := range variants {
		if v.height > 0 {
			names = append(names, v.name)
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(s.film.variants))) {
		want := "the renditions of media.ready: " + strings.Join(s.film.variants, ", ")
		return "", differs(want, "%s", strings.Join(names, ", "))
	}

	start := time.Now()
	var bytes int64
	var parts int
	for _, v := range variants {
		r, err := s.fetch(ctx, v)
		if err != nil {
			return "", fmt.Errorf("%s: %w", v.name, err)
		}
		s.renditions = append(s.renditions, r)
		bytes, parts = bytes+r.bytes, parts+r.parts
	}
	said := fmt.Sprintf("%d renditions, %d ranges, %s", len(s.renditions), parts, size(bytes))
	s.report.measure("played", said, "every byte")
	s.report.measure("fetched at", fmt.Sprintf("%.0f MB/s", float64(bytes)/1e6/time.Since(start).Seconds()), "")
	return said, nil
}

// checkStream looks at the address itself: it ends, and says when.
func (s *show) checkStream() error {
	address, _, _ := strings.Cut(s.stream.StreamingURL, "?")
	left := time.Until(s.stream.ExpiresAt)
	switch {
	case !strings.HasSuffix(address, "master.m3u8"):
		return differs("a stream address that ends in master.m3u8", "%q", address)
	case left < time.Minute || left > 2*time.Hour:
		return differs("an address that is good for some minutes", "one for %s", left.Round(time.Second))
	}
	return nil
}

func (s *show) playlist(ctx context.Context, address string) (string, error) {
	a, err := s.player.must(ctx, http.StatusOK, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	if kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); kind != "application/vnd.apple.mpegurl" {
		return "", differs("application/vnd.apple.mpegurl from "+a.asked, "%q", kind)
	}
	return string(a.body), nil
}

// fetch writes a rendition's ranges one after the other, which makes it a file again.
func (s *show) fetch(ctx context.Context, v variant) (rendition, error) {
	text, err := s.playlist(ctx, v.url)
	if err != nil {
		return rendition{}, err
	}
	parts, err := parseVariant(text, v.url)
	if err != nil {
		return rendition{}, err
	}
	seconds := 0.0
	for _, p := range parts {
		seconds += p.seconds
	}
	if err := lasts(seconds); err != nil {
		return rendition{}, fmt.Errorf("its playlist: %w", err)
	}
	r := rendition{variant: v, path: filepath.Join(s.dir, filepath.Base(v.name)+".mp4"), parts: len(parts)}
	file, err := os.Create(r.path)
	if err != nil {
		return r, err
	}
	defer file.Close()
	r.bytes, err = fetchParts(ctx, s.player, parts, func(p []byte) error {
		_, err := file.Write(p)
		return err
	})
	if err != nil {
		return r, err
	}
	return r, file.Close()
}

// fetchParts fetches ranges that follow one another through one file, from its first
// byte to its last, and returns the file's size.
func fetchParts(ctx context.Context, player *client, parts []part, write func([]byte) error) (int64, error) {
	var next, total int64
	for i, p := range parts {
		if p.offset != next || p.url != parts[0].url {
			return 0, differs(fmt.Sprintf("range %d to start at byte %d of the same file", i+1, next), "byte %d", p.offset)
		}
		body, size, err := fetchRange(ctx, player, p)
		if err != nil {
			return 0, err
		}
		if i > 0 && size != total {
			return 0, differs(fmt.Sprintf("a file of %d bytes", total), "%d", size)
		}
		if err := write(body); err != nil {
			return 0, err
		}
		next, total = next+p.length, size
	}
	if next != total {
		return 0, differs(fmt.Sprintf("ranges that cover all %d bytes", total), "%d", next)
	}
	return total, nil
}

// fetchRange returns a range's bytes and the size of the file it is from.
func fetchRange(ctx context.Context, player *client, p part) ([]byte, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, 0, err
	}
	first, last := p.offset, p.offset+p.length-1
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, last))
	a, err := player.do(req)
	if err != nil {
		return nil, 0, err
	}
	if err := a.expect(http.StatusPartialContent); err != nil {
		return nil, 0, err
	}
	span, sizeText, _ := strings.Cut(a.header.Get("Content-Range"), "/")
	size, err := strconv.ParseInt(sizeText, 10, 64)
	if want := fmt.Sprintf("bytes %d-%d", first, last); err != nil || span != want || int64(len(a.body)) != p.length {
		return nil, 0, differs(fmt.Sprintf("%s and %d bytes", want, p.length),
			"%q and %d bytes", a.header.Get("Content-Range"), len(a.body))
	}
	return a.body, size, nil
}

// decode lets ffprobe decode every rendition to the last frame.
func (s *show) decode(ctx context.Context) (string, error) {
	var said []string
	for _, r := range s.renditions {
		frames, err := r.decode(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", r.name, err)
		}
		if r.height > 0 {
			said = append(said, fmt.Sprintf("%s %d frames", r.name, frames))
		} else {
			said = append(said, r.name+" of sound")
		}
	}
	text := strings.Join(said, ", ")
	s.report.measure("decoded", text, strconv.Itoa(filmSeconds*filmRate)+" each")
	return text, nil
}

// probe is what ffprobe says of a file.
type probe struct {
	Streams []struct {
		Type   string `json:"codec_type"`
		Height int    `json:"height"`
		Frames string `json:"nb_read_frames"`
	} `json:"streams"`
	Format struct {
		Duration string `json:"duration"`
	} `json:"format"`
}

func (r rendition) decode(ctx context.Context) (int, error) {
	out, err := tool(ctx, "ffprobe", "-v", "error", "-count_frames", "-of", "json",
		"-show_entries", "stream=codec_type,height,nb_read_frames:format=duration", r.path)
	if err != nil {
		return 0, err
	}
	var p probe
	if err := json.Unmarshal(out, &p); err != nil {
		return 0, fmt.Errorf("read what ffprobe says: %w", err)
	}
	return r.check(p)
}

// check compares what was decoded with the video that went in.
func (r rendition) check(p probe) (frames int, err error) {
	height, sound := 0, 0
	for _, st := range p.Streams {
		n, _ := strconv.Atoi(st.Frames) // nothing decoded reads as 0
		switch st.Type {
		case "video":
			height, frames = st.Height, n
		case "audio":
			sound = n
		}
	}
	seconds, _ := strconv.ParseFloat(p.Format.Duration, 64)
	switch {
	case frames != filmSeconds*filmRate && r.height > 0:
		return frames, differs(fmt.Sprintf("%d frames", filmSeconds*filmRate), "%d", frames)
	case sound == 0 && r.sound:
		return frames, differs("sound", "none")
	case height != r.height:
		return frames, differs(fmt.Sprintf("the %d lines that the master playlist says", r.height), "%d", height)
	}
	return frames, lasts(seconds)
}

// lasts fails unless a duration is the video's, to half a second.
func lasts(seconds float64) error {
	if math.Abs(seconds-filmSeconds) > 0.5 {
		return differs(fmt.Sprintf("%d s ± 0.5 s", filmSeconds), "%.2f s", seconds)
	}
	return nil
}
