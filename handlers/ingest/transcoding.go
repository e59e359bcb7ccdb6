package ingest

import (
	"cmp"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// maxCallbackBytes limits the body of a callback.
const maxCallbackBytes = 64 << 10

// callbackSpace is the UUID name space of the commands that callbacks become.
var callbackSpace = uuid.MustParse("e2f8b0de-51a5-5d33-9a0c-0d1f0a2ab6c4")

func (i *ingest) transcodingRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "POST",
			Path:   "/api/transcoding/webhook",
			Name:   "reportTranscoding",
			Sends: []string{
				media.CommandRecordProgress,
				media.CommandRecordCaptions,
				media.CommandRecordPlayable,
				media.CommandRecordResult,
				media.CommandRecordFailure,
			},
			Summary: "Report on a transcoding job",
			Notes: "Not enveloped. After a 200 the report must not be sent again: it is stored, or it can never be, " +
				"and error says why.",
			Auth:      edge.TranscoderSignature,
			Limit:     edge.LimitWebhook,
			Body:      media.Callback{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: ReportReceived{}}},
			Errors:    []*domain.Error{edge.ErrBodyTooLarge, edge.ErrUnavailable},
			Handle:    i.callback,
		},
		{
			Method:    "POST",
			Path:      "/api/transcoding/retry/:id",
			Name:      "retryTranscoding",
			Summary:   "Retry a failed transcoding",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Command:   media.CommandRetry,
			Responses: []edge.Response{edge.Data[TranscodingAsked](http.StatusOK)},
			Errors: []*domain.Error{
				media.ErrTranscodingNotFound,
				media.ErrNotOwner,
				media.ErrState,
				media.ErrUploadNotAccepted,
				media.ErrRetriesExceeded,
			},
			Handle: edge.SendForID(media.Retry{}),
		},
		{
			Method:    "GET",
			Path:      "/api/transcoding/status/:id",
			Name:      "getTranscodingStatus",
			Summary:   "Get transcoding status",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[TranscodingStatus](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrTranscodingNotFound, media.ErrNotOwner},
			Handle:    i.getTranscodingStatus,
		},
	}
}

// callback receives a transcoder's report. It responds with 200 when the report is stored, or
// can never be: an unknown job, an invalid body; and with 5xx when the report must be sent
// again.
func (i *ingest) callback(r *edge.Request) error {
	body, err := r.ReadBody(maxCallbackBytes)
	if err == nil {
		signature, timestamp := r.GetHeader(media.SignatureHeader), r.GetHeader(media.TimestampHeader)
		err = media.Verify(i.cfg.CallbackSecrets, signature, timestamp, body, r.Now())
	}
	if err != nil {
		return err
	}
	if err := strict.Storable(body); err != nil && stdjson.Valid(body) {
		return err
	}
	report, err := parseCallback(body)
	if err != nil {
		r.Log().WarnContext(r, "callback ignored", "error", err)
		r.JSON(http.StatusOK, ReportReceived{Received: true, Error: err.Error()})
		return nil
	}
	fault, err := i.record(r, report, body)
	if err != nil {
		return err
	}
	r.JSON(http.StatusOK, ReportReceived{Received: true, Error: fault})
	return nil
}

// record sends the command of a report, and returns why its output is refused, "" for one that
// is not. A report on a job that no item has is ignored.
func (i *ingest) record(r *edge.Request, report media.Callback, body []byte) (fault string, err error) {
	item, found, err := postgres.FindByJob(r, i.cfg.Pool, report.JobID)
	if err != nil {
		return "", err
	}
	if !found {
		r.Log().InfoContext(r, "callback for a job that is not current", "job", report.JobID)
		return "", nil
	}
	var chapters []media.Chapter
	if report.Status == media.CallbackCompleted {
		if chapters, err = i.recordTracks(r, &report, item); err != nil {
			return "", err
		}
	}
	name, payload := commandOf(report, chapters)
	err = i.sendReport(r, report.JobID, item.ID, name, payload, body)
	if err == nil && report.Output != nil {
		fault = item.ForeignKeys(*report.Output)
	}
	return fault, err
}

// parseCallback reads the known fields strictly and ignores others, which an external
// transcoder may send.
func parseCallback(body []byte) (media.Callback, error) {
	var report media.Callback
	if err := strict.Inspect(body); err != nil {
		return report, callbackError(err)
	}
	if err := json.Unmarshal(body, &report); err != nil {
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			return report, fmt.Errorf("%s is of another type than expected", strict.Path(semantic.JSONPointer))
		}
		return report, errors.New("the body is not well-formed JSON")
	}
	return report, callbackError(domain.BadFields(report.Validate()))
}

// callbackError returns the errors of a callback as one line.
func callbackError(err error) error {
	rejection, ok := domain.AsError(err)
	if !ok || len(rejection.Fields) == 0 {
		return err
	}
	faults := make([]string, len(rejection.Fields))
	for i, field := range rejection.Fields {
		faults[i] = cmp.Or(field.Path, "the body") + " " + field.Message
	}
	return errors.New(strings.Join(faults, "; "))
}

// commandOf returns name and payload of the command of a report.
func commandOf(report media.Callback, chapters []media.Chapter) (name string, payload any) {
	switch {
	case report.Status == media.CallbackProgress:
		return media.CommandRecordProgress, media.RecordProgress{
			JobID:   report.JobID,
			Percent: *report.Progress,
			Step:    report.Step,
		}
	case report.Status == media.CallbackFailed:
		return media.CommandRecordFailure, media.RecordFailure{JobID: report.JobID, Error: report.Error}
	case report.Status == media.CallbackPlayable:
		return media.CommandRecordPlayable, media.RecordPlayable{JobID: report.JobID, Output: *report.Output}
	case report.Output == nil:
		const failure = media.CodeBadResult + ": The transcoder delivered no output."
		return media.CommandRecordFailure, media.RecordFailure{JobID: report.JobID, Error: failure}
	default:
		return media.CommandRecordResult, media.RecordResult{
			JobID:    report.JobID,
			Output:   *report.Output,
			Chapters: chapters,
		}
	}
}

// getTranscodingStatus responds to the owner of an item.
func (i *ingest) getTranscodingStatus(r *edge.Request) error {
	item, found, err := postgres.Find(r, i.cfg.Pool, r.UUID("id"))
	switch {
	case err != nil:
		return err
	case !found || item.DeletedAt != nil:
		return media.ErrTranscodingNotFound
	case item.CreatorID != r.Actor().UserID:
		return media.ErrNotOwner
	}
	return r.OK(transcodingStatusOf(item, r.Now()))
}
