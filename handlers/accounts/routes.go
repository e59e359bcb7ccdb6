package accounts

import (
	"net/http"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/handlers/edge"
)

// signInRoutes are sign-up, verification, sign-in and sign-out.
func (a *accounts) signInRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:  "POST",
			Path:    "/api/auth/sign-up/email",
			Name:    "signUp",
			Summary: "Sign up",
			Notes: "The account can sign in once its address is verified by the link that is mailed to it. " +
				"Outside development `role` is ignored.",
			Auth:       edge.Public,
			Limit:      edge.LimitAuth,
			Body:       identity.SignUp{},
			Idempotent: true,
			Responses:  []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:     []*domain.Error{identity.ErrEmailInUse},
			Handle:     a.signUp,
		},
		{
			Method:  "POST",
			Path:    "/api/auth/sign-in/email",
			Name:    "signIn",
			Summary: "Sign in",
			Notes: "With the password of a verified account a session is started and returned as a cookie. After five " +
				"wrong passwords for an account from one network, passwords from there are rejected for 15 minutes, and for " +
				"twice as long after each further one. Repeating is harmless: it starts another session.",
			Auth:      edge.Public,
			Limit:     edge.LimitAuth,
			Body:      identity.SignIn{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:    []*domain.Error{identity.ErrBadCredentials, identity.ErrNotVerified},
			Handle:    a.signIn,
		},
		{
			Method:  "GET",
			Path:    "/api/auth/verify-email",
			Name:    "verifyEmail",
			Summary: "Verify an e-mail address",
			Notes: "It takes the token that was mailed to the address. The owner of a new account is signed in; a changed " +
				"address takes effect. The token works once. `HEAD`, with which mail programs inspect links, leaves it unused.",
			Auth: edge.Public,
			Params: []edge.Param{
				edge.RequiredParam(edge.TextParam("token", 256)),
				edge.TextParam("callbackURL", maxCallback),
			},
			Responses: []edge.Response{{Status: http.StatusFound, Doc: "Verified; redirects to the callback, or to /"}},
			Errors:    []*domain.Error{identity.ErrBadToken, identity.ErrEmailTaken},
			Handle:    a.verifyEmail,
		},
		{
			Method:  "POST",
			Path:    "/api/auth/send-verification-email",
			Name:    "sendVerificationEmail",
			Summary: "Resend the verification mail",
			Notes: "The response does not reveal whether the account exists. An address gets five of these mails in " +
				"15 minutes; further requests send none.",
			Auth:      edge.Public,
			Body:      identity.SendVerification{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: Done{}}},
			Handle:    a.sendVerification,
		},
		{
			Method:  "GET",
			Path:    "/api/auth/get-session",
			Name:    "getSession",
			Summary: "Get the session",
			Auth:    edge.OptionalSession,
			Responses: []edge.Response{
				{Status: http.StatusOK, Body: (*CurrentSession)(nil), Doc: "The session and its user; null without a session"},
			},
			Handle: a.getSession,
		},
		a.signOutRoute("/api/auth/sign-out", "signOut"),
		a.signOutRoute("/api/auth/signout", "signOutShort"),
	}
}

func (a *accounts) signOutRoute(path, name string) edge.Route {
	return edge.Route{
		Method:    "POST",
		Path:      path,
		Name:      name,
		Summary:   "Sign out",
		Notes:     "The value of the cookie is invalid from then on. Repeating is harmless.",
		Auth:      edge.OptionalSession,
		Responses: []edge.Response{{Status: http.StatusOK, Body: SignedOut{}}},
		Handle:    a.signOut,
	}
}

