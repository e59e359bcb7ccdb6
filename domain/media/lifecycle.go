package media

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// New decides the registration of an item with this id.
func New(id string, cmd Register, f Facts, now time.Time) (Item, []events.Payload, error) {
	if !f.Actor.mayUpload() {
		return Item{}, nil, ErrNotCreator
	}
	if err := domain.BadFields(cmd.Validate()); err != nil {
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

// CompleteUpload decides that the file is there. Asked again while the item waits for its job, it
// succeeds without an event.
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
	i.Status, i.ETag, i.UploadedAt = Uploaded, cmd.ETag, &now
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

// Reject decides that the uploaded file is not what was declared. It ends the item: another file is another item.
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

// failed ends an attempt. text is for the owner alone; reason is public.
func (i Item) failed(now time.Time, code, reason, text string) (Item, []events.Payload) {
	i.Status, i.ErrorCode, i.Error = Failed, code, cut(text, maxErrorText)
	i.Progress, i.Step, i.SeenAt = nil, "", nil
	return i.changed(now, events.MediaFailed{
		MediaID:   i.ID,
		CreatorID: i.CreatorID,
		JobID:     i.JobID,
		Attempt:   i.Attempts,
		Code:      code,
		Reason:    reason,
	})
}

// StartTranscoding gives out a job for an item that was uploaded, and counts the attempt. ok is false, and nothing
// changes, when there is nothing to do: the item is deleted, or its job was given out before.
func (i Item) StartTranscoding(jobID string, now time.Time) (next Item, payloads []events.Payload, ok bool) {
	if !i.exists() || i.Status != Uploaded || i.Attempts >= MaxAttempts {
		return i, nil, false
	}
	zero := 0
	i.Status, i.JobID, i.Progress, i.Step, i.SeenAt = Transcoding, jobID, &zero, "", &now
	i.Attempts++
	next, payloads = i.changed(now, events.MediaTranscodingStarted{
		MediaID:   i.ID,
		CreatorID: i.CreatorID,
		MediaType: string(i.Type),
		MimeType:  i.MimeType,
		ObjectKey: i.ObjectKey,
		ETag:      i.ETag,
		JobID:     jobID,
		Attempt:   i.Attempts,
		Priority:  i.Priority,
	})
	return next, payloads, true
}

// Dispatch decides that a job is given out with a priority, for a program that asks for it before
// the platform itself does.
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

// Retry decides another attempt for a failed item. An item whose file was refused has nothing to try again with.
func (i Item) Retry(_ Retry, f Facts, now time.Time) (Item, []events.Payload, error) {
	switch {
	case !i.exists():
		return i, nil, ErrTranscodingNotFound
	case i.CreatorID != f.Actor.ID:
		return i, nil, ErrNotOwner
	case i.Status != Failed || i.UploadedAt == nil:
		return i, nil, With(ErrState, map[string]any{"status": i.Status, "allowed": []Status{Failed}})
	case i.Attempts >= MaxAttempts:
		return i, nil, With(ErrRetriesExceeded, map[string]any{"attempts": i.Attempts, "maximum": MaxAttempts})
	}
	i.Status, i.JobID, i.Error, i.ErrorCode = Uploaded, "", "", ""
	next, payloads := i.changed(now, events.MediaRetried{MediaID: i.ID, Attempt: i.Attempts + 1})
	return next, payloads, nil
}

// Delete decides the end of an item. Published content that shows it stands in the way.
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

// Update decides a change of what the creator wrote; in development, of everything.
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

// force applies the fields for test clients. A status is set without the way that leads to it.
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
		i.Progress, i.Step, i.SeenAt = nil, "", nil
	}
	return i
}

func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}

// cut shortens a text to so many bytes without cutting a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && s[limit]&0xC0 == 0x80 {
		limit--
	}
	return s[:limit]
}
