package streaming

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// accessRoutes declares progress and decisions.
func (s *streaming) accessRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/api/access/content/:id/progress",
			Name:      "saveProgress",
			Summary:   "Save playback progress",
			Notes:     "Only the furthest position counts; from 95 % on, or with completed, the item is completed for good.",
			Auth:      edge.Session(),
			Body:      access.Progress{},
			Command:   access.CommandRecordPlayback,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{access.ErrContentNotFound, access.ErrDenied},
			Handle:    s.saveProgress,
		},
		{
			Method:    "GET",
			Path:      "/api/access/content/:id/progress",
			Name:      "getProgress",
			Summary:   "Get playback progress",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[ProgressAnswer](http.StatusOK)},
			Handle:    s.getProgress,
		},
		{
			Method:  "GET",
			Path:    "/api/access/content/:id/decision",
			Name:    "explainAccess",
			Summary: "Explain an access decision",
			Notes: "About the caller, or about the user that userId names, for the item's creator and the owners " +
				"and admins of its organization. For everyone else the item does not exist when userId is another user.",
			Auth:      edge.Session(),
			Params:    []edge.Param{edge.UserIDParam("userId", "the user to explain it for; default the caller")},
			Responses: []edge.Response{edge.Data[Decision](http.StatusOK)},
			Errors:    []*domain.Error{access.ErrContentNotFound, errUserNotFound},
			Handle:    s.getDecision,
		},
	}
}

// facts reads what the decisions on questions rest on. queue adds further reads to the
// round trip.
func (s *streaming) facts(
	ctx context.Context, questions []postgres.Question, queue ...func(*pgx.Batch),
) (map[postgres.Question]postgres.Facts, error) {
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, questions, found)
	for _, f := range queue {
		f(b)
	}
	if err := s.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("read the facts of access: %w", err)
	}
	return found, nil
}

// decide decides a question. queue adds further reads to the round trip.
func (s *streaming) decide(
	ctx context.Context, q postgres.Question, queue ...func(*pgx.Batch),
) (access.Verdict, error) {
	found, err := s.facts(ctx, []postgres.Question{q}, queue...)
	if err != nil {
		return access.Verdict{}, err
	}
	return access.Decide(found[q].Content, found[q].Viewer, s.cfg.Now()), nil
}

var errUserNotFound = domain.Missing("USER_NOT_FOUND", "User")

// getDecision explains whether and why a user may see an item: to the caller about
// themselves, to the item's management about others. An item that is not published exists
// for the management only; a deleted one does not exist.
func (s *streaming) getDecision(c *edge.Request) error {
	caller := postgres.Question{UserID: c.Actor().UserID, ContentID: c.UUID("id")}
	asked, questions := caller, []postgres.Question{caller}
	if other := c.Text("userId"); other != "" && other != caller.UserID {
		asked.UserID = other
		questions = append(questions, asked)
	}
	found, err := s.facts(c, questions)
	if err != nil {
		return err
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
	return c.OK(decisionOf(asked.ContentID, facts.Viewer, verdict, now))
}

// saveProgress sends what a player reports. Access is decided when it is applied.
func (s *streaming) saveProgress(c *edge.Request) error {
	var request access.Progress
	if err := c.Decode(&request); err != nil {
		return err
	}
	id := c.UUID("id")
	return c.Send(postgres.PlaybackID(c.Actor().UserID, id), access.Record{ContentID: id, Progress: request})
}

// getProgress responds with the caller's own progress, even without access.
func (s *streaming) getProgress(c *edge.Request) error {
	playback, found, err := postgres.Playback(c, s.cfg.Pool, c.Actor().UserID, c.UUID("id"))
	if err != nil {
		return err
	}
	var response ProgressAnswer
	if found {
		progress := progressOf(playback)
		response.Progress = &progress
	}
	return c.OK(response)
}
