package streaming

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// StreamObjects is what streaming needs of an object store.
type StreamObjects interface {
	// Read returns an object's bytes, limit at most; s3.ErrNotFound when there is none.
	Read(ctx context.Context, key string, part s3.Range, etag string, limit int64) ([]byte, error)
	// PresignGet returns an address that reads one object for so long. The object
	// need not exist.
	PresignGet(ctx context.Context, key string, life time.Duration) (string, error)
}

// accessRoutes declares progress and decisions.
func (s *streaming) accessRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "POST", Path: "/api/access/content/:id/progress", Name: "saveProgress", Summary: "Say how far a player got",
			Notes: "Only the furthest position counts; from 95 % on, or with completed, the item is completed for good.",
			Auth:  edge.Session(), Body: access.Progress{}, Command: access.CommandRecordPlayback, Responses: []edge.Response{edge.NoContent},
			Errors: []*domain.Error{access.ErrContentNotFound, access.ErrDenied}, Handle: s.saveProgress,
		},
		{
			Method: "GET", Path: "/api/access/content/:id/progress", Name: "getProgress", Summary: "Read the caller's progress in an item",
			Auth: edge.Session(), Responses: []edge.Response{edge.Data[ProgressAnswer](http.StatusOK)}, Handle: s.getProgress,
		},
		{
			Method: "GET", Path: "/api/access/content/:id/decision", Name: "explainAccess", Summary: "Explain whether somebody may see an item",
			Notes: "About the caller, or, for the item's creator and the owners and admins of its organization, about the user that userId names. " +
				"To everybody else the question about another is answered as if the item did not exist.",
			Auth: edge.Session(), Params: []edge.Param{edge.UserIDParam("userId", "whom to explain it for; the caller when absent")}, Responses: []edge.Response{edge.Data[Decision](http.StatusOK)},
			Errors: []*domain.Error{access.ErrContentNotFound, errUserNotFound}, Handle: s.getDecision,
		},
	}
}

// decide reads what the decision on a question rests on and decides. queue adds
// further reads to the round trip.
func (s *streaming) decide(ctx context.Context, q postgres.Question, queue ...func(*pgx.Batch)) (access.Verdict, error) {
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, []postgres.Question{q}, found)
	for _, f := range queue {
		f(b)
	}
	if err := s.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		return access.Verdict{}, fmt.Errorf("read the grounds of access: %w", err)
	}
	facts := found[q]
	return access.Decide(facts.Content, facts.Viewer, s.cfg.Now()), nil
}

var errUserNotFound = domain.Missing("USER_NOT_FOUND", "User")

// getDecision explains whether and why somebody may see an item: to the caller about
// themselves, to the item's management about others. What is not published exists for
// the management only, what is deleted for nobody.
func (s *streaming) getDecision(c *edge.Request) error {
	caller := postgres.Question{UserID: c.Actor().UserID, ContentID: c.UUID("id")}
	asked := caller
	if other := c.Text("userId"); other != "" {
		asked.UserID = other
	}
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, []postgres.Question{caller, asked}, found)
	if err := s.cfg.Pool.SendBatch(c, b).Close(); err != nil {
		return fmt.Errorf("read the grounds of access: %w", err)
	}
	facts, now := found[asked], s.cfg.Now()
	managed := found[caller].Content.ManagedBy(found[caller].Viewer)
	verdict := access.Decide(facts.Content, facts.Viewer, now)
	switch {
	case facts.Content.Deleted, verdict.Reason == access.NotFound && !managed, asked != caller && !managed:
		return access.ErrContentNotFound
	case facts.Viewer.UserID == "":
		return errUserNotFound
	}
	return c.OK(DecisionOf(asked.ContentID, facts.Viewer, verdict, now))
}

// saveProgress sends what a player reports. Access is decided where it is applied.
func (s *streaming) saveProgress(c *edge.Request) error {
	var request access.Progress
	if err := c.Decode(&request); err != nil {
		return err
	}
	id := c.UUID("id")
	return c.Send(postgres.PlaybackID(c.Actor().UserID, id), access.Record{ContentID: id, Progress: request})
}

// getProgress answers with the caller's own progress, whether or not they still
// have access.
func (s *streaming) getProgress(c *edge.Request) error {
	rows, err := s.cfg.Pool.Query(c, `SELECT `+postgres.PlaybackColumns+` FROM video_playback p WHERE p.user_id = $1 AND p.content_id = $2`,
		c.Actor().UserID, c.UUID("id"))
	if err != nil {
		return fmt.Errorf("read progress: %w", err)
	}
	playback, err := pgx.CollectOneRow(rows, postgres.ScanPlayback)
	answer := ProgressAnswer{}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return fmt.Errorf("read progress: %w", err)
	default:
		progress := ProgressOf(playback)
		answer.Progress = &progress
	}
	return c.OK(answer)
}
