package accounts

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	mailstore "github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

// requestReset writes a mail with a link, within the limit of the address. The response is
// the same whether or not there is an account.
func (a *accounts) requestReset(c *edge.Request) error {
	var request identity.RequestReset
	err := c.Decode(&request)
	if err == nil {
		err = a.checkCallback(c, "redirectTo", request.RedirectTo)
	}
	if err != nil {
		return err
	}
	key := ratelimit.KeyOf(postgres.ResetMails, request.Email)
	hits, _, err := ratelimit.Hit(c, a.cfg.Pool, key, identity.ThrottleWindow, c.Now())
	if err == nil && hits <= identity.ResetMails {
		err = a.mailReset(c, request)
	}
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, Done{Status: true})
	return nil
}

// mailReset writes the mail of a reset and the proof in it.
func (a *accounts) mailReset(c *edge.Request, request identity.RequestReset) error {
	token := newToken()
	v := identity.NewVerification(edge.NewID(), identity.ResetForgotten, "", request.Email, token, c.Now())
	link := identity.ResetLink(a.cfg.PublicURL, token, request.RedirectTo)
	letter, err := identity.ResetMail(edge.NewID(), v, link)
	if err != nil {
		return err
	}
	return a.mailToAccount(c, v, letter)
}

// resetPassword replaces a forgotten password. The token is checked before the expensive
// hash and used up after it, in the transaction.
func (a *accounts) resetPassword(c *edge.Request) error {
	var request identity.ResetPassword
	if err := c.Decode(&request); err != nil {
		return err
	}
	k := keyed{typ: requestResetPassword, request: request, passwords: a.cfg.Passwords}
	return a.once(c, k, func() (change, error) {
		token, ok := identity.ParseToken(request.Token)
		if !ok {
			return nil, identity.ErrBadResetToken
		}
		now := c.Now()
		v, found, err := postgres.PeekVerification(c, a.cfg.Pool, token, now, identity.ResetForgotten)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, identity.ErrBadResetToken
		}
		hash, err := a.hashNew(c, request.NewPassword, v.Email)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			if err := ratelimit.Clear(ctx, tx, failureKeys(c, v.Email)...); err != nil {
				return outcome{}, err
			}
			return resetByMail(ctx, tx, token, hash, now)
		}, nil
	})
}

func resetByMail(ctx context.Context, tx pgx.Tx, token identity.Token, hash string, now time.Time) (outcome, error) {
	v, found, err := postgres.TakeVerification(ctx, tx, token, now, identity.ResetForgotten)
	var user identity.User
	if err == nil && found {
		user, found, err = postgres.UserByID(ctx, tx, v.UserID, true)
	}
	if err != nil {
		return outcome{}, err
	}
	if !found || user.Email != v.Email {
		return outcome{}, identity.ErrBadResetToken
	}
	facts, _, err := replacePassword(ctx, tx, user, hash, true, now)
	if err != nil {
		return outcome{}, err
	}
	ended, err := revokeAll(ctx, tx, user.ID, "")
	return outcome{userID: user.ID, body: Done{Status: true}, facts: append(facts, ended...)}, err
}

// replacePassword stores another hash. Earlier tokens that could change the account become
// invalid.
func replacePassword(
	ctx context.Context, tx pgx.Tx, user identity.User, hash string, byMail bool, now time.Time,
) ([]events.Fact, identity.User, error) {
	user, payloads := user.ChangePassword(byMail, now)
	found, err := postgres.SetPassword(ctx, tx, user.ID, hash, now)
	if err == nil && !found {
		err = identity.ErrUserNotFound
	}
	if err == nil {
		err = postgres.SaveUser(ctx, tx, user)
	}
	if err == nil {
		err = postgres.DropVerifications(ctx, tx, user.ID, identity.ResetForgotten, identity.MoveEmail)
	}
	return user.Facts(payloads), user, err
}

// hashNew hashes a new password of the account with this address.
func (a *accounts) hashNew(c *edge.Request, password, email string) (string, error) {
	if message := identity.BadPassword(password, email); message != "" {
		return "", domain.BadFields([]domain.Field{{Path: "newPassword", Message: message}})
	}
	return a.cfg.Passwords.Hash(c.Request.Context(), password)
}

// changePassword replaces the password of the caller, who has to know the current one. The
// attempt is admitted before anything is hashed, also for a repeated request, whose record
// holds a hash too.
func (a *accounts) changePassword(c *edge.Request) error {
	var request identity.ChangePassword
	if err := c.Decode(&request); err != nil {
		return err
	}
	actor := c.Actor()
	user, found, err := postgres.UserByID(c, a.cfg.Pool, actor.UserID, false)
	if err == nil && !found {
		err = edge.ErrSignedOut
	}
	if err != nil {
		return err
	}
	attempt, err := a.attemptPassword(c, user.Email)
	if err != nil {
		return err
	}
	defer attempt.end()
	k := keyed{
		typ:       requestChangePassword,
		actor:     actor.UserID,
		request:   request,
		passwords: a.cfg.Passwords,
	}
	err = a.once(c, k, func() (change, error) {
		if _, _, err := a.match(c, attempt, user.Email, request.CurrentPassword); err != nil {
			return nil, wrongPassword(err)
		}
		hash, err := a.hashNew(c, request.NewPassword, user.Email)
		if err != nil {
			return nil, err
		}
		revokeOthers := request.RevokeOtherSessions != nil && *request.RevokeOtherSessions
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			return a.replaceKnown(ctx, tx, c, actor, hash, revokeOthers)
		}, nil
	})
	if errors.Is(err, commands.ErrKeyReused) {
		attempt.fail() // it was compared with the record
	}
	return err
}

// replaceKnown replaces a password in a transaction; revokeOthers ends all other sessions
// and gives this one another token.
func (a *accounts) replaceKnown(
	ctx context.Context, tx pgx.Tx, c *edge.Request, actor *edge.Actor, hash string, revokeOthers bool,
) (outcome, error) {
	now, source := c.Now(), edge.NewID()
	user, found, err := postgres.UserByID(ctx, tx, actor.UserID, true)
	if err != nil {
		return outcome{}, err
	}
	session, _, alive, err := postgres.Session(ctx, tx, actor.SessionID)
	if err != nil {
		return outcome{}, err
	}
	if !found || !alive { // signed out or deleted in the meantime
		return outcome{}, edge.ErrSignedOut
	}
	facts, user, err := replacePassword(ctx, tx, user, hash, false, now)
	if err != nil {
		return outcome{}, err
	}
	notice, err := identity.PasswordChangedMail(edge.NewID(), user, source, now)
	if err == nil {
		err = mailstore.Insert(ctx, tx, notice)
	}
	if err != nil {
		return outcome{}, err
	}
	done := outcome{userID: user.ID, resource: true, body: PasswordChanged{User: UserOf(user)}, facts: facts}
	if !revokeOthers {
		return done, nil
	}
	ended, err := revokeAll(ctx, tx, user.ID, actor.SessionID)
	if err != nil {
		return outcome{}, err
	}
	done.facts = append(done.facts, ended...)
	token := newToken()
	done.then = func() { c.SetSessionCookie(session, token) }
	return done, postgres.RotateSession(ctx, tx, actor.SessionID, token, now)
}
