package mail

import "time"

// Template names a kind of mail.
type Template string

// The mails of the platform. The package that knows the occasion writes the text.
const (
	// VerifyEmail proves the address of a new account.
	VerifyEmail Template = "verify-email"
	// ChangeEmail proves the address that replaces an account's own.
	ChangeEmail Template = "change-email"
	// EmailChanging notifies an account's address that another one may replace it, and carries
	// the link that undoes that.
	EmailChanging Template = "email-changing"
	// PasswordReset carries the link by which a forgotten password is replaced.
	PasswordReset Template = "password-reset"
	// PasswordChanged notifies the owner of an account of another password.
	PasswordChanged Template = "password-changed"
	// Welcome greets a user after the first verification.
	Welcome Template = "welcome"
	// Invitation notifies a user of an invitation to an organization.
	Invitation Template = "org-member-invitation"
	// RoleChanged notifies a member of another role.
	RoleChanged Template = "member-role-changed"
	// MemberRemoved notifies a user of the end of a membership.
	MemberRemoved Template = "member-removed"
)

// Secret reports whether the body holds a token, which must not be kept longer than
// its delivery needs.
func (t Template) Secret() bool {
	return t == VerifyEmail || t == ChangeEmail || t == EmailChanging || t == PasswordReset
}

// Mail is a message to one recipient.
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
