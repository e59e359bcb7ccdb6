package identity

import (
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/mail"
)

// SignUp registers an account. It carries a password: it never travels on the bus and is
// never logged.
type SignUp struct {
	Name     string `json:"name" jsonschema:"required,minLength=1,maxLength=255,example=Ada Lovelace"`
	Email    string `json:"email" jsonschema:"required,format=email,maxLength=254,example=ada@example.org"`
	Password string `json:"password" jsonschema:"required,minLength=8,maxLength=128,example=a quiet winter river"`
	// Role is the requested role; see SignUpRole.
	Role string `json:"role,omitempty" jsonschema:"maxLength=50"`
	// Image is the address of a picture of the user.
	Image *string `json:"image,omitempty" jsonschema:"format=uri,maxLength=2048"`
	// CallbackURL is where the link in the mail redirects to.
	CallbackURL string `json:"callbackURL,omitempty" jsonschema:"maxLength=2048,example=/library"`
	// RememberMe is accepted for clients that send it; a sign-up starts no session.
	RememberMe *bool `json:"rememberMe,omitempty"`
}

// SignIn starts a session. Like SignUp it stays in the process.
type SignIn struct {
	Email    string `json:"email" jsonschema:"required,format=email,maxLength=254,example=ada@example.org"`
	Password string `json:"password" jsonschema:"required,minLength=1,maxLength=128,example=a quiet winter river"`
	// RememberMe false makes the browser forget the session when it closes;
	// absent is true.
	RememberMe  *bool  `json:"rememberMe,omitempty"`
	CallbackURL string `json:"callbackURL,omitempty" jsonschema:"maxLength=2048,example=/library"`
}

// Remembered reports whether the browser keeps the session when it closes.
func (s SignIn) Remembered() bool { return s.RememberMe == nil || *s.RememberMe }

// SendVerification requests another verification mail.
type SendVerification struct {
	Email       string `json:"email" jsonschema:"required,format=email,maxLength=254,example=ada@example.org"`
	CallbackURL string `json:"callbackURL,omitempty" jsonschema:"maxLength=2048,example=/library"`
}

// RequestReset requests the mail by which a forgotten password can be replaced.
type RequestReset struct {
	Email string `json:"email" jsonschema:"required,format=email,maxLength=254,example=ada@example.org"`
	// RedirectTo is the page that the link in the mail leads to, with the token.
	RedirectTo string `json:"redirectTo,omitempty" jsonschema:"maxLength=2048,example=/reset-password"`
}

// ResetPassword replaces a forgotten password with the token from the mail.
type ResetPassword struct {
	Token       string `json:"token" jsonschema:"required,maxLength=256,example=n3r4Bq0Yc2l1V0m9x8w7u6t5s4r3q2p1o0n9m8l7k6j"`
	NewPassword string `json:"newPassword" jsonschema:"required,minLength=8,maxLength=128,example=a quiet summer lake"`
}

// ChangePassword replaces a password that the user knows.
type ChangePassword struct {
	CurrentPassword string `json:"currentPassword" jsonschema:"required,minLength=1,maxLength=128,example=a quiet winter river"`
	NewPassword     string `json:"newPassword" jsonschema:"required,minLength=8,maxLength=128,example=a quiet summer lake"`
	// RevokeOtherSessions signs the user out everywhere else.
	RevokeOtherSessions *bool `json:"revokeOtherSessions,omitempty"`
}

// RevokeSession ends one of the user's own sessions, named by id or by token.
type RevokeSession struct {
	ID    string `json:"id,omitempty" jsonschema:"maxLength=64"`
	Token string `json:"token,omitempty" jsonschema:"maxLength=256,example=0198f3a0-1c1d-7a2b-8f3e-2f1d0c9b8a76"`
}

// Validate normalises the request (the name, lower-cases the address) and
// returns the fields that break a rule.
func (s *SignUp) Validate() []domain.Field {
	s.Name, s.Email, s.Image = domain.Name(s.Name), mail.NormalAddress(s.Email), domain.NonEmpty(s.Image)
	v := newCheck(s)
	v.Name("name", s.Name)
	v.address(s.Email)
	v.password("password", s.Password, s.Email)
	return v.Fields
}

// Validate normalises the address. The rules for new passwords do not matter
// here: an old password may be worse. Its length bounds the work.
func (s *SignIn) Validate() []domain.Field {
	s.Email = mail.NormalAddress(s.Email)
	v := newCheck(s)
	v.address(s.Email)
	return v.Fields
}

// Validate normalises the address.
func (s *SendVerification) Validate() []domain.Field {
	s.Email = mail.NormalAddress(s.Email)
	v := newCheck(s)
	v.address(s.Email)
	return v.Fields
}

// Validate normalises the address.
func (r *RequestReset) Validate() []domain.Field {
	r.Email = mail.NormalAddress(r.Email)
	v := newCheck(r)
	v.address(r.Email)
	return v.Fields
}

// Validate checks the new password as far as is possible without its account.
func (r *ResetPassword) Validate() []domain.Field {
	v := newCheck(r)
	v.password("newPassword", r.NewPassword, "")
	return v.Fields
}

// Validate checks the new password as far as is possible without its account.
func (c *ChangePassword) Validate() []domain.Field {
	v := newCheck(c)
	v.password("newPassword", c.NewPassword, "")
	return v.Fields
}

// Validate requires exactly one of id and token.
func (r *RevokeSession) Validate() []domain.Field {
	v := newCheck(r)
	if (r.ID == "") == (r.Token == "") {
		v.Reject("token", "is required, or id in its place")
	}
	return v.Fields
}
