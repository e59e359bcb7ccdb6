package ingest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// maxCallbackBytes bounds a callback's body.
const maxCallbackBytes = 64 << 10

// callbackSpace is the name space of the commands that callbacks become.
var callbackSpace = uuid.MustParse("e2f8b0de-51a5-5d33-9a0c-0d1f0a2ab6c4")

func (i *ingest) transcodingRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "POST", Path: "/api/transcoding/webhook", Name: "reportTranscoding", Sends: []string{media.CommandRecordProgress, media.CommandRecordResult, media.CommandRecordFailure}, Summary: "Take a transcoder's report",
			Notes: "Not enveloped. 200 says that the report needs not be sent again: it is recorded for good, or it is nothing that could be; error then says why.",
			Auth:  edge.TranscoderSignature, Limit: edge.LimitWebhook, Body: media.Callback{}, Responses: []edge.Response{{Status: http.StatusOK, Body: ReportReceived{}}},
			Errors: []*domain.Error{edge.ErrBodyTooLarge, edge.ErrUnavailable}, Handle: i.callback,
		},
		{
			Method: "POST", Path: "/api/transcoding/retry/:id", Name: "retryTranscoding", Summary: "Try a failed transcoding again",
			Auth: edge.Session(), Limit: edge.LimitStrict, Command: media.CommandRetry, Responses: []edge.Response{edge.Data[TranscodingAsked](http.StatusOK)},
			Errors: []*domain.Error{media.ErrTranscodingNotFound, media.ErrNotOwner, media.ErrState, media.ErrRetriesExceeded},
			Handle: edge.SendForID(media.Retry{}),
		},
		{
			Method: "GET", Path: "/api/transcoding/status/:id", Name: "getTranscodingStatus", Summary: "Say how far an item is",
			Auth: edge.Session(), Responses: []edge.Response{edge.Data[TranscodingStatus](http.StatusOK)},
			Errors: []*domain.Error{media.ErrTranscodingNotFound, media.ErrNotOwner}, Handle: i.getTranscodingStatus,
		},
	}
}

// callback takes what a transcoder reports. It answers 200 when the report is
// recorded for good, or can never be: an unknown job, a body that is no report. It
// answers 5xx when the report should be sent again.
func (i *ingest) callback(c *edge.Request) error {
	body, err := c.ReadBody(maxCallbackBytes)
	if err == nil {
		err = media.Verify(i.cfg.CallbackSecrets, c.GetHeader(media.SignatureHeader), c.GetHeader(media.TimestampHeader), body, c.Now())
	}
	if err != nil {
		return err
	}
	report, err := parseCallback(body)
	if err != nil {
		c.Log().WarnContext(c, "callback refused", "error", err)
		c.JSON(http.StatusOK, ReportReceived{Received: true, Error: err.Error()})
		return nil
	}
	if err := i.record(c, report, body); err != nil {
		return err
	}
	c.JSON(http.StatusOK, ReportReceived{Received: true})
	return nil
}

// record applies a report. A report on a job that no item has is nothing to apply.
func (i *ingest) record(c *edge.Request, report media.Callback, body []byte) error {
	item, found, err := postgres.FindByJob(c, i.cfg.Pool, report.JobID)
	if err != nil {
		return err
	}
	if !found {
		c.Log().InfoContext(c, "callback for a job that is not current", "job", report.JobID)
		return nil
	}
	cmd, err := callbackCommand(c, report, item.ID, body)
	if err != nil {
		return err
	}
	// Accepted means that the row is committed: the report cannot get lost.
	reply, accepted, err := c.Outcome(cmd)
	if err == nil && !accepted && reply.Status >= http.StatusInternalServerError {
		err = fmt.Errorf("the report on job %s was answered with %d", report.JobID, reply.Status)
	}
	return err
}

// parseCallback reads the fields it knows, each strictly, and ignores others: an
// external transcoder may say more than we need.
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

// callbackError says the first thing that is wrong, in one line.
func callbackError(err error) error {
	if refusal, ok := domain.AsError(err); ok && len(refusal.Fields) > 0 {
		path := refusal.Fields[0].Path
		if path == "" {
			path = "the body"
		}
		return fmt.Errorf("%s %s", path, refusal.Fields[0].Message)
	}
	return err
}

// callbackCommand turns a report into a command. Its id follows from job and body,
// so a report that is delivered twice is one command.
func callbackCommand(c *edge.Request, report media.Callback, mediaID string, body []byte) (events.Command, error) {
	var typ string
	var payload any
	switch {
	case report.Status == media.CallbackProgress:
		typ, payload = media.CommandRecordProgress, media.RecordProgress{JobID: report.JobID, Percent: *report.Progress, Step: report.Step}
	case report.Status == media.CallbackFailed:
		typ, payload = media.CommandRecordFailure, media.RecordFailure{JobID: report.JobID, Error: report.Error}
	case report.Output == nil:
		typ, payload = media.CommandRecordFailure, media.RecordFailure{JobID: report.JobID, Error: media.CodeBadResult + ": The transcoder delivered no output."}
	default:
		typ, payload = media.CommandRecordResult, media.RecordResult{JobID: report.JobID, Output: *report.Output}
	}
	encoded, err := json.Marshal(payload, json.Deterministic(true))
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal %s: %w", typ, err)
	}
	hash := sha256.Sum256(body)
	return events.Command{
		ID: uuid.NewSHA1(callbackSpace, append([]byte(report.JobID+"\x00"), hash[:]...)).String(), Type: typ,
		ActorID: media.ActorTranscoder, AggregateID: mediaID, Payload: encoded,
		IssuedAt: c.Now(), CorrelationID: c.ID(), TraceParent: bus.TraceParent(c.Request.Context()),
	}, nil
}

// getTranscodingStatus tells the owner how far an item is.
func (i *ingest) getTranscodingStatus(c *edge.Request) error {
	item, found, err := postgres.Find(c, i.cfg.Pool, c.UUID("id"))
	switch {
	case err != nil:
		return err
	case !found || item.DeletedAt != nil:
		return media.ErrTranscodingNotFound
	case item.CreatorID != c.Actor().UserID:
		return media.ErrNotOwner
	}
	return c.OK(TranscodingStatusOf(item))
}
