package accounts

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
)

// self returns the caller's account.
func (a *accounts) self(c *edge.Request) (identity.User, error) {
	user, found, err := postgres.UserByID(c, a.cfg.Pool, c.Actor().UserID, false)
	if err == nil && !found {
		err = identity.ErrUserNotFound
	}
	return user, err
}

func (a *accounts) getProfile(c *edge.Request) error {
	user, err := a.self(c)
	if err != nil {
		return err
	}
	return c.OK(ProfileOf(user))
}

func (a *accounts) updateProfile(c *edge.Request) error {
	var request identity.UpdateProfile
	if err := c.Decode(&request); err != nil {
		return err
	}
	password := request.CurrentPassword
	request.CurrentPassword = "" // it is no part of what is recorded
	return a.once(
		c,
		keyed{typ: requestUpdateProfile, actor: c.Actor().UserID, request: request},
		func() (change, error) {
			if err := a.allowChange(c, request, password); err != nil {
				return nil, err
			}
			return a.changed(
				c,
				func(ctx context.Context, tx pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
					if request.Wants(user.Email) {
						if err := recentlyAuthenticated(ctx, tx, c.Actor().SessionID, c.Now()); err != nil {
							return identity.User{}, nil, err
						}
					}
					facts, err := profileFacts(ctx, tx, user, request, c.Now())
					if err != nil {
						return identity.User{}, nil, err
					}
					next, proof, payloads, err := user.UpdateProfile(request, facts, c.Now())
					if err == nil && (proof || next.PendingEmail == nil && user.PendingEmail != nil) {
						err = a.awaitProof(ctx, tx, next, proof, c.Now())
					}
					return next, payloads, err
				},
			), nil
		},
	)
}

// allowChange checks a request for another address: its sender has to know the password, or
// to have signed in a moment ago. It counts the mail to the new address, for that address and
// for the caller.
func (a *accounts) allowChange(c *edge.Request, request identity.UpdateProfile, password string) error {
	if !request.Email.Set {
		return nil
	}
	user, err := a.self(c)
	if err != nil || !request.Wants(user.Email) {
		return err
	}
	if err := a.reauthenticate(c, password); err != nil {
		return err
	}
	if err := a.limit(c, "email-change", user.ID, identity.EmailChanges); err != nil {
		return err
	}
	return a.limit(c, postgres.VerificationMails, *request.Email.Value, identity.VerificationMails)
}

// profileFacts reads the facts for the decision about a profile. If another transaction
// takes the username or address in the meantime, the unique indexes reject the change.
func profileFacts(
	ctx context.Context, tx pgx.Tx, user identity.User, request identity.UpdateProfile, now time.Time,
) (facts identity.ProfileFacts, err error) {
	if name := request.Username.Value; name != nil {
		facts.UsernameTaken, err = postgres.UsernameTaken(ctx, tx, *name, user.ID)
	}
	if err == nil && request.Wants(user.Email) {
		facts.EmailTaken, err = postgres.EmailTaken(ctx, tx, *request.Email.Value, user.ID, now)
	}
	return facts, err
}

// awaitProof invalidates earlier verifications of a pending address and, when one is
// needed, mails a new one to it and a notice to the account's address, which has the link that
// undoes the change.
func (a *accounts) awaitProof(ctx context.Context, tx pgx.Tx, user identity.User, needed bool, now time.Time) error {
	if err := postgres.DropVerifications(ctx, tx, user.ID, identity.MoveEmail); err != nil || !needed {
		return err
	}
	token := newToken()
	v := identity.NewVerification(edge.NewID(), identity.MoveEmail, user.ID, *user.PendingEmail, token, now)
	proof, err := identity.ChangeEmailMail(edge.NewID(), v, identity.VerificationLink(a.cfg.PublicURL, token, ""))
	if err != nil {
		return err
	}
	token = newToken()
	undo := identity.NewVerification(edge.NewID(), identity.UndoEmail, user.ID, user.Email, token, now)
	notice, err := identity.EmailChangingMail(edge.NewID(), undo, identity.UndoLink(a.cfg.PublicURL, token))
	if err == nil {
		err = insertVerification(ctx, tx, v, proof)
	}
	if err != nil {
		return err
	}
	return insertVerification(ctx, tx, undo, notice)
}

// changed returns the change that decide makes to the caller's account, with the profile as
// the response.
func (a *accounts) changed(
	c *edge.Request, decide func(context.Context, pgx.Tx, identity.User) (identity.User, []events.Payload, error),
) change {
	id := c.Actor().UserID
	return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
		user, found, err := postgres.UserByID(ctx, tx, id, true)
		if err == nil && !found {
			err = identity.ErrUserNotFound
		}
		if err != nil {
			return outcome{}, err
		}
		next, payloads, err := decide(ctx, tx, user)
		if err == nil && len(payloads) > 0 {
			err = postgres.SaveUser(ctx, tx, next)
		}
		return outcome{
			userID:   id,
			resource: true,
			body:     edge.Single{Data: ProfileOf(next)},
			facts:    next.Facts(payloads),
		}, err
	}
}

