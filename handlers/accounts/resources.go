package accounts

import (
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// The types of the requests that are recorded; see idempotent.go.
const (
	requestSignUp         = "account.sign_up"
	requestResetPassword  = "account.reset_password"
	requestChangePassword = "account.change_password"
	requestUpdateProfile  = "account.update_profile"
	requestUpdateUser     = "account.update_user"
	requestBecomeCreator  = "account.become_creator"
)

// resources are what the responses about accounts show: the account, to its owner. A repeated
// sign-up comes without a session; it has the password of the first one.
func (a *accounts) resources() []edge.Resource {
	show := func(render func(identity.User) any, commands ...string) edge.Resource {
		read := func(r *edge.Request, id string) (any, error) {
			user, err := a.account(r, id)
			return render(user), err
		}
		return edge.Resource{Commands: commands, Read: read}
	}
	return []edge.Resource{
		show(func(u identity.User) any { return SignedIn{User: UserOf(u)} }, requestSignUp),
		show(func(u identity.User) any { return PasswordChanged{User: UserOf(u)} }, requestChangePassword),
		show(func(u identity.User) any { return edge.Single{Data: ProfileOf(u)} },
			requestUpdateProfile, requestBecomeCreator),
		show(func(u identity.User) any { return edge.Single{Data: PreferencesOf(u)} }, identity.CommandSetPreferences),
	}
}

// account reads the account that a record is of: only its owner finds the record, by the session
// or by the password that was part of the request.
func (a *accounts) account(r *edge.Request, id string) (identity.User, error) {
	user, found, err := postgres.UserByID(r, a.cfg.Pool, id, false)
	if err == nil && !found {
		err = identity.ErrUserNotFound
	}
	return user, err
}
