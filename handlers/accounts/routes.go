package accounts

import (
	"net/http"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/handlers/edge"
)

func (a *accounts) authRoutes() []edge.Route {
	routes := []edge.Route{
		{
			Method:     "POST",
			Path:       "/api/auth/sign-up/email",
			Name:       "signUp",
			Summary:    "Make an account",
			Notes:      "The account can sign in once its address is verified by the link that is mailed to it. `role` is ignored, outside development.",
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
			Summary: "Start a session",
			Notes: "Whoever knows the password of a verified account gets a session, as a cookie. Five wrong passwords in 15 minutes close an account to sign-ins " +
				"for the rest of them. Repeating is harmless: it starts another session.",
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
			Summary: "Prove an address by the token that was mailed to it",
			Notes: "A new account's owner is signed in by it; a changed address takes effect. The token works once. " +
				"`HEAD`, by which mail programs look at links, leaves it unused.",
			Auth: edge.Public,
			Params: []edge.Param{
				edge.RequiredParam(edge.TextParam("token", 256)),
				edge.TextParam("callbackURL", maxCallback),
			},
			Responses: []edge.Response{{Status: http.StatusFound, Doc: "Proven; the callback's address, or /"}},
			Errors:    []*domain.Error{identity.ErrBadToken, identity.ErrEmailTaken},
			Handle:    a.verifyEmail,
		},
		{
			Method:    "POST",
			Path:      "/api/auth/send-verification-email",
			Name:      "sendVerificationEmail",
			Summary:   "Mail the link once more",
			Notes:     "The answer does not say whether there is such an account. An address gets five of these mails in 15 minutes; repeating does no more.",
			Auth:      edge.Public,
			Body:      identity.SendVerification{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: Done{}}},
			Handle:    a.sendVerification,
		},
		{
			Method:  "GET",
			Path:    "/api/auth/get-session",
			Name:    "getSession",
			Summary: "Say who is signed in",
			Auth:    edge.OptionalSession,
			Responses: []edge.Response{
				{Status: http.StatusOK, Body: (*CurrentSession)(nil), Doc: "Who is signed in; null for nobody"},
			},
			Handle: a.getSession,
		},
	}
	for path, name := range map[string]string{"/api/auth/sign-out": "signOut", "/api/auth/signout": "signOutShort"} {
		routes = append(routes, edge.Route{
			Method:    "POST",
			Path:      path,
			Name:      name,
			Summary:   "End the session of the request",
			Notes:     "The cookie's value opens nothing any more. Repeating is harmless.",
			Auth:      edge.OptionalSession,
			Responses: []edge.Response{{Status: http.StatusOK, Body: SignedOut{}}},
			Handle:    a.signOut,
		})
	}
	routes = append(routes, a.passwordRoutes()...)
	routes = append(routes, a.sessionRoutes()...)
	return append(routes, a.testRoutes()...)
}

// passwordRoutes replace passwords: a forgotten one by a mail, a known one by itself.
func (a *accounts) passwordRoutes() []edge.Route {
	done := []edge.Response{{Status: http.StatusOK, Body: Done{}}}
	return []edge.Route{
		{
			Method:  "POST",
			Path:    "/api/auth/request-password-reset",
			Name:    "requestPasswordReset",
			Summary: "Mail a link by which a forgotten password is replaced",
			Notes: "Always answers the same, whether there is such an account or not, and however many mails it had: three in 15 minutes. " +
				"The link works once, for an hour, and leads to `redirectTo` with the token in its query. Repeating sends another mail at most.",
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
			Summary:    "Replace a forgotten password by the token that was mailed",
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
			Summary: "Replace the password by who knows it",
			Notes: "Wrong passwords count like those at a sign-in. With `revokeOtherSessions` all other sessions end and this one gets another cookie. " +
				"The account is told by mail.",
			Auth:       edge.Session(),
			Body:       identity.ChangePassword{},
			Idempotent: true,
			Responses:  []edge.Response{{Status: http.StatusOK, Body: PasswordChanged{}}},
			Errors:     []*domain.Error{identity.ErrWrongPassword},
			Handle:     a.changePassword,
		},
	}
}

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

// profileRoutes are the caller's own account. Personal data does not travel on the bus:
// see idempotent.go.
func (a *accounts) profileRoutes() []edge.Route {
	profile, preferences := []edge.Response{
		edge.Data[Profile](http.StatusOK),
	}, []edge.Response{
		edge.Data[Preferences](http.StatusOK),
	}
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/user/profile",
			Name:      "getProfile",
			Summary:   "Read the caller's profile",
			Auth:      edge.Session(),
			Responses: profile,
			Errors:    []*domain.Error{identity.ErrUserNotFound},
			Handle:    a.getProfile,
		},
		{
			Method:  "PATCH",
			Path:    "/api/user/profile",
			Name:    "updateProfile",
			Summary: "Change the fields that are given",
			Notes: "Another e-mail address takes effect when the link that is mailed to it is opened; until then the profile shows it as `pendingEmail`, and " +
				"the old address is told. `null` gives the pending address up. `socialLinks` is replaced as a whole.",
			Auth:       edge.Session(),
			Body:       identity.UpdateProfile{},
			Idempotent: true,
			Responses:  profile,
			Errors:     []*domain.Error{identity.ErrUsernameTaken, identity.ErrEmailTaken},
			Handle:     a.updateProfile,
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
		{
			Method:    "GET",
			Path:      "/api/user/notification-preferences",
			Name:      "getNotificationPreferences",
			Summary:   "Read which mails the caller gets",
			Auth:      edge.Session(),
			Responses: preferences,
			Errors:    []*domain.Error{identity.ErrUserNotFound},
			Handle:    a.getPreferences,
		},
		{
			Method:    "PUT",
			Path:      "/api/user/notification-preferences",
			Name:      "setNotificationPreferences",
			Summary:   "Choose which mails to get",
			Notes:     "What is absent stays as it is. Transactional mails cannot be switched off.",
			Auth:      edge.Session(),
			Body:      identity.SetPreferences{},
			Command:   identity.CommandSetPreferences,
			Responses: preferences,
			Handle:    a.setPreferences,
		},
		{
			Method:    "DELETE",
			Path:      "/api/user/account",
			Name:      "deleteAccount",
			Summary:   "Delete the caller's account and everything personal with it",
			Notes:     "Purchases stay in the books, without a name. The sessions end with the account, so a repetition is not signed in.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Body:      identity.DeleteAccount{},
			Command:   identity.CommandDeleteAccount,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{identity.ErrOwnsOrganization, identity.ErrHasContent},
			Handle:    a.deleteAccount,
		},
	}
}

// testRoutes are the short cuts of test clients. They exist in development only;
// elsewhere the paths are not known.
func (a *accounts) testRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:      "GET",
			Path:        "/api/test/verification-token/:email",
			Name:        "testVerificationToken",
			Summary:     "Get a token that verifies an address",
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
			Summary:     "Make a verified account and sign it in",
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
			Summary:     "Sign an account in, verified or not",
			Auth:        edge.Public,
			Development: true,
			Body:        identity.SignIn{},
			Responses:   []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:      []*domain.Error{identity.ErrBadCredentials},
			Handle:      a.fastSignIn,
		},
	}
}
