package ingest

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // the protocol demands it; it finds damage, not forgery
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

const (
	defaultWriters = 64
	// writerLife is how long an upload stays locked after the process of its writer crashed.
	writerLife = 15 * time.Second
	// partTimeout limits the storing of one part, also after the client has disconnected.
	partTimeout = 2 * time.Minute
	// maxChecked is the longest body with a checksum: it is stored only as a whole.
	maxChecked = 64 << 20
)

// checksumAlgorithms are those of the header Upload-Checksum.
var checksumAlgorithms = []string{"sha1", "sha256"}

// tusWriter appends bytes to uploads. What is stored is known by the store alone: whole parts,
// and the beginning of the next one as an object of its own, the tail. A part is gathered in a
// temporary file before it is stored, so a writer needs the disk of one part and no memory; the
// number of writers is bounded.
type tusWriter struct {
	store *s3.Bucket
	pool  *pgxpool.Pool
	dir   string
	idle  time.Duration
	slots chan struct{}
}

func newTusWriter(cfg Config) *tusWriter {
	return &tusWriter{
		store: cfg.Media,
		pool:  cfg.Pool,
		dir:   cfg.TempDir,
		idle:  cfg.UploadIdle,
		slots: make(chan struct{}, cmp.Or(cfg.Writers, defaultWriters)),
	}
}

// position is where an upload continues: the part, where it begins, and how much of it the store
// has as a tail.
type position struct {
	part  int
	begin int64
	tail  int64
}

func (p position) offset() int64 { return p.begin + p.tail }

// position reads what is stored. The error is s3.ErrNotFound when the store has no such upload.
func (w *tusWriter) position(ctx context.Context, u media.PartsUpload) (position, error) {
	stored, err := w.store.ListParts(ctx, u.ObjectKey, u.StoreID)
	if err != nil {
		return position{}, err
	}
	var at position
	at.part, at.begin = u.Next(stored)
	tail, err := w.store.Head(ctx, u.TailKey(at.part))
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return at, nil
	case err != nil:
		return position{}, err
	}
	if tail.Size < u.Length(at.part) {
		at.tail = tail.Size
	}
	return at, nil
}

// write appends the body of a request at an offset and returns the new one. One request writes
// at a time. What has arrived when the client disconnects is stored.
func (w *tusWriter) write(r *edge.Request, u media.PartsUpload, offset int64) (int64, error) {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	default:
		return 0, edge.ErrUnavailable
	}
	ctx, unlock, err := w.lock(r, u)
	if err != nil {
		return 0, err
	}
	defer unlock()
	at, err := w.position(ctx, u)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return 0, media.ErrPartsNotFound
	case err != nil:
		return 0, storeError(r, r.Log(), err)
	case at.offset() != offset:
		return 0, media.With(media.ErrUploadOffset, map[string]any{"offset": at.offset()})
	}

	body, closeBody, err := w.body(r, u.SizeBytes-offset)
	if err != nil {
		return 0, err
	}
	defer closeBody()
	offset, err = w.append(ctx, u, at, body)
	switch {
	case errors.Is(err, errBody):
		return offset, media.ErrBodyEnded
	case errors.Is(err, s3.ErrNotFound):
		return offset, media.ErrPartsNotFound
	case err != nil:
		return offset, storeError(r, r.Log(), err)
	}
	return offset, nil
}

