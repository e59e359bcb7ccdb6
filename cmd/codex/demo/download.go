package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/codex-platform/codex/events"
)

// begunDownload is a download that its viewer may fetch.
type begunDownload struct {
	DownloadID, Filename, ContentType, URL string
	SizeBytes                              int64
	ExpiresAt                              time.Time
}

func (s *show) downloadPath() string { return "/api/access/content/" + s.content.id + "/download" }

// download fetches the original as a buyer does who interrupts it: a range, then the whole.
func (s *show) download(ctx context.Context) (string, error) {
	a, err := s.buyer.must(ctx, http.StatusCreated, http.MethodPost, s.downloadPath(), nil)
	if err != nil {
		return "", err
	}
	begun, err := one[begunDownload](a)
	if err != nil {
		return "", err
	}
	filename := s.content.title + ".mp4"
	if begun.Filename != filename || begun.SizeBytes != s.film.bytes || begun.ContentType != mimeMP4 {
		return "", differs(fmt.Sprintf("%q, %d bytes of %s", filename, s.film.bytes, mimeMP4), "%s", a.summary())
	}
	if err := s.downloadRange(ctx, begun.URL); err != nil {
		return "", fmt.Errorf("a range: %w", err)
	}
	start := time.Now()
	if err := s.downloadWhole(ctx, begun.URL, filename); err != nil {
		return "", fmt.Errorf("the whole: %w", err)
	}
	rate := float64(begun.SizeBytes) / 1e6 / time.Since(start).Seconds()
	_, _, err = await(ctx, s.feed, soon, func(p *events.MediaDownloaded) bool {
		return p.DownloadID == begun.DownloadID && p.UserID == s.buyer.id && p.SizeBytes == s.film.bytes
	})
	if err != nil {
		return "", err
	}
	s.report.measure("downloaded original", fmt.Sprintf("%s, %.0f MB/s", size(begun.SizeBytes), rate), "every byte")
	address, _, _ := strings.Cut(begun.URL, "?")
	a, err = s.player.must(ctx, http.StatusForbidden, http.MethodGet, address+"?token=forged", nil)
	return fmt.Sprintf("%s equal, a range and the whole; forged address %d", size(begun.SizeBytes), a.status), err
}

// downloadRange compares a piece from the middle.
func (s *show) downloadRange(ctx context.Context, address string) error {
	const length = 100_000
	middle := part{url: address, offset: s.film.bytes / 2, length: min(length, s.film.bytes/4)}
	got, total, err := fetchRange(ctx, s.player, middle)
	if err != nil {
		return err
	}
	if total != s.film.bytes {
		return differs(fmt.Sprintf("%d bytes", s.film.bytes), "%d", total)
	}
	file, err := os.Open(s.film.path)
	if err != nil {
		return err
	}
	defer file.Close()
	want := make([]byte, middle.length)
	if _, err := file.ReadAt(want, middle.offset); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return differs("the bytes that were uploaded", "others")
	}
	return nil
}

// downloadWhole compares the file that a browser would save, and its name.
func (s *show) downloadWhole(ctx context.Context, address, filename string) error {
	a, err := s.player.must(ctx, http.StatusFound, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.header.Get("Location"), nil)
	if err != nil {
		return err
	}
	res, err := s.player.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	disposition := res.Header.Get("Content-Disposition")
	kind, parameters, _ := mime.ParseMediaType(disposition) // what cannot be read has no kind
	if res.StatusCode != http.StatusOK || kind != "attachment" || parameters["filename"] != filename {
		return differs(fmt.Sprintf("200 and an attachment %q", filename), "%d and %q", res.StatusCode, disposition)
	}
	file, err := os.Open(s.film.path)
	if err != nil {
		return err
	}
	defer file.Close()
	return sameBytes(res.Body, file)
}

// sameBytes fails unless both have the same bytes.
func sameBytes(got, want io.Reader) error {
	gotSum, wantSum := sha256.New(), sha256.New()
	received, err := io.Copy(gotSum, got)
	if err != nil {
		return fmt.Errorf("after %d bytes: %w", received, err)
	}
	sent, err := io.Copy(wantSum, want)
	if err != nil {
		return err
	}
	if received != sent || !bytes.Equal(gotSum.Sum(nil), wantSum.Sum(nil)) {
		return differs(fmt.Sprintf("the %d bytes that were uploaded", sent), "%d others", received)
	}
	return nil
}
