package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

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

// Register implements Routes.
func (a AccessRoutes) Register(e *Edge, r gin.IRouter) {
	s := streams{edge: e, objects: a.Objects, tokens: a.Tokens}
	content := r.Group("/api/access/content/:id")
	content.GET("/stream", e.signedIn(), s.stream)
	content.GET("/hls/master.m3u8", s.perAddress, s.master)
	content.GET("/hls/:variant/index.m3u8", s.perAddress, s.variant)
	content.GET("/hls/preview/preview.m3u8", s.perAddress, s.preview)
	content.POST("/progress", e.signedIn(), e.saveProgress)
	content.GET("/progress", e.signedIn(), e.getProgress)
	content.GET("/decision", e.signedIn(), e.getDecision)
	r.GET("/api/access/user/library", e.signedIn(), e.listLibrary)
}

// decide reads what the decision on a question rests on and decides. queue adds
// further reads to the round trip.
func (e *Edge) decide(ctx context.Context, q postgres.Question, queue ...func(*pgx.Batch)) (access.Verdict, postgres.Facts, error) {
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, []postgres.Question{q}, found)
	for _, f := range queue {
		f(b)
	}
	if err := e.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		return access.Verdict{}, postgres.Facts{}, fmt.Errorf("read the grounds of access: %w", err)
	}
	facts := found[q]
	return access.Decide(facts.Content, facts.Viewer, e.cfg.Now()), facts, nil
}

// getDecision tells the caller whether and why they may see an item.
func (e *Edge) getDecision(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	verdict, facts, err := e.decide(c, postgres.Question{UserID: mustActor(c).UserID, ContentID: id})
	if err == nil && verdict.Reason == access.NotFound {
		err = verdict.Err()
	}
	if err != nil {
		e.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.DecisionOf(verdict, facts.Viewer.Grants, e.cfg.Now())})
}

// saveProgress sends what a player reports. Access is decided where it is applied.
func (e *Edge) saveProgress(c *gin.Context) {
	id, err := pathID(c)
	var request access.Progress
	if err == nil {
		err = decode(c, &request)
	}
	if err != nil {
		e.refuse(c, err)
		return
	}
	aggregate := postgres.PlaybackID(mustActor(c).UserID, id)
	e.submit(c, "playback.record", aggregate, access.Record{ContentID: id, Progress: request})
}

// getProgress answers with the caller's own progress, whether or not they still
// have access.
func (e *Edge) getProgress(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.PlaybackColumns+` FROM video_playback p WHERE p.user_id = $1 AND p.content_id = $2`,
		mustActor(c).UserID, id)
	if err != nil {
		e.refuse(c, fmt.Errorf("read progress: %w", err))
		return
	}
	playback, err := pgx.CollectOneRow(rows, postgres.ScanPlayback)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		c.JSON(http.StatusOK, wire.Single{Data: wire.ProgressAnswer{}})
	case err != nil:
		e.refuse(c, fmt.Errorf("read progress: %w", err))
	default:
		progress := wire.ProgressOf(playback)
		c.JSON(http.StatusOK, wire.Single{Data: wire.ProgressAnswer{Progress: &progress}})
	}
}
