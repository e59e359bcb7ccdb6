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

func (a *accounts) getSession(c *edge.Request) error {
	actor, err := c.OptionalActor()
	if err != nil {
		return err
	}
	var current *CurrentSession
	if actor != nil {
		session, user, found, err := postgres.Session(c, a.cfg.Pool, actor.SessionID)
		if err != nil {
			return err
		}
		if found {
			current = &CurrentSession{User: UserOf(user), Session: SessionOf(session)}
		}
	}
	c.JSON(http.StatusOK, current)
	return nil
}

// signOut ends the session; the value of its cookie is invalid from then on.
func (a *accounts) signOut(c *edge.Request) error {
	actor, err := c.OptionalActor()
	if err == nil {
		err = c.NoBody()
	}
	if err == nil && actor != nil {
		err = a.revoke(c, actor.UserID, actor.SessionID, identity.Token("").Hash())
	}
	if err != nil {
		return err
	}
	c.ClearSessionCookies()
	c.JSON(http.StatusOK, SignedOut{Success: true})
	return nil
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

// revoke ends the session of a user that has this id, or the token with this hash. It does
// nothing when the user has no such session.
func (a *accounts) revoke(c *edge.Request, userID, id string, hash [32]byte) error {
	return a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		session, found, err := postgres.DeleteOwnSession(ctx, tx, userID, id, hash)
		if err != nil || !found {
			return nil, err
		}
		return []events.Fact{session.Revoked()}, nil
	})
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

// revokeAll ends a user's sessions, all but one ("" for none), inside a transaction.
func revokeAll(ctx context.Context, tx pgx.Tx, userID, except string) ([]events.Fact, error) {
	ended, err := postgres.DeleteSessions(ctx, tx, userID, except)
	facts := make([]events.Fact, len(ended))
	for i, session := range ended {
		facts[i] = session.Revoked()
	}
	return facts, err
}
