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

// VerifyEmail is the mail that proves an address.
const VerifyEmail Template = "verify-email"

// Secret says that the body holds a token, which must not be kept longer than its
// delivery needs.
func (t Template) Secret() bool { return t == VerifyEmail }

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

// VerificationMail returns the mail that brings a verification's link to a user.
// It does not say the user's name: whoever signs up chooses that, and could make
// us deliver their words to anybody.
func VerificationMail(id string, u User, v Verification, link string) (Mail, error) {
	hours := int(VerificationLifetime.Hours())
	text := fmt.Sprintf(`Welcome to Codex.

Confirm this e-mail address by opening the link below. It works once, for %d hours.

%s

If you did not sign up, ignore this mail: nothing happens without the link.
`, hours, link)
	var body strings.Builder
	err := mailPage.Execute(&body, mailContent{
		Title:  "Confirm your e-mail address",
		Text:   fmt.Sprintf("Welcome to Codex. The button works once, for %d hours.", hours),
		Action: "Confirm this address",
		Link:   link,
		Foot:   "If you did not sign up, ignore this mail: nothing happens without the link.",
	})
	if err != nil {
		return Mail{}, fmt.Errorf("write the verification mail: %w", err)
	}
	return Mail{
		ID: id, Template: VerifyEmail, Recipient: u.Email, UserID: u.ID, SourceID: v.ID,
		Subject: "Confirm your e-mail address", Text: text, HTML: body.String(), Created: v.CreatedAt,
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
<p style="margin:0 0 24px"><a href="{{.Link}}" style="display:inline-block;padding:12px 20px;background:#1d1b18;color:#ffffff;border-radius:8px;text-decoration:none">{{.Action}}</a></p>
<p style="margin:0 0 24px;font-size:13px;line-height:1.5;word-break:break-all;color:#6b665e">{{.Link}}</p>
<p style="margin:0;font-size:13px;color:#6b665e">{{.Foot}}</p>
</div>
</body>
</html>
`))
