package media

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// New registers an item.
func New(id string, cmd Register, f Facts, now time.Time) (Item, []events.Payload, error) {
	if !f.Actor.mayUpload() {
		return Item{}, nil, ErrNotCreator
	}
	if err := domain.BadFields(cmd.Validate()); err != nil {
		return Item{}, nil, err
	}
	if err := f.mayAdd(cmd.FileSizeBytes); err != nil {
		return Item{}, nil, err
	}
	key := OriginalKey(f.Actor.ID, id, f.UploadID, cmd.MimeType)
	if f.Development && ValidKey(cmd.R2Key) {
		key = cmd.R2Key
	}
	next, payloads := Item{
		ID:          id,
		CreatorID:   f.Actor.ID,
		Title:       cmd.Title,
		Description: cmd.Description,
		Type:        cmd.MediaType,
		Status:      Uploading,
		ObjectKey:   key,
		SizeBytes:   cmd.FileSizeBytes,
		MimeType:    cmd.MimeType,
		Checksum:    cmd.Checksum,
		Priority:    DefaultPriority,
		CreatedAt:   now,
	}.changed(now, events.MediaRegistered{
		MediaID:   id,
		CreatorID: f.Actor.ID,
		MediaType: string(cmd.MediaType),
		MimeType:  cmd.MimeType,
		SizeBytes: cmd.FileSizeBytes,
	})
	return next, payloads, nil
}

// mayAdd rejects an item of this size that exceeds the quota of its creator.
func (f Facts) mayAdd(sizeBytes int64) error {
	for _, use := range []struct {
		name              string
		limit, used, more int64
	}{
		{"media", f.Quota.Media, f.Usage.Items, 1},
		{"openUploads", f.Quota.OpenUploads, f.Usage.OpenUploads, 1},
		{"bytes", f.Quota.Bytes, f.Usage.Bytes, sizeBytes},
	} {
		if err := domain.Use(use.name, use.limit, use.used, use.more); err != nil {
			return err
		}
	}
	return nil
}

// CompleteUpload completes the upload of an item. Repeated before its job starts, it succeeds
// without an event.
func (i Item) CompleteUpload(cmd CompleteUpload, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	switch i.Status {
	case Uploaded:
		return i, nil, nil
	case Uploading:
	default:
		return i, nil, i.notUploading()
	}
	if cmd.SizeBytes != i.SizeBytes {
		return i, nil, WrongSize(i.SizeBytes, cmd.SizeBytes)
	}
	i.Status = Uploaded
	i.ETag = cmd.ETag
	i.Checksum = cmd.Checksum
	i.UploadedAt = &now
	next, payloads := i.changed(now, i.uploaded())
	return next, payloads, nil
}

func (i Item) notUploading() error {
	return With(ErrUploadOver, map[string]any{"status": i.Status, "allowed": []Status{Uploading, Uploaded}})
}

func (i Item) uploaded() events.MediaUploaded {
	return events.MediaUploaded{
		MediaID:   i.ID,
		CreatorID: i.CreatorID,
		MediaType: string(i.Type),
		MimeType:  i.MimeType,
		ObjectKey: i.ObjectKey,
		SizeBytes: i.SizeBytes,
		Attempt:   i.Attempts + 1,
	}
}

// Reject fails an item whose file is not the declared one. Another file needs another item.
func (i Item) Reject(cmd Reject, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	if i.Status != Uploading {
		return i, nil, i.notUploading()
	}
	next, payloads := i.failed(now, cmd.Code, cmd.Reason, cmd.Reason)
	return next, payloads, nil
}

// failed returns a failed item. text is for the owner only, reason is public.
func (i Item) failed(now time.Time, code, reason, text string) (Item, []events.Payload) {
	i = i.withoutJob()
	i.Status = Failed
	i.ErrorCode = code
	i.Error = cut(text, maxErrorText)
	return i.changed(now, events.MediaFailed{
		MediaID:   i.ID,
		CreatorID: i.CreatorID,
		JobID:     i.JobID,
		Attempt:   i.Attempts,
		Code:      code,
		Reason:    reason,
	})
}

// StartTranscoding starts a job for an uploaded item and counts the attempt. ok is false, and
// nothing changes, when the item is deleted or its job was started before.
func (i Item) StartTranscoding(jobID string, now time.Time) (next Item, payloads []events.Payload, ok bool) {
	if !i.exists() || i.Status != Uploaded || i.Attempts >= MaxAttempts {
		return i, nil, false
	}
	zero := 0
	i.Status = Transcoding
	i.JobID = jobID
	i.Progress = &zero
	i.Step = ""
	i.SeenAt = &now
	i.Pace = Pace{}
	i.Attempts++
	next, payloads = i.changed(now, events.MediaTranscodingStarted{
		MediaID:   i.ID,
		CreatorID: i.CreatorID,
		MediaType: string(i.Type),
		MimeType:  i.MimeType,
		ObjectKey: i.ObjectKey,
		ETag:      i.ETag,
		Checksum:  string(i.Checksum),
		JobID:     jobID,
		Attempt:   i.Attempts,
		Priority:  i.Priority,
	})
	return next, payloads, true
}

