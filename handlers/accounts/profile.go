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
	return a.once(
		c,
		keyed{typ: "account.update_profile", actor: c.Actor().UserID, request: request},
		func() (change, error) {
			if err := a.limitChanges(c, request); err != nil {
				return nil, err
			}
			return a.changed(
				c,
				func(ctx context.Context, tx pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
					facts, err := profileFacts(ctx, tx, user, request)
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

// limitChanges counts a request that would send a mail to a new address, for that address
// and for the caller.
func (a *accounts) limitChanges(c *edge.Request, request identity.UpdateProfile) error {
	if !request.Email.Set {
		return nil
	}
	user, err := a.self(c)
	if err != nil || !request.Wants(user.Email) {
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
	ctx context.Context, tx pgx.Tx, user identity.User, request identity.UpdateProfile,
) (facts identity.ProfileFacts, err error) {
	if name := request.Username.Value; name != nil {
		facts.UsernameTaken, err = postgres.UsernameTaken(ctx, tx, *name, user.ID)
	}
	if err == nil && request.Wants(user.Email) {
		facts.EmailTaken, err = postgres.EmailTaken(ctx, tx, *request.Email.Value)
	}
	return facts, err
}

// awaitProof invalidates earlier verifications of a pending address and, when one is
// needed, mails a new one to it and a notice to the account's address.
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
	notice, err := identity.EmailChangingMail(edge.NewID(), user, v)
	if err != nil {
		return err
	}
	return insertVerification(ctx, tx, v, proof, notice)
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
		return outcome{userID: id, body: edge.Single{Data: ProfileOf(next)}, facts: next.Facts(payloads)}, err
	}
}

func (a *accounts) updateUser(c *edge.Request) error {
	var request identity.UpdateUser
	if err := c.Decode(&request); err != nil {
		return err
	}
	return a.once(c, keyed{typ: "account.update_user", actor: c.Actor().UserID, request: request}, func() (change, error) {
		run := a.changed(c, func(_ context.Context, _ pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
			next, payloads := user.UpdateUser(request, c.Now())
			return next, payloads, nil
		})
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			done, err := run(ctx, tx)
			done.body = Done{Status: true}
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
		keyed{typ: "account.become_creator", actor: c.Actor().UserID, request: request},
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
	id := c.Actor().UserID
	cmd, err := c.NewCommand(identity.CommandDeleteAccount, id, id, request)
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