// passwordRoutes replace passwords, forgotten ones and known ones.
func (a *accounts) passwordRoutes() []edge.Route {
	done := []edge.Response{{Status: http.StatusOK, Body: Done{}}}
	return []edge.Route{
		{
			Method:  "POST",
			Path:    "/api/auth/request-password-reset",
			Name:    "requestPasswordReset",
			Summary: "Request a password reset",
			Notes: "A link is mailed that works once, for an hour, and leads to `redirectTo` with the token in its query. " +
				"The response does not reveal whether the account exists. An address gets three of these mails in 15 minutes; " +
				"further requests send none.",
			Auth:      edge.Public,
			Limit:     edge.LimitAuth,
			Body:      identity.RequestReset{},
			Responses: done,
			Handle:    a.requestReset,
		},
		{
			Method:     "POST",
			Path:       "/api/auth/reset-password",
			Name:       "resetPassword",
			Summary:    "Reset the password with the mailed token",
			Notes:      "All sessions of the account end.",
			Auth:       edge.Public,
			Limit:      edge.LimitAuth,
			Body:       identity.ResetPassword{},
			Idempotent: true,
			Responses:  done,
			Errors:     []*domain.Error{identity.ErrBadResetToken},
			Handle:     a.resetPassword,
		},
		{
			Method:  "POST",
			Path:    "/api/auth/change-password",
			Name:    "changePassword",
			Summary: "Change the password",
			Notes: "It takes the current password; wrong ones count as failed sign-ins. With `revokeOtherSessions` all other " +
				"sessions end and this one gets another cookie. A mail notifies the owner.",
			Auth:       edge.Session(),
			Body:       identity.ChangePassword{},
			Idempotent: true,
			Responses:  []edge.Response{{Status: http.StatusOK, Body: PasswordChanged{}}},
			Errors:     []*domain.Error{identity.ErrWrongPassword},
			Handle:     a.changePassword,
		},
	}
}

// sessionRoutes list and end the caller's sessions. An ended session is invalid from the
// next request on: every request reads it.
func (a *accounts) sessionRoutes() []edge.Route {
	done := []edge.Response{{Status: http.StatusOK, Body: Done{}}}
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/auth/list-sessions",
			Name:      "listSessions",
			Summary:   "List the caller's sessions, the last used first",
			Notes:     "A session's `token` identifies it to revoke-session; it cannot be used as a cookie.",
			Auth:      edge.Session(),
			Responses: []edge.Response{{Status: http.StatusOK, Body: []ListedSession{}}},
			Handle:    a.listSessions,
		},
		{
			Method:  "POST",
			Path:    "/api/auth/revoke-session",
			Name:    "revokeSession",
			Summary: "End one of the caller's sessions",
			Notes: "It is identified by the `id` or `token` of the list, or by the value of its cookie. The response is " +
				"the same for a session that has ended and for one that never existed.",
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

// profileRoutes change the caller's profile. Personal data does not travel on the bus: see
// idempotent.go.
func (a *accounts) profileRoutes() []edge.Route {
	profile := []edge.Response{edge.Data[Profile](http.StatusOK)}
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/user/profile",
			Name:      "getProfile",
			Summary:   "Get the caller's profile",
			Auth:      edge.Session(),
			Responses: profile,
			Errors:    []*domain.Error{identity.ErrUserNotFound},
			Handle:    a.getProfile,
		},
		{
			Method:  "PATCH",
			Path:    "/api/user/profile",
			Name:    "updateProfile",
			Summary: "Update the profile",
			Notes: "A new e-mail address needs `currentPassword`, or a sign-in of the last 10 minutes. It takes effect when " +
				"the link that is mailed to it is opened; until then the profile shows it as `pendingEmail`. The notice to the " +
				"old address has a link that undoes the change. `null` cancels the change. `socialLinks` is replaced as a whole.",
			Auth:       edge.Session(),
			Body:       identity.UpdateProfile{},
			Idempotent: true,
			Responses:  profile,
			Errors: []*domain.Error{
				identity.ErrUsernameTaken, identity.ErrEmailTaken, identity.ErrReauthenticate, identity.ErrWrongPassword,
			},
			Handle: a.updateProfile,
		},
		{
			Method:  "GET",
			Path:    "/api/auth/undo-email-change",
			Name:    "undoEmailChange",
			Summary: "Undo a change of the e-mail address",
			Notes: "It takes the token that was mailed to the replaced address, for 7 days. The account gets that address " +
				"back, and all its sessions end. The token works once. `HEAD`, with which mail programs inspect links, " +
				"leaves it unused.",
			Auth:      edge.Public,
			Limit:     edge.LimitAuth,
			Params:    []edge.Param{edge.RequiredParam(edge.TextParam("token", 256))},
			Responses: []edge.Response{{Status: http.StatusFound, Doc: "Undone; redirects to the page for another password"}},
			Errors:    []*domain.Error{identity.ErrBadToken, identity.ErrEmailTaken},
			Handle:    a.undoEmailChange,
		},
		{
			Method:     "POST",
			Path:       "/api/auth/update-user",
			Name:       "updateUser",
			Summary:    "Change the account's name or image",
			Auth:       edge.Session(),
			Body:       identity.UpdateUser{},
			Idempotent: true,
			Responses:  []edge.Response{{Status: http.StatusOK, Body: Done{}}},
			Handle:     a.updateUser,
		},
		{
			Method:     "POST",
			Path:       "/api/user/upgrade-to-creator",
			Name:       "upgradeToCreator",
			Summary:    "Become a creator",
			Auth:       edge.Session(),
			Limit:      edge.LimitStrict,
			Body:       identity.BecomeCreator{},
			Idempotent: true,
			Responses:  profile,
			Errors:     []*domain.Error{identity.ErrUsernameTaken, identity.ErrAlreadyCreator},
			Handle:     a.becomeCreator,
		},
	}
}

