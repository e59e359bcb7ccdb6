package identity

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/mail"
)

// VerificationLink returns the address that verifies an e-mail address. base is the address
// of the platform; callback is the address to redirect to, or "".
func VerificationLink(base string, token Token, callback string) string {
	values := url.Values{"token": {string(token)}}
	if callback != "" {
		values.Set("callbackURL", callback)
	}
	return base + "/api/auth/verify-email?" + values.Encode()
}

// UndoLink returns the address that undoes a change of an account's address.
func UndoLink(base string, token Token) string {
	return base + "/api/auth/undo-email-change?" + url.Values{"token": {string(token)}}.Encode()
}

// ResetLink returns the address of the page for a new password, with the token. page is an
// address, or a path of the platform at base; "" is the platform's own page.
func ResetLink(base string, token Token, page string) string {
	if page == "" {
		page = "/reset-password"
	}
	if strings.HasPrefix(page, "/") {
		page = base + page
	}
	page, fragment, anchored := strings.Cut(page, "#")
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	page += separator + url.Values{"token": {string(token)}}.Encode()
	if anchored {
		page += "#" + fragment
	}
	return page
}

// VerificationMail returns the mail that carries the link of a verification to a user.
func VerificationMail(id string, v Verification, link string) (mail.Mail, error) {
	return mail.Compose(v.envelope(id), mail.Content{
		Template: mail.VerifyEmail,
		Title:    "Confirm your e-mail address",
		Text: fmt.Sprintf("Welcome to Codex. The link below confirms this e-mail address. "+
			"It works once, for %d hours.", int(v.Purpose.Lifetime().Hours())),
		Action: "Confirm this address",
		Link:   link,
		Footer: "If you did not sign up, ignore this mail: nothing happens without the link.",
	})
}

// ChangeEmailMail returns the mail that carries the link of a verification to the address
// that is to replace an account's own.
func ChangeEmailMail(id string, v Verification, link string) (mail.Mail, error) {
	return mail.Compose(v.envelope(id), mail.Content{
		Template: mail.ChangeEmail,
		Title:    "Confirm your new e-mail address",
		Text: fmt.Sprintf("The link below makes this the e-mail address of your Codex account. "+
			"It works once, for %d hours.", int(v.Purpose.Lifetime().Hours())),
		Action: "Use this address",
		Link:   link,
		Footer: "If you have no account at Codex, ignore this mail: nothing happens without the link.",
	})
}

// EmailChangingMail returns the notice to the address that a change is about to replace, with
// the link that undoes the change. It does not contain the new address.
func EmailChangingMail(id string, undo Verification, link string) (mail.Mail, error) {
	return mail.Compose(undo.envelope(id), mail.Content{
		Template: mail.EmailChanging,
		Title:    "Your e-mail address is about to change",
		Text: "A change of the e-mail address of your Codex account was requested by a signed-in user. " +
			"This one stays in use until the new one is confirmed. If that was not you, the link below undoes the " +
			"change and signs you out everywhere. " +
			fmt.Sprintf("It works once, for %d days.", int(undo.Purpose.Lifetime().Hours()/24)),
		Action: "Undo the change",
		Link:   link,
		Footer: "If that was you, ignore this mail.",
	})
}

// ResetMail returns the mail with the link to choose another password.
func ResetMail(id string, v Verification, link string) (mail.Mail, error) {
	return mail.Compose(v.envelope(id), mail.Content{
		Template: mail.PasswordReset,
		Title:    "Choose another password",
		Text: fmt.Sprintf("The link below lets you choose another password for your Codex account. "+
			"It works once, for %d minutes.", int(v.Purpose.Lifetime().Minutes())),
		Action: "Choose another password",
		Link:   link,
		Footer: "If you did not ask for it, ignore this mail: your password stays as it is.",
	})
}

// PasswordChangedMail returns the notice after a password was changed; source
// identifies the change.
func PasswordChangedMail(id string, u User, source string, now time.Time) (mail.Mail, error) {
	return mail.Compose(u.envelope(id, source, now), mail.Content{
		Template: mail.PasswordChanged,
		Title:    "Your password was changed",
		Text:     "The password of your Codex account was changed a moment ago.",
		Footer:   "If that was not you, ask for a password reset at once: it ends all sessions.",
	})
}

// WelcomeMail returns the greeting after the first verification. An account gets one.
func WelcomeMail(id string, u User, base string, now time.Time) (mail.Mail, error) {
	return mail.Compose(u.envelope(id, u.ID, now), mail.Content{
		Template: mail.Welcome,
		Title:    "Welcome to Codex",
		Text:     "Your e-mail address is confirmed. What you buy waits in your library.",
		Action:   "Open Codex",
		Link:     base + "/",
		Footer:   "You get this mail once.",
	})
}

// envelope addresses a mail to the address of the verification.
func (v Verification) envelope(id string) mail.Envelope {
	return mail.Envelope{
		ID:        id,
		Recipient: v.Email,
		UserID:    v.UserID,
		SourceID:  v.ID,
		Created:   v.CreatedAt,
	}
}

// envelope addresses a mail to the user.
func (u User) envelope(id, sourceID string, now time.Time) mail.Envelope {
	return mail.Envelope{
		ID:        id,
		Recipient: u.Email,
		UserID:    u.ID,
		SourceID:  sourceID,
		Created:   now,
	}
}
