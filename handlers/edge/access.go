package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/wire"
)

// AccessRoutes serves /api/access: streams, progress and the library.
type AccessRoutes struct {
	// Objects is the bucket that renditions are in.
	Objects StreamObjects
	// Tokens signs and opens stream tokens.
	Tokens *token.Keys
}

// StreamObjects is what streaming needs of an object store.
type StreamObjects interface {
	// Read returns an object's bytes, limit at most; s3.ErrNotFound when there is none.
	Read(ctx context.Context, key string, part s3.Range, etag string, limit int64) ([]byte, error)
	// PresignGet returns an address that reads one object for so long. The object
	// need not exist.
	PresignGet(ctx context.Context, key string, life time.Duration) (string, error)
}

// Routes implements [Resource].
func (a AccessRoutes) Routes(e *Edge) []Route {
	s := streams{edge: e, objects: a.Objects, tokens: a.Tokens}
	return append(s.routes(),
		Route{
			Method: "POST", Path: "/api/access/content/:id/progress", Name: "saveProgress", Summary: "Say how far a player got",
			Notes: "Only the furthest position counts; from 95 % on, or with completed, the item is completed for good.",
			Who:   withSession(), Body: access.Progress{}, Command: true, Answers: []Answer{noContent},
			Refusals: []*domain.Error{access.ErrContentNotFound, access.ErrDenied}, Handle: e.saveProgress,
		},
		Route{
			Method: "GET", Path: "/api/access/content/:id/progress", Name: "getProgress", Summary: "Read the caller's progress in an item",
			Who: withSession(), Answers: []Answer{single[wire.ProgressAnswer](http.StatusOK)}, Handle: e.getProgress,
		},
		Route{
			Method: "GET", Path: "/api/access/content/:id/decision", Name: "explainAccess", Summary: "Explain whether somebody may see an item",
			Notes: "About the caller, or, for the item's creator and the owners and admins of its organization, about the user that userId names. " +
				"To everybody else the question about another is answered as if the item did not exist.",
			Who: withSession(), Params: []Param{otherUserParam}, Answers: []Answer{single[wire.Decision](http.StatusOK)},
			Refusals: []*domain.Error{access.ErrContentNotFound, errUserNotFound}, Handle: e.getDecision,
		},
		e.libraryRoute(),
	)
}

// decide reads what the decision on a question rests on and decides. queue adds
// further reads to the round trip.
func (e *Edge) decide(ctx context.Context, q postgres.Question, queue ...func(*pgx.Batch)) (access.Verdict, error) {
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, []postgres.Question{q}, found)
	for _, f := range queue {
		f(b)
	}
	if err := e.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		return access.Verdict{}, fmt.Errorf("read the grounds of access: %w", err)
	}
	facts := found[q]
	return access.Decide(facts.Content, facts.Viewer, e.cfg.Now()), nil
}

// otherUserParam names a user. User ids are not UUIDs.
var otherUserParam = Param{Name: "userId", Kind: paramText, Max: 64, Doc: "whom to explain it for; the caller when absent", check: func(v string) string {
	if !userID.MatchString(v) {
		return "must be a user's id"
	}
	return ""
}}

var errUserNotFound = domain.Missing("USER_NOT_FOUND", "User")

// getDecision explains whether and why somebody may see an item: to the caller about
// themselves, to the item's management about others. What is not published exists for
// the management only, what is deleted for nobody.
func (e *Edge) getDecision(c *gin.Context) error {
	caller := postgres.Question{UserID: mustActor(c).UserID, ContentID: paramsOf(c).uuid("id")}
	asked := caller
	if other := paramsOf(c).text("userId"); other != "" {
		asked.UserID = other
	}
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, []postgres.Question{caller, asked}, found)
	if err := e.cfg.Pool.SendBatch(c, b).Close(); err != nil {
		return fmt.Errorf("read the grounds of access: %w", err)
	}
	facts, now := found[asked], e.cfg.Now()
	managed := found[caller].Content.ManagedBy(found[caller].Viewer)
	verdict := access.Decide(facts.Content, facts.Viewer, now)
	switch {
	case facts.Content.Deleted, verdict.Reason == access.NotFound && !managed, asked != caller && !managed:
		return access.ErrContentNotFound
	case facts.Viewer.UserID == "":
		return errUserNotFound
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.DecisionOf(asked.ContentID, facts.Viewer, verdict, now)})
	return nil
}

// saveProgress sends what a player reports. Access is decided where it is applied.
func (e *Edge) saveProgress(c *gin.Context) error {
	var request access.Progress
	if err := decode(c, &request); err != nil {
		return err
	}
	id := paramsOf(c).uuid("id")
	return e.apply(c, access.CommandRecordPlayback, postgres.PlaybackID(mustActor(c).UserID, id), access.Record{ContentID: id, Progress: request})
}

// getProgress answers with the caller's own progress, whether or not they still
// have access.
func (e *Edge) getProgress(c *gin.Context) error {
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.PlaybackColumns+` FROM video_playback p WHERE p.user_id = $1 AND p.content_id = $2`,
		mustActor(c).UserID, paramsOf(c).uuid("id"))
	if err != nil {
		return fmt.Errorf("read progress: %w", err)
	}
	playback, err := pgx.CollectOneRow(rows, postgres.ScanPlayback)
	answer := wire.ProgressAnswer{}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return fmt.Errorf("read progress: %w", err)
	default:
		progress := wire.ProgressOf(playback)
		answer.Progress = &progress
	}
	c.JSON(http.StatusOK, wire.Single{Data: answer})
	return nil
}
