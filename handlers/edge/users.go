package edge

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// UserRoutes serves /api/user: the caller's own account. What tells who somebody is
// does not travel on the bus: see account_once.go.
type UserRoutes struct {
	// Committed is called after a commit that left events or mails behind, to wake
	// the relay and the mailer. It must not block. Nil: they poll.
	Committed func()
}

// users is UserRoutes at work.
type users struct{ accounts }

// Routes implements [Resource].
func (r UserRoutes) Routes(e *Edge) []Route {
	u := &users{accounts{Edge: e, committed: r.Committed}}
	profile, preferences := []Answer{single[wire.Profile](http.StatusOK)}, []Answer{single[wire.Preferences](http.StatusOK)}
	return []Route{
		{
			Method: "GET", Path: "/api/user/profile", Name: "getProfile", Summary: "Read the caller's profile",
			Who: withSession(), Answers: profile, Refusals: []*domain.Error{identity.ErrUserNotFound}, Handle: u.getProfile,
		},
		{
			Method: "PATCH", Path: "/api/user/profile", Name: "updateProfile", Summary: "Change the fields that are given",
			Notes: "Another e-mail address takes effect when the link that is mailed to it is opened; until then the profile shows it as `pendingEmail`, and " +
				"the old address is told. `null` gives the pending address up. `socialLinks` is replaced as a whole.",
			Who: withSession(), Body: identity.UpdateProfile{}, Keyed: true, Answers: profile,
			Refusals: []*domain.Error{identity.ErrUsernameTaken, identity.ErrEmailTaken}, Handle: u.updateProfile,
		},
		{
			Method: "POST", Path: "/api/auth/update-user", Name: "updateUser", Summary: "Change the account's name or image",
			Who: withSession(), Body: identity.UpdateUser{}, Keyed: true, Answers: []Answer{{Status: http.StatusOK, Body: wire.Done{}}}, Handle: u.updateUser,
		},
		{
			Method: "POST", Path: "/api/user/upgrade-to-creator", Name: "upgradeToCreator", Summary: "Become a creator",
			Who: withSession(), Limit: limitStrict, Body: identity.BecomeCreator{}, Keyed: true, Answers: profile,
			Refusals: []*domain.Error{identity.ErrUsernameTaken, identity.ErrAlreadyCreator}, Handle: u.becomeCreator,
		},
		{
			Method: "GET", Path: "/api/user/notification-preferences", Name: "getNotificationPreferences", Summary: "Read which mails the caller gets",
			Who: withSession(), Answers: preferences, Refusals: []*domain.Error{identity.ErrUserNotFound}, Handle: u.getPreferences,
		},
		{
			Method: "PUT", Path: "/api/user/notification-preferences", Name: "setNotificationPreferences", Summary: "Choose which mails to get",
			Notes: "What is absent stays as it is. Transactional mails cannot be switched off.",
			Who:   withSession(), Body: identity.SetPreferences{}, Command: true, Answers: preferences, Handle: u.setPreferences,
		},
		{
			Method: "DELETE", Path: "/api/user/account", Name: "deleteAccount", Summary: "Delete the caller's account and everything personal with it",
			Notes: "Purchases stay in the books, without a name. The sessions end with the account, so a repetition is not signed in.",
			Who:   withSession(), Limit: limitStrict, Body: identity.DeleteAccount{}, Command: true, Answers: []Answer{noContent},
			Refusals: []*domain.Error{identity.ErrOwnsOrganization, identity.ErrHasContent}, Handle: u.deleteAccount,
		},
	}
}

// self returns the caller's account.
func (u *users) self(c *gin.Context) (identity.User, error) {
	user, found, err := postgres.UserByID(c, u.cfg.Pool, mustActor(c).UserID, false)
	if err == nil && !found {
		err = identity.ErrUserNotFound
	}
	return user, err
}

func (u *users) getProfile(c *gin.Context) error {
	user, err := u.self(c)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.ProfileOf(user)})
	return nil
}

func (u *users) updateProfile(c *gin.Context) error {
	var request identity.UpdateProfile
	if err := decode(c, &request); err != nil {
		return err
	}
	return u.once(c, keyed{typ: "account.update_profile", actor: mustActor(c).UserID, request: request}, func() (change, error) {
		if err := u.limitChanges(c, request); err != nil {
			return nil, err
		}
		return u.changed(c, func(ctx context.Context, tx pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
			facts, err := profileFacts(ctx, tx, user, request)
			if err != nil {
				return identity.User{}, nil, err
			}
			next, proof, happened, err := user.UpdateProfile(request, facts, u.now())
			if err == nil && (proof || next.PendingEmail == nil && user.PendingEmail != nil) {
				err = u.awaitProof(ctx, tx, next, proof)
			}
			return next, happened, err
		}), nil
	})
}

