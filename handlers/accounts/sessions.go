package accounts

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
)

// sessionRoutes let users see and end their sessions. A session that is ended here
// opens nothing from the next request on: every request looks it up.
func (a *accounts) sessionRoutes() []edge.Route {
	done := []edge.Response{{Status: http.StatusOK, Body: Done{}}}
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/auth/list-sessions",
			Name:      "listSessions",
			Summary:   "List the caller's sessions, the one used last first",
			Notes:     "A session's `token` is a name for revoke-session; it opens nothing.",
			Auth:      edge.Session(),
			Responses: []edge.Response{{Status: http.StatusOK, Body: []ListedSession{}}},
			Handle:    a.listSessions,
		},
		{
			Method:    "POST",
			Path:      "/api/auth/revoke-session",
			Name:      "revokeSession",
			Summary:   "End one of the caller's sessions",
			Notes:     "Named by the `id` or `token` of the list, or by the value of its cookie. The answer is the same for a session that has ended or never was.",
			Auth:      edge.Session(),
			Body:      identity.RevokeSession{},
			Responses: done,
			Handle:    a.revokeSession,
		},
		{
			Method:    "POST",
			Path:      "/api/auth/revoke-sessions",
			Name:      "revokeSessions",
			Summary:   "End all of the caller's sessions, this one included",
			Notes:     "Repeating needs another sign-in.",
			Auth:      edge.Session(),
			Responses: done,
			Handle:    a.revokeSessions,
		},
		{
			Method:    "POST",
			Path:      "/api/auth/revoke-other-sessions",
			Name:      "revokeOtherSessions",
			Summary:   "End all of the caller's sessions but this one",
			Notes:     "Repeating is harmless.",
			Auth:      edge.Session(),
			Responses: done,
			Handle:    a.revokeOtherSessions,
		},
	}
}

func (a *accounts) listSessions(c *edge.Request) error {
	actor := c.Actor()
	sessions, err := postgres.Sessions(c, a.cfg.Pool, actor.UserID, c.Now())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, SessionsOf(sessions, actor.SessionID))
	return nil
}

func (a *accounts) revokeSession(c *edge.Request) error {
	var request identity.RevokeSession
	if err := c.Decode(&request); err != nil {
		return err
	}
	id, token := request.ID, request.Token
	if id == "" {
		id = token
	}
	bare, _ := identity.CookieToken(token)
	if err := a.revoke(c, c.Actor().UserID, id, bare.Hash()); err != nil {
		return err
	}
	c.JSON(http.StatusOK, Done{Status: true})
	return nil
}

func (a *accounts) revokeSessions(c *edge.Request) error {
	if err := a.revokeAllBut(c, ""); err != nil {
		return err
	}
	c.ClearSessionCookies()
	c.JSON(http.StatusOK, Done{Status: true})
	return nil
}

func (a *accounts) revokeOtherSessions(c *edge.Request) error {
	if err := a.revokeAllBut(c, c.Actor().SessionID); err != nil {
		return err
	}
	c.JSON(http.StatusOK, Done{Status: true})
	return nil
}

func (a *accounts) revokeAllBut(c *edge.Request, except string) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	user := c.Actor().UserID
	return a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		return revokeAll(ctx, tx, user, except)
	})
}