// lock makes a request the only writer of an upload until unlock. ctx ends when the lock is lost,
// and not when the client disconnects.
func (w *tusWriter) lock(
	r *edge.Request, u media.PartsUpload,
) (ctx context.Context, unlock func(), err error) {
	writer := edge.NewID()
	claimed, err := postgres.ClaimWriter(r, w.pool, u.ID, writer, writerLife)
	if err != nil {
		return nil, nil, err
	}
	if !claimed {
		return nil, nil, media.ErrUploadLocked
	}

	ctx, cancel := context.WithCancel(context.WithoutCancel(r))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(writerLife / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if still, err := postgres.ClaimWriter(ctx, w.pool, u.ID, writer, writerLife); err != nil || !still {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, func() {
		cancel()
		<-done
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		if err := postgres.ReleaseWriter(release, w.pool, u.ID, writer); err != nil {
			r.Log().WarnContext(release, "upload not unlocked, it is in a moment", "upload", u.ID, "error", err)
		}
	}, nil
}

// body returns the body of a request, of at most left bytes. A body with a checksum is read and
// verified first.
func (w *tusWriter) body(r *edge.Request, left int64) (body io.Reader, closeBody func(), err error) {
	if r.Request.ContentLength > left {
		return nil, nil, media.ErrChunkTooLarge
	}
	body = &uploadBody{
		control:  http.NewResponseController(r.Writer),
		body:     http.MaxBytesReader(r.Writer, r.Request.Body, left),
		declared: left,
		idle:     w.idle,
		began:    time.Now(),
	}
	declared := r.Text(uploadChecksum)
	if declared == "" {
		return body, func() {}, nil
	}
	sum, want, err := parseChecksum(declared)
	if err != nil {
		return nil, nil, err
	}
	if r.Request.ContentLength < 0 || r.Request.ContentLength > maxChecked {
		return nil, nil, media.ErrChunkTooLarge
	}
	file, err := w.tempFile()
	if err != nil {
		return nil, nil, err
	}
	closeBody = func() { _ = file.Close() }
	_, err = io.Copy(io.MultiWriter(file, sum), body)
	switch {
	case err != nil:
		err = media.ErrBodyEnded
	case string(sum.Sum(nil)) != want:
		err = media.ErrChunkChecksum
	default:
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		closeBody()
		return nil, nil, err
	}
	return file, closeBody, nil
}

// parseChecksum returns the hash of a header Upload-Checksum and the declared sum.
func parseChecksum(header string) (h hash.Hash, sum string, err error) {
	algorithm, text, _ := strings.Cut(header, " ")
	switch algorithm {
	case "sha1":
		h = sha1.New() //nolint:gosec // see the import
	case "sha256":
		h = sha256.New()
	default:
		return nil, "", errBadChecksum
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(decoded) != h.Size() {
		return nil, "", errBadChecksum
	}
	return h, string(decoded), nil
}

// errBody is the error of a body that ended before its declared length.
var errBody = errors.New("the body ended")

// append stores what a body has, from a position on, and returns the new offset.
func (w *tusWriter) append(ctx context.Context, u media.PartsUpload, at position, body io.Reader) (int64, error) {
	file, err := w.tempFile()
	if err != nil {
		return at.offset(), err
	}
	defer func() { _ = file.Close() }()
	if err := w.fetchTail(ctx, u, at, file); err != nil {
		return at.offset(), err
	}
	for {
		n, bodyErr := io.CopyN(file, body, u.Length(at.part)-at.tail)
		if bodyErr != nil && !errors.Is(bodyErr, io.EOF) {
			bodyErr = errors.Join(errBody, bodyErr)
		} else {
			bodyErr = nil
		}
		gathered := at.tail + n
		if gathered < u.Length(at.part) {
			if n > 0 {
				err = w.storeTail(ctx, u, at.part, file, gathered)
			}
			if err != nil {
				return at.offset(), err
			}
			return at.begin + gathered, bodyErr
		}
		if err := w.storePart(ctx, u, at, file); err != nil {
			return at.offset(), err
		}
		if at.begin += gathered; at.begin == u.SizeBytes {
			return at.begin, bodyErr
		}
		at.part++
		at.tail = 0
		if err := rewind(file); err != nil {
			return at.offset(), err
		}
	}
}

// fetchTail copies the beginning of a part from the store.
func (w *tusWriter) fetchTail(ctx context.Context, u media.PartsUpload, at position, file *os.File) error {
	if at.tail == 0 {
		return nil
	}
	object, err := w.store.Get(ctx, u.TailKey(at.part), s3.Range{}, "")
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }()
	if _, err := io.CopyN(file, object.Body, at.tail); err != nil {
		return fmt.Errorf("fetch the beginning of a part: %w", err)
	}
	return nil
}

// storeTail stores the beginning of a part.
func (w *tusWriter) storeTail(ctx context.Context, u media.PartsUpload, part int, file *os.File, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	_, err := w.store.Put(ctx, u.TailKey(part), io.NewSectionReader(file, 0, size), size, "application/octet-stream")
	return err
}

// storePart stores a whole part. Its tail is removed afterwards, so that a crash loses nothing.
func (w *tusWriter) storePart(ctx context.Context, u media.PartsUpload, at position, file *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	size := u.Length(at.part)
	err := w.store.PutPart(ctx, u.ObjectKey, u.StoreID, at.part, io.NewSectionReader(file, 0, size), size)
	if err == nil && at.tail > 0 {
		err = w.store.Delete(ctx, u.TailKey(at.part))
	}
	return err
}

// tempFile returns a file that has no name any more, so a crash leaves none.
func (w *tusWriter) tempFile() (*os.File, error) {
	file, err := os.CreateTemp(w.dir, "codex-upload-*")
	if err != nil {
		return nil, fmt.Errorf("create a file for an upload: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("create a file for an upload: %w", err)
	}
	return file, nil
}

func rewind(file *os.File) error {
	_, err := file.Seek(0, io.SeekStart)
	return errors.Join(err, file.Truncate(0))
}
