package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// Prober probes a local media file.
type Prober interface {
	// Probe returns a *ffmpeg.RejectError when the file is at fault.
	Probe(ctx context.Context, path, mime string) (ffmpeg.Info, error)
}

const (
	defaultProbeBytes   = 64 << 20
	defaultProbes       = 2
	defaultProbeWithin  = time.Second
	defaultCompleteWait = time.Second
	// examineTimeout limits what must be known of a file before it is accepted: its size, type and
	// first bytes.
	examineTimeout = 10 * time.Second
)

// examiner compares an uploaded object with what was declared. Its time is limited (within), its
// bytes on disk (slots × limit) and its processes (slots). What it does not get to know in time is
// left to the transcoder, which probes every file and verifies its checksum.
type examiner struct {
	store  *s3.Bucket
	prober Prober
	limit  int64
	within time.Duration
	dir    string
	slots  chan struct{}
}

func newExaminer(cfg Config) *examiner {
	if cfg.ProbeBytes <= 0 {
		cfg.ProbeBytes = defaultProbeBytes
	}
	if cfg.Probes <= 0 {
		cfg.Probes = defaultProbes
	}
	if cfg.ProbeWithin <= 0 {
		cfg.ProbeWithin = defaultProbeWithin
	}
	return &examiner{
		store:  cfg.Media,
		prober: cfg.Prober,
		limit:  cfg.ProbeBytes,
		within: cfg.ProbeWithin,
		dir:    cfg.TempDir,
		slots:  make(chan struct{}, cfg.Probes),
	}
}

// examine returns what was found, or why the file is rejected. A checksum replaces the one of the
// item. An error leaves the item as it is, for example the 503 of an unavailable store.
func (x *examiner) examine(
	ctx context.Context, log *slog.Logger, item media.Item, checksum media.Checksum,
) (found media.CompleteUpload, rejected *media.Reject, err error) {
	if checksum != "" {
		item.Checksum = checksum
	}
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	info, err := x.store.Head(ctx, item.ObjectKey)
	if err != nil {
		return media.CompleteUpload{}, nil, storeError(ctx, log, err)
	}
	if info.Size != item.SizeBytes {
		return media.CompleteUpload{}, nil, media.WrongSize(item.SizeBytes, info.Size)
	}
	if !item.SameType(info.ContentType) {
		return media.CompleteUpload{}, nil, media.With(media.ErrUploadType, map[string]any{"declaredType": item.MimeType})
	}
	head, err := x.store.Read(ctx, item.ObjectKey, s3.Range{Length: ffmpeg.SniffLength}, info.ETag, ffmpeg.SniffLength)
	if err != nil {
		return media.CompleteUpload{}, nil, storeError(ctx, log, err)
	}
	if sniffed, ok := ffmpeg.Sniff(head); !ok || !ffmpeg.Agrees(item.MimeType, sniffed) {
		reason := &media.Reject{Code: media.CodeInvalidContentType, Reason: media.ReasonInvalidContentType}
		return media.CompleteUpload{}, reason, nil
	}
	found = media.CompleteUpload{ETag: info.ETag, SizeBytes: info.Size, Checksum: item.Checksum}
	if info.Size > x.limit || x.prober == nil && item.Checksum == "" {
		return found, nil, nil
	}
	rejected, err = x.probe(ctx, log, item, info)
	return found, rejected, err
}

// storeError maps an error of the store to one for the client.
func storeError(ctx context.Context, log *slog.Logger, err error) error {
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return media.ErrUploadMissing
	case errors.Is(err, s3.ErrChanged):
		return media.ErrUploadChanged
	default:
		log.WarnContext(ctx, "object store unavailable", "error", err)
		return edge.ErrUnavailable
	}
}

// probe fetches the file, verifies its checksum and probes it. When no slot is free, the time is
// over, or the probe itself fails, the file is accepted: the transcoder does the same.
func (x *examiner) probe(ctx context.Context, log *slog.Logger, item media.Item, info s3.Info) (*media.Reject, error) {
	select {
	case x.slots <- struct{}{}:
		defer func() { <-x.slots }()
	default:
		log.InfoContext(ctx, "upload not probed, no slot is free", "media", item.ID)
		return nil, nil
	}
	bounded, cancel := context.WithTimeout(ctx, x.within)
	defer cancel()
	path, err := x.fetch(bounded, item, info)
	if path != "" {
		defer func() { _ = os.Remove(path) }()
	}
	switch mismatch, isMismatch := domain.AsError(err); {
	case isMismatch:
		return nil, mismatch
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		log.InfoContext(ctx, "upload not probed in time", "media", item.ID)
		return nil, nil
	case err != nil:
		return nil, storeError(ctx, log, err)
	case x.prober == nil:
		return nil, nil
	}
	_, err = x.prober.Probe(bounded, path, item.MimeType)
	var reject *ffmpeg.RejectError
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &reject):
		log.WarnContext(ctx, "upload not probed", "media", item.ID, "error", err)
		return nil, nil
	}
	switch reject.Code {
	case ffmpeg.TimedOut, ffmpeg.TooCostly: // for this place; the transcoder has more time
		return nil, nil
	default:
		return &media.Reject{Code: media.PublicCode(string(reject.Code)), Reason: reject.Message}, nil
	}
}

// fetch copies the version that was examined to a temporary file. The caller
// removes it, also after an error. The error of another checksum than the item's is a domain.Error.
func (x *examiner) fetch(ctx context.Context, item media.Item, info s3.Info) (string, error) {
	object, err := x.store.Get(ctx, item.ObjectKey, s3.Range{}, info.ETag)
	if err != nil {
		return "", err
	}
	defer func() { _ = object.Body.Close() }()
	file, err := os.CreateTemp(x.dir, "codex-probe-*")
	if err != nil {
		return "", fmt.Errorf("create a file for the upload: %w", err)
	}
	sum := item.Checksum.Verifier()
	n, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(object.Body, info.Size))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil && n != info.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return file.Name(), fmt.Errorf("fetch the upload: %w", err)
	}
	return file.Name(), sum.Err()
}
