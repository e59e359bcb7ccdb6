package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

// UserRoutes serves /api/user: the caller's own account.
type UserRoutes struct{}

// Register implements Routes.
func (UserRoutes) Register(e *Edge, r gin.IRouter) {
	g := r.Group("/api/user", e.signedIn())
	g.GET("/profile", e.getProfile)
	g.POST("/upgrade-to-creator", e.becomeCreator)
}

func (e *Edge) getProfile(c *gin.Context) {
	u, err := postgres.ScanUser(e.cfg.Pool.QueryRow(c, `SELECT `+postgres.UserColumns+`
FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL`, mustActor(c).UserID))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.refuse(c, identity.ErrUserNotFound)
	case err != nil:
		e.refuse(c, fmt.Errorf("read the profile: %w", err))
	default:
		c.JSON(http.StatusOK, wire.Single{Data: wire.ProfileOf(u)})
	}
}

func (e *Edge) becomeCreator(c *gin.Context) {
	var request identity.BecomeCreator
	if err := decode(c, &request); err != nil {
		e.refuse(c, err)
		return
	}
	e.submit(c, "user.become_creator", mustActor(c).UserID, request)
}
