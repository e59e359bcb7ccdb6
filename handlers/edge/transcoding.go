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
	"github.com/codex-platform/codex/handlers/wire"
)

// TranscodingRoutes serves /api/transcoding: the transcoder's callbacks, and what
// owners ask about their jobs.
type TranscodingRoutes struct {
	// Secrets sign callbacks. More than one is accepted while one replaces another.
	Secrets [][]byte
}

// maxCallbackBytes bounds a callback's body.
const maxCallbackBytes = 64 << 10

// callbackSpace is the name space of the commands that callbacks become.
var callbackSpace = uuid.MustParse("e2f8b0de-51a5-5d33-9a0c-0d1f0a2ab6c4")

// Register implements Routes.
func (t TranscodingRoutes) Register(e *Edge, r gin.IRouter) {
	r.POST("/api/transcoding/webhook", func(c *gin.Context) { t.callback(e, c) })
	r.POST("/api/transcoding/retry/:id", e.signedIn(), e.changeContent("media.retry", media.Retry{}))
	r.GET("/api/transcoding/status/:id", e.signedIn(), e.getTranscodingStatus)
}

// received is the answer to a callback that needs not be sent again.
type received struct {
	Received bool   `json:"received"`
	Error    string `json:"error,omitempty"`
}

// callback takes what a transcoder reports. It answers 200 when the report is
// recorded for good, or can never be: an unknown job, a body that is no report. It
// answers 5xx when the report should be sent again.
func (t TranscodingRoutes) callback(e *Edge, c *gin.Context) {
	body, err := readBody(c, maxCallbackBytes)
	if err == nil {
		err = media.Verify(t.Secrets, c.GetHeader(media.SignatureHeader), c.GetHeader(media.TimestampHeader), body, e.cfg.Now())
	}
	if err != nil {
		e.refuse(c, err)
		return
	}
	report, err := parseCallback(body)
	if err != nil {
		e.cfg.Log.WarnContext(c, "callback refused", "error", err)
		c.JSON(http.StatusOK, received{Received: true, Error: err.Error()})
		return
	}
	item, found, err := postgres.FindByJob(c, e.cfg.Pool, report.JobID)
	switch {
	case err != nil:
		e.refuse(c, err)
		return
	case !found:
		e.cfg.Log.InfoContext(c, "callback for a job that is not current", "job", report.JobID)
		c.JSON(http.StatusOK, received{Received: true})
		return
	}
	cmd, err := callbackCommand(e, c, report, item.ID, body)
	if err != nil {
		e.refuse(c, err)
		return
	}
	// Accepted means that the row is committed: the report cannot get lost.
	reply, accepted, err := e.outcome(c, cmd)
	switch {
	case err != nil:
		e.refuse(c, err)
	case !accepted && reply.Status >= http.StatusInternalServerError:
		writeReply(c, reply)
	default:
		c.JSON(http.StatusOK, received{Received: true})
	}
}

// parseCallback reads the fields it knows, each strictly, and ignores others: an
// external transcoder may say more than we need.
func parseCallback(body []byte) (media.Callback, error) {
	var report media.Callback
	if err := inspect(body); err != nil {
		return report, callbackError(err)
	}
	if err := json.Unmarshal(body, &report); err != nil {
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			return report, fmt.Errorf("%s is of another type than expected", dotted(semantic.JSONPointer))
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
		typ, payload = "media.record_progress", media.RecordProgress{JobID: report.JobID, Percent: *report.Progress, Step: report.Step}
	case report.Status == media.CallbackFailed:
		typ, payload = "media.record_failure", media.RecordFailure{JobID: report.JobID, Error: report.Error}
	case report.Output == nil:
		typ, payload = "media.record_failure", media.RecordFailure{JobID: report.JobID, Error: media.CodeBadResult + ": The transcoder delivered no output."}
	default:
		typ, payload = "media.record_result", media.RecordResult{JobID: report.JobID, Output: *report.Output}
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
func (e *Edge) getTranscodingStatus(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	item, found, err := postgres.Find(c, e.cfg.Pool, id)
	switch {
	case err != nil:
		e.refuse(c, err)
	case !found || item.DeletedAt != nil:
		e.refuse(c, domain.Missing("TRANSCODING_MEDIA_NOT_FOUND", "Media"))
	case item.CreatorID != mustActor(c).UserID:
		e.refuse(c, media.NotOwner())
	default:
		c.JSON(http.StatusOK, wire.Single{Data: wire.TranscodingStatusOf(item)})
	}
}
