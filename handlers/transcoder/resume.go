package transcoder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
)

// planned decides, once the source is known, whether the job may go on here.
func (w *Worker) planned(job *job, original string, p ffmpeg.Plan) error {
	stat, err := os.Stat(original)
	if err != nil {
		return fmt.Errorf("plan the job: %w", err)
	}
	job.SpaceBytes = stat.Size() + p.OutputBytes
	job.Long = p.Info.DurationSeconds >= w.cfg.LongAfter.Seconds()
	if job.Long && job.onlyShort {
		return errLong
	}
	return w.space.reserve(job.JobID, job.SpaceBytes)
}

// keep stores a finished rendition and records it, so that another attempt need not encode it again.
func (w *Worker) keep(ctx context.Context, job *job, out string, r ffmpeg.Rendition) error {
	if err := errors.Join(w.checkCurrent(ctx, job), w.checkClaim(ctx, job)); err != nil {
		return err
	}
	stored := media.StoredRendition{Name: r.Name, Recipe: r.Recipe}
	hls := media.PrefixesOf(job.CreatorID, job.MediaID).HLS
	for _, file := range r.Files {
		local := filepath.Join(out, filepath.FromSlash(file.Rel))
		sum, err := checksum(local)
		if err != nil {
			return err
		}
		if err := w.cfg.Media.PutFile(ctx, hls+file.Rel, local, file.ContentType); err != nil {
			return fmt.Errorf("store a rendition: %s", err.Error()) // a missing bucket is not a missing original
		}
		stored.Files = append(stored.Files, media.StoredFile{
			Rel:         file.Rel,
			ContentType: file.ContentType,
			Size:        file.Size,
			SHA256:      sum,
		})
	}

	held, err := postgres.KeepRendition(ctx, w.cfg.DB, job.Claim, stored)
	if err == nil && !held {
		err = errClaimLost
	}
	if err != nil {
		return err
	}
	job.Renditions = append(job.Renditions, stored)
	job.Failures, job.Crashes = 0, 0
	return nil
}

// stored are the files of finished renditions, with their sizes, that need not be uploaded again.
// Playlists are uploaded again: they are small, and may be completed when all renditions are there.
func (j *job) stored() map[string]int64 {
	stored := map[string]int64{}
	for _, r := range j.Renditions {
		for _, file := range r.Files {
			if path.Ext(file.Rel) != ".m3u8" {
				stored[file.Rel] = file.Size
			}
		}
	}
	return stored
}

// restore fetches the renditions that earlier attempts have finished. One that is not in the store
// as it was recorded is encoded again.
func (w *Worker) restore(ctx context.Context, job *job, out string) ([]ffmpeg.Rendition, error) {
	var kept []ffmpeg.Rendition
	var intact []media.StoredRendition
	for _, stored := range job.Renditions {
		r := ffmpeg.Rendition{Name: stored.Name, Recipe: stored.Recipe}
		err := w.restoreFiles(ctx, job, out, stored.Files)
		switch {
		case err == nil:
			kept = append(kept, r)
			intact = append(intact, stored)
		case errors.Is(err, s3.ErrNotFound), errors.Is(err, errDamaged):
			w.cfg.Log.WarnContext(ctx, "rendition is encoded again", "job", job.JobID, "name", stored.Name, "error", err)
			if err := os.RemoveAll(filepath.Join(out, stored.Name)); err != nil {
				return nil, fmt.Errorf("restore a rendition: %w", err)
			}
		default:
			return nil, err
		}
	}
	job.Renditions = intact
	return kept, nil
}

var errDamaged = errors.New("the stored file is not the recorded one")

func (w *Worker) restoreFiles(ctx context.Context, job *job, out string, files []media.StoredFile) error {
	hls := media.PrefixesOf(job.CreatorID, job.MediaID).HLS
	for _, file := range files {
		if !filepath.IsLocal(filepath.FromSlash(file.Rel)) {
			return errDamaged
		}
		object, err := w.cfg.Media.Get(ctx, hls+file.Rel, s3.Range{}, "")
		if err != nil {
			return err
		}
		local := filepath.Join(out, filepath.FromSlash(file.Rel))
		sum, err := save(object, local)
		if err == nil && sum != file.SHA256 {
			err = errDamaged
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// save writes an object to a new file and returns its SHA-256.
func save(object s3.Object, path string) (sum string, err error) {
	defer func() { _ = object.Body.Close() }()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("restore a rendition: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("restore a rendition: %w", err)
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, hash), object.Body)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("restore a rendition: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// checksum returns the SHA-256 of a file.
func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read a rendition: %w", err)
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("read a rendition: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