// limitChanges counts a request that would write to an address, for that address and
// for who asks.
func (u *users) limitChanges(c *gin.Context, request identity.UpdateProfile) error {
	if !request.Email.Set {
		return nil
	}
	user, err := u.self(c)
	if err != nil || !request.Wants(user.Email) {
		return err
	}
	if err := u.limit(c, "email-change", user.ID, identity.EmailChanges); err != nil {
		return err
	}
	return u.limit(c, postgres.VerificationMails, *request.Email.Value, identity.VerificationMails)
}

// profileFacts looks up what the decision over a profile rests on. What another
// transaction takes meanwhile is refused by the unique indexes.
func profileFacts(ctx context.Context, tx pgx.Tx, user identity.User, request identity.UpdateProfile) (facts identity.ProfileFacts, err error) {
	if name := request.Username.Value; name != nil {
		facts.UsernameTaken, err = postgres.UsernameTaken(ctx, tx, *name, user.ID)
	}
	if err == nil && request.Wants(user.Email) {
		facts.EmailTaken, err = postgres.EmailTaken(ctx, tx, *request.Email.Value)
	}
	return facts, err
}

// awaitProof makes earlier proofs of a pending address useless and, when one is
// needed, mails another one to it and a notice to the address that it is to replace.
func (u *users) awaitProof(ctx context.Context, tx pgx.Tx, user identity.User, needed bool) error {
	if err := postgres.DropVerifications(ctx, tx, user.ID, identity.MoveEmail); err != nil || !needed {
		return err
	}
	token := newToken()
	v := identity.NewVerification(newID(), identity.MoveEmail, user.ID, *user.PendingEmail, token, u.now())
	proof, err := identity.ChangeEmailMail(newID(), v, identity.VerificationLink(u.cfg.PublicURL, token, ""))
	if err != nil {
		return err
	}
	notice, err := identity.EmailChangingMail(newID(), user, v)
	if err != nil {
		return err
	}
	return insertVerification(ctx, tx, v, proof, notice)
}

// changed returns the change that decide makes to the caller's account; its answer is
// the profile.
func (u *users) changed(c *gin.Context, decide func(context.Context, pgx.Tx, identity.User) (identity.User, []events.Payload, error)) change {
	id := mustActor(c).UserID
	return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
		user, found, err := postgres.UserByID(ctx, tx, id, true)
		if err == nil && !found {
			err = identity.ErrUserNotFound
		}
		if err != nil {
			return outcome{}, err
		}
		next, happened, err := decide(ctx, tx, user)
		if err == nil && len(happened) > 0 {
			err = postgres.SaveUser(ctx, tx, next)
		}
		return outcome{userID: id, body: wire.Single{Data: wire.ProfileOf(next)}, facts: next.Facts(happened)}, err
	}
}

func (u *users) updateUser(c *gin.Context) error {
	var request identity.UpdateUser
	if err := decode(c, &request); err != nil {
		return err
	}
	return u.once(c, keyed{typ: "account.update_user", actor: mustActor(c).UserID, request: request}, func() (change, error) {
		run := u.changed(c, func(_ context.Context, _ pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
			next, happened := user.UpdateUser(request, u.now())
			return next, happened, nil
		})
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			done, err := run(ctx, tx)
			done.body = wire.Done{Status: true}
			return done, err
		}, nil
	})
}

func (u *users) becomeCreator(c *gin.Context) error {
	var request identity.BecomeCreator
	if err := decode(c, &request); err != nil {
		return err
	}
	return u.once(c, keyed{typ: "account.become_creator", actor: mustActor(c).UserID, request: request}, func() (change, error) {
		return u.changed(c, func(ctx context.Context, tx pgx.Tx, user identity.User) (identity.User, []events.Payload, error) {
			taken, err := postgres.UsernameTaken(ctx, tx, request.Username, user.ID)
			if err != nil {
				return identity.User{}, nil, err
			}
			return user.BecomeCreator(request, identity.CreatorFacts{UsernameTaken: taken}, u.now())
		}), nil
	})
}

func (u *users) getPreferences(c *gin.Context) error {
	user, err := u.self(c)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.PreferencesOf(user)})
	return nil
}

func (u *users) setPreferences(c *gin.Context) error {
	var request identity.SetPreferences
	if err := decode(c, &request); err != nil {
		return err
	}
	return u.apply(c, identity.CommandSetPreferences, mustActor(c).UserID, request)
}

func (u *users) deleteAccount(c *gin.Context) error {
	var request identity.DeleteAccount
	if err := decode(c, &request); err != nil {
		return err
	}
	id := mustActor(c).UserID
	cmd, err := u.command(c, identity.CommandDeleteAccount, id, id, request)
	if err != nil {
		return err
	}
	reply, accepted, err := u.outcome(c, cmd)
	if err != nil {
		return err
	}
	if !accepted && reply.Status == http.StatusNoContent {
		u.clearSessionCookies(c)
	}
	tell(c, cmd, reply, accepted)
	return nil
}