// Dispatch starts a job with a priority, for a program that requests it before the platform
// starts it.
func (i Item) Dispatch(cmd Transcode, jobID string, now time.Time) (Item, []events.Payload, error) {
	if !i.exists() {
		return i, nil, ErrTranscodingNotFound
	}
	asked := i
	if cmd.Priority != nil {
		asked.Priority = *cmd.Priority
	}
	next, payloads, ok := asked.StartTranscoding(jobID, now)
	if !ok {
		return i, nil, With(ErrState, map[string]any{"status": i.Status, "allowed": []Status{Uploaded}})
	}
	return next, payloads, nil
}

// Retry permits another attempt for a failed item whose file was accepted.
func (i Item) Retry(_ Retry, f Facts, now time.Time) (Item, []events.Payload, error) {
	switch {
	case !i.exists():
		return i, nil, ErrTranscodingNotFound
	case i.CreatorID != f.Actor.ID:
		return i, nil, ErrNotOwner
	case i.UploadedAt == nil:
		return i, nil, With(ErrUploadNotAccepted, map[string]any{"status": i.Status})
	case i.Status != Failed:
		return i, nil, With(ErrState, map[string]any{"status": i.Status, "allowed": []Status{Failed}})
	case i.Attempts >= MaxAttempts:
		return i, nil, With(ErrRetriesExceeded, map[string]any{"attempts": i.Attempts, "maximum": MaxAttempts})
	}
	i.Status = Uploaded
	i.Playable = false // the attempt may write over what is there
	i.JobID = ""
	i.Error = ""
	i.ErrorCode = ""
	next, payloads := i.changed(now, events.MediaRetried{MediaID: i.ID, Attempt: i.Attempts + 1})
	return next, payloads, nil
}

// Delete deletes an item that no published content uses.
func (i Item) Delete(_ Delete, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	if f.PublishedUses > 0 {
		return i, nil, With(ErrInUse, map[string]any{"publishedContent": f.PublishedUses})
	}
	i.DeletedAt = &now
	next, payloads := i.changed(now, events.MediaDeleted{MediaID: i.ID, CreatorID: i.CreatorID})
	return next, payloads, nil
}

// Update changes title and description; in development, every field.
func (i Item) Update(cmd Update, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	bad := cmd.Validate()
	if !f.Development {
		for _, name := range cmd.forced() {
			bad = append(bad, domain.Field{Path: name, Message: "cannot be set by a client"})
		}
	}
	if err := domain.BadFields(bad); err != nil {
		return i, nil, err
	}
	fields := cmd.forced()
	if cmd.Title != nil {
		i.Title = *cmd.Title
		fields = append(fields, "title")
	}
	if cmd.Description != nil {
		i.Description = cmd.Description
		fields = append(fields, "description")
	}
	if len(fields) == 0 {
		return i, nil, nil
	}
	wasReady := i.Status == Ready
	i = i.force(cmd)
	payloads := []events.Payload{events.MediaRevised{MediaID: i.ID, Fields: fields}}
	if i.Status == Ready && !wasReady {
		payloads = append(payloads, i.ready())
	}
	next, payloads := i.changed(now, payloads...)
	return next, payloads, nil
}

// force sets the fields for test clients. A status is set without its transitions.
func (i Item) force(cmd Update) Item {
	set(&i.Status, cmd.Status)
	set(&i.SizeBytes, cmd.FileSizeBytes)
	set(&i.MimeType, cmd.MimeType)
	set(&i.ObjectKey, cmd.R2Key)
	set(&i.MasterKey, cmd.HLSMasterPlaylistKey)
	set(&i.PreviewKey, cmd.HLSPreviewKey)
	set(&i.ThumbnailKey, cmd.ThumbnailKey)
	set(&i.WaveformKey, cmd.WaveformKey)
	set(&i.WaveformImage, cmd.WaveformImageKey)
	if cmd.DurationSeconds != nil {
		i.DurationSeconds = cmd.DurationSeconds
	}
	if cmd.Width != nil {
		i.Width = cmd.Width
	}
	if cmd.Height != nil {
		i.Height = cmd.Height
	}
	if cmd.ReadyVariants != nil {
		i.ReadyVariants = cmd.ReadyVariants
	}
	if cmd.UploadedAt != nil {
		i.UploadedAt = cmd.UploadedAt
	}
	if i.Status == Ready && i.MasterKey == "" {
		i.MasterKey = PrefixesOf(i.CreatorID, i.ID).HLS + "master.m3u8"
	}
	if i.Status != Transcoding {
		i = i.withoutJob()
	}
	return i
}

func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}

// cut shortens a text to a number of bytes without splitting a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && s[limit]&0xC0 == 0x80 {
		limit--
	}
	return s[:limit]
}