func (a *accounts) updateUser(c *edge.Request) error {
	var request identity.UpdateUser
	if err := c.Decode(&request); err != nil {
		return err
	}
	return a.once(c, keyed{typ: requestUpdateUser, actor: c.Actor().UserID, request: request}, func() (change, error) {
		run := a.changed(c, func(_ context.Context, _ pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
			next, payloads := user.UpdateUser(request, c.Now())
			return next, payloads, nil
		})
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			done, err := run(ctx, tx)
			done.body, done.resource = Done{Status: true}, false
			return done, err
		}, nil
	})
}

func (a *accounts) becomeCreator(c *edge.Request) error {
	var request identity.BecomeCreator
	if err := c.Decode(&request); err != nil {
		return err
	}
	return a.once(
		c,
		keyed{typ: requestBecomeCreator, actor: c.Actor().UserID, request: request},
		func() (change, error) {
			return a.changed(
				c,
				func(ctx context.Context, tx pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
					taken, err := postgres.UsernameTaken(ctx, tx, request.Username, user.ID)
					if err != nil {
						return identity.User{}, nil, err
					}
					return user.BecomeCreator(request, identity.CreatorFacts{UsernameTaken: taken}, c.Now())
				},
			), nil
		},
	)
}

func (a *accounts) getPreferences(c *edge.Request) error {
	user, err := a.self(c)
	if err != nil {
		return err
	}
	return c.OK(PreferencesOf(user))
}

func (a *accounts) setPreferences(c *edge.Request) error {
	var request identity.SetPreferences
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.Actor().UserID, request)
}

func (a *accounts) deleteAccount(c *edge.Request) error {
	var request identity.DeleteAccount
	if err := c.Decode(&request); err != nil {
		return err
	}
	if err := a.reauthenticate(c, request.CurrentPassword); err != nil {
		return err
	}
	actor := c.Actor()
	erase := identity.Erase{SessionID: actor.SessionID} // the password never travels on the bus
	cmd, err := c.NewCommand(identity.CommandDeleteAccount, actor.UserID, actor.UserID, erase)
	if err != nil {
		return err
	}
	reply, accepted, err := c.Outcome(cmd)
	if err != nil {
		return err
	}
	if !accepted && reply.Status == http.StatusNoContent {
		c.ClearSessionCookies()
	}
	c.WriteOutcome(cmd, reply, accepted)
	return nil
}

// undoEmailChange gives an account back the address that a change replaced, by the token in
// the notice to that address. All sessions end. The response leads to a page that replaces
// the password: whoever made the change may know it.
func (a *accounts) undoEmailChange(c *edge.Request) error {
	token, ok := identity.ParseToken(c.Text("token"))
	if !ok {
		return identity.ErrBadToken
	}
	if c.IsHead() {
		_, found, err := postgres.PeekVerification(c, a.cfg.Pool, token, c.Now(), identity.UndoEmail)
		if err == nil && !found {
			err = identity.ErrBadToken
		}
		return err
	}
	reset := newToken()
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		return undoEmail(ctx, tx, token, reset, c.Now())
	})
	if err != nil {
		return err
	}
	c.ClearSessionCookies()
	// The address holds the token, which must not leak to the next page.
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusFound, identity.ResetLink(a.cfg.PublicURL, reset, ""))
	return nil
}

// undoEmail makes the address of an undo token the account's, ends all sessions and makes the
// tokens invalid that were mailed to other addresses. reset is the token of a reset of the
// password.
func undoEmail(ctx context.Context, tx pgx.Tx, token, reset identity.Token, now time.Time) ([]events.Fact, error) {
	v, found, err := postgres.TakeVerification(ctx, tx, token, now, identity.UndoEmail)
	var user identity.User
	if err == nil && found {
		user, found, err = postgres.UserByID(ctx, tx, v.UserID, true)
	}
	if err == nil && !found {
		err = identity.ErrBadToken
	}
	if err != nil {
		return nil, err
	}
	next, payloads := user.UndoEmail(v.Email, now)
	if len(payloads) > 0 {
		if err := postgres.SaveUser(ctx, tx, next); err != nil {
			return nil, err
		}
	}
	err = postgres.DropVerifications(
		ctx, tx, user.ID, identity.ProveEmail, identity.MoveEmail, identity.ResetForgotten)
	if err != nil {
		return nil, err
	}
	choose := identity.NewVerification(edge.NewID(), identity.ResetForgotten, user.ID, v.Email, reset, now)
	if err := postgres.InsertVerification(ctx, tx, choose); err != nil {
		return nil, err
	}
	ended, err := revokeAll(ctx, tx, user.ID, "")
	return append(next.Facts(payloads), ended...), err
}
