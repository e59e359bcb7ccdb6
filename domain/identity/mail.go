package identity

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
)

// Template names a kind of mail.
type Template string

// The mails of this context.
const (
	// VerifyEmail proves the address of a new account.
	VerifyEmail Template = "verify-email"
	// ChangeEmail proves the address that an account wants instead of its own.
	ChangeEmail Template = "change-email"
	// EmailChanging tells the address that an account has what is wanted instead.
	EmailChanging Template = "email-changing"
	// PasswordReset brings the link by which a forgotten password is replaced.
	PasswordReset Template = "password-reset"
	// PasswordChanged tells the owner that somebody who knew the password changed it.
	PasswordChanged Template = "password-changed"
	// Welcome greets whoever has proven an address for the first time.
	Welcome Template = "welcome"
)

// Secret says that the body holds a token, which must not be kept longer than its
// delivery needs.
func (t Template) Secret() bool { return t == VerifyEmail || t == ChangeEmail || t == PasswordReset }

// Mail is a message on its way to one recipient.
type Mail struct {
	// ID is a UUID; it also makes the message id, by which a recipient's server
	// recognises a second copy.
	ID        string
	Template  Template
	Recipient string
	UserID    string
	// SourceID is what the mail is about: one mail per template, recipient and source.
	SourceID string
	Subject  string
	Text     string
	HTML     string
	Created  time.Time
}

// VerificationLink returns the address that proves an e-mail address. base is the
// platform's own address; callback is where it leads in the end, or "".
func VerificationLink(base string, token Token, callback string) string {
	values := url.Values{"token": {string(token)}}
	if callback != "" {
		values.Set("callbackURL", callback)
	}
	return base + "/api/auth/verify-email?" + values.Encode()
}

// ResetLink returns the address of the page that asks for another password, with the
// token. page is that page, as an address or a path of the platform at base; "" is
// the platform's own.
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

// VerificationMail returns the mail that brings a verification's link to a user.
func VerificationMail(id string, v Verification, link string) (Mail, error) {
	return letter{
		template: VerifyEmail, title: "Confirm your e-mail address",
		text:   fmt.Sprintf("Welcome to Codex. The link below confirms this e-mail address. It works once, for %d hours.", int(v.Purpose.Lifetime().Hours())),
		action: "Confirm this address", link: link,
		foot: "If you did not sign up, ignore this mail: nothing happens without the link.",
	}.to(id, v.Email, v.UserID, v.ID, v.CreatedAt)
}

// ChangeEmailMail returns the mail that brings a verification's link to the address
// that an account wants instead of its own.
func ChangeEmailMail(id string, v Verification, link string) (Mail, error) {
	return letter{
		template: ChangeEmail, title: "Confirm your new e-mail address",
		text:   fmt.Sprintf("The link below makes this the e-mail address of your Codex account. It works once, for %d hours.", int(v.Purpose.Lifetime().Hours())),
		action: "Use this address", link: link,
		foot: "If you have no account at Codex, ignore this mail: nothing happens without the link.",
	}.to(id, v.Email, v.UserID, v.ID, v.CreatedAt)
}

// EmailChangingMail returns the notice to the address that a change is about to
// replace. It does not say by what: whoever reads this mailbox need not know.
func EmailChangingMail(id string, u User, v Verification) (Mail, error) {
	return letter{
		template: EmailChanging, title: "Your e-mail address is about to change",
		text: "Somebody who is signed in to your Codex account asked for another e-mail address. This one stays in use until the new one is confirmed.",
		foot: "If that was not you, change your password now and sign out everywhere else: that cancels the change.",
	}.to(id, u.Email, u.ID, v.ID, v.CreatedAt)
}

// ResetMail returns the mail that brings the link for another password.
func ResetMail(id string, v Verification, link string) (Mail, error) {
	return letter{
		template: PasswordReset, title: "Choose another password",
		text:   fmt.Sprintf("The link below lets you choose another password for your Codex account. It works once, for %d minutes.", int(v.Purpose.Lifetime().Minutes())),
		action: "Choose another password", link: link,
		foot: "If you did not ask for it, ignore this mail: your password stays as it is.",
	}.to(id, v.Email, v.UserID, v.ID, v.CreatedAt)
}

// PasswordChangedMail returns the notice after a password was changed; source
// identifies the change.
func PasswordChangedMail(id string, u User, source string, now time.Time) (Mail, error) {
	return letter{
		template: PasswordChanged, title: "Your password was changed",
		text: "The password of your Codex account was changed a moment ago.",
		foot: "If that was not you, ask for a password reset at once: it signs everybody out.",
	}.to(id, u.Email, u.ID, source, now)
}

// WelcomeMail returns the greeting after the first verification. An account gets one.
func WelcomeMail(id string, u User, base string, now time.Time) (Mail, error) {
	return letter{
		template: Welcome, title: "Welcome to Codex",
		text:   "Your e-mail address is confirmed. What you buy waits in your library.",
		action: "Open Codex", link: base + "/",
		foot: "You get this mail once.",
	}.to(id, u.Email, u.ID, u.ID, now)
}

// letter is what a mail says. No letter says the user's name: whoever signs up
// chooses that, and could make us deliver their words to anybody.
type letter struct {
	template    Template
	title, text string
	// action names the link; both are "" where there is nothing to do.
	action, link string
	foot         string
}

// to addresses a letter.
func (l letter) to(id, recipient, userID, source string, now time.Time) (Mail, error) {
	parts := []string{l.text, l.link, l.foot}
	if l.link == "" {
		parts = []string{l.text, l.foot}
	}
	var page strings.Builder
	if err := mailPage.Execute(&page, mailContent{Title: l.title, Text: l.text, Action: l.action, Link: l.link, Foot: l.foot}); err != nil {
		return Mail{}, fmt.Errorf("write the mail %s: %w", l.template, err)
	}
	return Mail{
		ID: id, Template: l.template, Recipient: recipient, UserID: userID, SourceID: source,
		Subject: l.title, Text: strings.Join(parts, "\n\n") + "\n", HTML: page.String(), Created: now,
	}, nil
}

type mailContent struct{ Title, Text, Action, Link, Foot string }

// mailPage is the frame of every mail. Mail programs know little CSS: everything
// is inline.
var mailPage = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="margin:0;padding:32px 16px;background:#f4f2ee;font-family:system-ui,-apple-system,'Segoe UI',sans-serif;color:#1d1b18">
<div style="max-width:480px;margin:0 auto;padding:32px;background:#ffffff;border-radius:12px">
<h1 style="margin:0 0 16px;font-size:22px">{{.Title}}</h1>
<p style="margin:0 0 24px;line-height:1.5">{{.Text}}</p>
{{- if .Link}}
<p style="margin:0 0 24px"><a href="{{.Link}}" style="display:inline-block;padding:12px 20px;background:#1d1b18;color:#ffffff;border-radius:8px;text-decoration:none">{{.Action}}</a></p>
<p style="margin:0 0 24px;font-size:13px;line-height:1.5;word-break:break-all;color:#6b665e">{{.Link}}</p>
{{- end}}
<p style="margin:0;font-size:13px;color:#6b665e">{{.Foot}}</p>
</div>
</body>
</html>
`))
