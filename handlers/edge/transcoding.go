package edge

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/edge/strict"
	"github.com/codex-platform/codex/handlers/wire"
)

// TranscodingRoutes serves /api/transcoding: the transcoder's callbacks, and what
// owners ask about their jobs; and /internal, what other programs of the
// installation ask about media.
type TranscodingRoutes struct {
	// Secrets sign callbacks. More than one is accepted while one replaces another.
	Secrets [][]byte
	// Orphans looks for objects that belong to nothing.
	Orphans OrphanCleanup
}

// maxCallbackBytes bounds a callback's body.
const maxCallbackBytes = 64 << 10

// callbackSpace is the name space of the commands that callbacks become.
var callbackSpace = uuid.MustParse("e2f8b0de-51a5-5d33-9a0c-0d1f0a2ab6c4")

// Routes implements [Resource].
func (t TranscodingRoutes) Routes(e *Edge) []Route {
	return append(t.internalRoutes(e),
		Route{
			Method: "POST", Path: "/api/transcoding/webhook", Name: "reportTranscoding", Summary: "Take a transcoder's report",
			Notes: "Not enveloped. 200 says that the report needs not be sent again: it is recorded for good, or it is nothing that could be; error then says why.",
			Who:   signedTranscoder, Limit: limitWebhook, Body: media.Callback{}, Answers: []Answer{{Status: http.StatusOK, Body: wire.ReportReceived{}}},
			Refusals: []*domain.Error{errBodyTooLarge, errUnavailable}, Handle: func(c *gin.Context) error { return t.callback(e, c) },
		},
		Route{
			Method: "POST", Path: "/api/transcoding/retry/:id", Name: "retryTranscoding", Summary: "Try a failed transcoding again",
			Who: withSession(), Limit: limitStrict, Command: true, Answers: []Answer{single[wire.TranscodingAsked](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrTranscodingNotFound, media.ErrNotOwner, media.ErrState, media.ErrRetriesExceeded},
			Handle:   e.change(media.CommandRetry, media.Retry{}),
		},
		Route{
			Method: "GET", Path: "/api/transcoding/status/:id", Name: "getTranscodingStatus", Summary: "Say how far an item is",
			Who: withSession(), Answers: []Answer{single[wire.TranscodingStatus](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrTranscodingNotFound, media.ErrNotOwner}, Handle: e.getTranscodingStatus,
		},
	)
}

// callback takes what a transcoder reports. It answers 200 when the report is
// recorded for good, or can never be: an unknown job, a body that is no report. It
// answers 5xx when the report should be sent again.
func (t TranscodingRoutes) callback(e *Edge, c *gin.Context) error {
	body, err := readBody(c, maxCallbackBytes)
	if err == nil {
		err = media.Verify(t.Secrets, c.GetHeader(media.SignatureHeader), c.GetHeader(media.TimestampHeader), body, e.cfg.Now())
	}
	if err != nil {
		return err
	}
	report, err := parseCallback(body)
	if err != nil {
		e.cfg.Log.WarnContext(c, "callback refused", "error", err)
		c.JSON(http.StatusOK, wire.ReportReceived{Received: true, Error: err.Error()})
		return nil
	}
	if err := e.record(c, report, body); err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.ReportReceived{Received: true})
	return nil
}

// record applies a report. A report on a job that no item has is nothing to apply.
func (e *Edge) record(c *gin.Context, report media.Callback, body []byte) error {
	item, found, err := postgres.FindByJob(c, e.cfg.Pool, report.JobID)
	if err != nil {
		return err
	}
	if !found {
		e.cfg.Log.InfoContext(c, "callback for a job that is not current", "job", report.JobID)
		return nil
	}
	cmd, err := callbackCommand(e, c, report, item.ID, body)
	if err != nil {
		return err
	}
	// Accepted means that the row is committed: the report cannot get lost.
	reply, accepted, err := e.outcome(c, cmd)
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
func callbackCommand(e *Edge, c *gin.Context, report media.Callback, mediaID string, body []byte) (events.Command, error) {
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
		IssuedAt: e.cfg.Now().UTC(), CorrelationID: c.GetString(requestIDKey), TraceParent: bus.TraceParent(c.Request.Context()),
	}, nil
}

// getTranscodingStatus tells the owner how far an item is.
func (e *Edge) getTranscodingStatus(c *gin.Context) error {
	item, found, err := postgres.Find(c, e.cfg.Pool, paramsOf(c).uuid("id"))
	switch {
	case err != nil:
		return err
	case !found || item.DeletedAt != nil:
		return media.ErrTranscodingNotFound
	case item.CreatorID != mustActor(c).UserID:
		return media.ErrNotOwner
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.TranscodingStatusOf(item)})
	return nil
}
