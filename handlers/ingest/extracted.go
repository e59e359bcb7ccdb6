package ingest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/captions"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

const (
	// maxChapterBytes limits the object with the chapters of a file.
	maxChapterBytes = 256 << 10
	// maxReportCommand is less than the bus accepts: 1 MiB with its headers.
	maxReportCommand = 900 << 10
)

var errCommandTooLarge = errors.New("the command is too large for the bus")

// recordTracks sends a command for each subtitle track of a result, before the result itself, so that
// an item which is ready has its captions, and returns the chapters. Both are in the store, since a
// callback has no room for them. A track that cannot be read becomes a note.
func (i *ingest) recordTracks(r *edge.Request, report *media.Callback, item media.Item) ([]media.Chapter, error) {
	out := report.Output
	if out == nil || item.ForeignKeys(*out) != "" {
		return nil, nil // the result is refused
	}
	kept := out.Captions[:0:0]
	for n, track := range out.Captions {
		text, err := i.extractedCaptions(r, track)
		record := media.RecordCaptions{JobID: report.JobID, OutputCaptions: track, Text: text}
		if err == nil && text != "" {
			err = i.sendReport(r, report.JobID, item.ID, media.CommandRecordCaptions, record, []byte(track.Key))
		}
		switch {
		case err == nil && text != "":
			kept = append(kept, track)
		case err == nil || errors.Is(err, errCommandTooLarge):
			out.Notes = append(out.Notes, media.Note{
				Code:    media.CodeDamagedCaptions,
				Stream:  n,
				Message: "The captions in " + track.Language + " could not be read; upload them as WebVTT or SubRip.",
			})
		default:
			return nil, err
		}
	}
	out.Captions = kept
	return i.extractedChapters(r, out)
}

// extractedCaptions returns a track as WebVTT, "" when it is missing or damaged.
func (i *ingest) extractedCaptions(r *edge.Request, track media.OutputCaptions) (string, error) {
	text, err := i.cfg.Media.Read(r, track.Key, s3.Range{Length: captions.MaxBytes + 1}, "", captions.MaxBytes+1)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read extracted captions: %w", err)
	}
	parsed, err := captions.Parse(string(text))
	if err != nil {
		return "", nil //nolint:nilerr // the file is at fault, which the caller notes
	}
	return parsed.WebVTT(), nil
}

// extractedChapters returns the chapters of a file; none when they are missing or damaged.
func (i *ingest) extractedChapters(r *edge.Request, out *media.Output) ([]media.Chapter, error) {
	if out.ChaptersKey == nil {
		return nil, nil
	}
	text, err := i.cfg.Media.Read(r, *out.ChaptersKey, s3.Range{Length: maxChapterBytes}, "", maxChapterBytes)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read extracted chapters: %w", err)
	}
	var found media.SetChapters
	if json.Unmarshal(text, &found) != nil || len(found.Validate()) > 0 {
		return nil, nil //nolint:nilerr // the file is at fault: it has none
	}
	return found.Chapters, nil
}

// sendReport sends a command that belongs to a report and fails unless it was handled or stored.
func (i *ingest) sendReport(r *edge.Request, jobID, mediaID, name string, payload any, body []byte) error {
	cmd, err := reportCommand(r, jobID, mediaID, name, payload, body)
	if err != nil {
		return err
	}
	// An accepted command is committed, so the report cannot be lost.
	reply, accepted, err := r.Outcome(cmd)
	if err == nil && !accepted && reply.Status >= http.StatusInternalServerError {
		err = fmt.Errorf("the report on job %s failed with status %d", jobID, reply.Status)
	}
	return err
}

// reportCommand returns a command of a report. Its id follows from the job and from what was sent,
// so a report that is delivered twice is one command.
func reportCommand(
	r *edge.Request, jobID, mediaID, name string, payload any, sent []byte,
) (events.Command, error) {
	// The bus escapes what this package of JSON escapes: only then is the hash the same at both ends.
	encoded, err := json.Marshal(payload)
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal %s: %w", name, err)
	}
	if len(encoded) > maxReportCommand {
		return events.Command{}, errCommandTooLarge
	}
	hash := sha256.Sum256(sent)
	return events.Command{
		ID:            uuid.NewSHA1(callbackSpace, append([]byte(jobID+"\x00"), hash[:]...)).String(),
		Type:          name,
		ActorID:       media.ActorTranscoder,
		AggregateID:   mediaID,
		Payload:       encoded,
		IssuedAt:      r.Now(),
		CorrelationID: r.ID(),
		TraceParent:   bus.TraceParent(r.Request.Context()),
	}, nil
}

// recordCaptions handles the command of a transcoder.
func (b *mediaBatch) recordCaptions(
	cmd events.Command, p *media.RecordCaptions, now time.Time,
) (commands.Outcome, error) {
	if cmd.ActorID != media.ActorTranscoder {
		return commands.Outcome{}, media.ErrNotCreator
	}
	next, payloads, ignored := b.items.Rows[cmd.AggregateID].RecordCaptions(*p, now)
	if ignored != "" {
		return commands.OK(ReportTaken{Ignored: ignored}), nil
	}
	track, _ := next.CaptionsIn(p.Language)
	b.captions = append(b.captions, captionChange{next.ID, track.Language, p.Text})
	return commands.OK(ReportTaken{Applied: true}, b.keep(next, payloads)...), nil
}