// accountRoutes set the caller's preferences and delete the account, by commands.
func (a *accounts) accountRoutes() []edge.Route {
	preferences := []edge.Response{edge.Data[Preferences](http.StatusOK)}
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/user/notification-preferences",
			Name:      "getNotificationPreferences",
			Summary:   "Get the mail preferences",
			Auth:      edge.Session(),
			Responses: preferences,
			Errors:    []*domain.Error{identity.ErrUserNotFound},
			Handle:    a.getPreferences,
		},
		{
			Method:    "PUT",
			Path:      "/api/user/notification-preferences",
			Name:      "setNotificationPreferences",
			Summary:   "Set the mail preferences",
			Notes:     "Absent fields stay as they are. Transactional mails cannot be switched off.",
			Auth:      edge.Session(),
			Body:      identity.SetPreferences{},
			Command:   identity.CommandSetPreferences,
			Responses: preferences,
			Handle:    a.setPreferences,
		},
		{
			Method:  "DELETE",
			Path:    "/api/user/account",
			Name:    "deleteAccount",
			Summary: "Delete the caller's account and all personal data",
			Notes: "It needs `currentPassword`, or a sign-in of the last 10 minutes. Purchases are kept, without a name. " +
				"All sessions end with the account, so a repeated request is not signed in.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Body:      identity.DeleteAccount{},
			Command:   identity.CommandDeleteAccount,
			Responses: []edge.Response{edge.NoContent},
			Errors: []*domain.Error{
				identity.ErrOwnsOrganization, identity.ErrHasContent, identity.ErrReauthenticate, identity.ErrWrongPassword,
			},
			Handle: a.deleteAccount,
		},
	}
}

// testRoutes are shortcuts for test clients. They exist in development only.
func (a *accounts) testRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:      "GET",
			Path:        "/api/test/verification-token/:email",
			Name:        "testVerificationToken",
			Summary:     "Get a verification token",
			Auth:        edge.Public,
			Development: true,
			Params:      []edge.Param{edge.TextParam("email", 254)},
			Responses:   []edge.Response{{Status: http.StatusOK, Body: TestToken{}}},
			Errors:      []*domain.Error{identity.ErrUserNotFound},
			Handle:      a.testVerificationToken,
		},
		{
			Method:      "POST",
			Path:        "/api/test/fast-register",
			Name:        "testFastRegister",
			Summary:     "Sign up with a verified address and sign in",
			Auth:        edge.Public,
			Development: true,
			Body:        identity.SignUp{},
			Responses:   []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:      []*domain.Error{identity.ErrEmailInUse},
			Handle:      a.fastRegister,
		},
		{
			Method:      "POST",
			Path:        "/api/test/fast-signin",
			Name:        "testFastSignIn",
			Summary:     "Sign in, verified or not",
			Auth:        edge.Public,
			Development: true,
			Body:        identity.SignIn{},
			Responses:   []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:      []*domain.Error{identity.ErrBadCredentials},
			Handle:      a.fastSignIn,
		},
	}
}
