package identity

import (
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/events"
)

// SocialLinks are http(s) addresses of a creator elsewhere; nil where there is none.
type SocialLinks struct {
	Website   *string `json:"website,omitempty" jsonschema:"format=uri,maxLength=2048,example=https://ada.example.org"`
	Twitter   *string `json:"twitter,omitempty" jsonschema:"format=uri,maxLength=2048"`
	YouTube   *string `json:"youtube,omitempty" jsonschema:"format=uri,maxLength=2048"`
	Instagram *string `json:"instagram,omitempty" jsonschema:"format=uri,maxLength=2048"`
}

// normalise makes empty addresses absent.
func (l *SocialLinks) normalise() {
	if l != nil {
		l.Website = domain.NonEmpty(l.Website)
		l.Twitter = domain.NonEmpty(l.Twitter)
		l.YouTube = domain.NonEmpty(l.YouTube)
		l.Instagram = domain.NonEmpty(l.Instagram)
	}
}

// BecomeCreator requests the role creator.
type BecomeCreator struct {
	Username    string       `json:"username" jsonschema:"required,minLength=1,maxLength=50,pattern=^[a-z0-9]+(-[a-z0-9]+)*$,example=ada-lovelace" rule:"must be a-z and 0-9 in groups joined by single hyphens"`
	Bio         *string      `json:"bio,omitempty" jsonschema:"maxLength=500,example=Films about trains"`
	SocialLinks *SocialLinks `json:"socialLinks,omitempty"`
}

// Validate trims the texts; an empty optional text counts as absent.
func (b *BecomeCreator) Validate() []domain.Field {
	b.Username, b.Bio = strings.TrimSpace(b.Username), domain.NonEmpty(b.Bio)
	b.SocialLinks.normalise()
	return domain.Check(b)
}

// UpdateProfile changes the fields that are set. Another e-mail address takes effect only
// when it is verified; null cancels a pending one.
type UpdateProfile struct {
	DisplayName domain.Optional[string]      `json:"displayName,omitzero" jsonschema:"minLength=1,maxLength=255,example=Ada Lovelace"`
	Email       domain.Optional[string]      `json:"email,omitzero" jsonschema:"format=email,maxLength=254"`
	Username    domain.Optional[string]      `json:"username,omitzero" jsonschema:"minLength=1,maxLength=50,pattern=^[a-z0-9]+(-[a-z0-9]+)*$" rule:"must be a-z and 0-9 in groups joined by single hyphens"`
	Bio         domain.Optional[string]      `json:"bio,omitzero" jsonschema:"maxLength=500"`
	SocialLinks domain.Optional[SocialLinks] `json:"socialLinks,omitzero"`
	// CurrentPassword is for a change of the address, unless the user has just signed in. Like
	// SignUp it stays in the process.
	CurrentPassword string `json:"currentPassword,omitempty" jsonschema:"maxLength=128"`
}

// Validate trims the texts and lower-cases the address. An empty bio is none.
func (p *UpdateProfile) Validate() []domain.Field {
	normalise(p.DisplayName.Value)
	trim(p.Username.Value)
	p.Bio.Value = domain.NonEmpty(p.Bio.Value)
	p.SocialLinks.Value.normalise()
	if p.Email.Value != nil {
		*p.Email.Value = mail.NormalAddress(*p.Email.Value)
	}
	v := newCheck(p)
	domain.NotNull(&v.Validation, "displayName", p.DisplayName)
	domain.NotNull(&v.Validation, "username", p.Username)
	if p.DisplayName.Value != nil {
		v.Name("displayName", *p.DisplayName.Value)
	}
	if p.Email.Value != nil {
		v.address(*p.Email.Value)
	}
	return v.Fields
}

// Wants reports whether the command asks for another address than an account has.
func (p *UpdateProfile) Wants(has string) bool { return p.Email.Value != nil && *p.Email.Value != has }

// UpdateUser changes the name and the image that sign-up has set.
type UpdateUser struct {
	Name  domain.Optional[string] `json:"name,omitzero" jsonschema:"minLength=1,maxLength=255,example=Ada Lovelace"`
	Image domain.Optional[string] `json:"image,omitzero" jsonschema:"format=uri,maxLength=2048"`
}

// Validate trims the texts. An empty image is none.
func (p *UpdateUser) Validate() []domain.Field {
	normalise(p.Name.Value)
	p.Image.Value = domain.NonEmpty(p.Image.Value)
	v := newCheck(p)
	domain.NotNull(&v.Validation, "name", p.Name)
	if p.Name.Value != nil {
		v.Name("name", *p.Name.Value)
	}
	return v.Fields
}

// SetPreferences chooses which mails to get; what is absent stays as it is.
type SetPreferences struct {
	EmailMarketing *bool `json:"emailMarketing,omitempty"`
	EmailDigest    *bool `json:"emailDigest,omitempty"`
	// EmailTransactional is accepted while it is true.
	EmailTransactional *bool `json:"emailTransactional,omitempty"`
}

// Validate rejects switching transactional mail off.
func (p *SetPreferences) Validate() []domain.Field {
	v := newCheck(p)
	if p.EmailTransactional != nil && !*p.EmailTransactional {
		v.Reject("emailTransactional", "cannot be switched off")
	}
	return v.Fields
}

// CreatorFacts are the facts for the decision to become a creator.
type CreatorFacts struct {
	// UsernameTaken says that another live account has the username.
	UsernameTaken bool
}

// BecomeCreator turns a customer into a creator with a public profile.
func (u User) BecomeCreator(cmd BecomeCreator, facts CreatorFacts, now time.Time) (User, []events.Payload, error) {
	switch {
	case u.Role != Customer:
		return User{}, nil, ErrAlreadyCreator
	case facts.UsernameTaken:
		return User{}, nil, ErrUsernameTaken
	}
	u.Role, u.Username, u.Bio, u.Links = Creator, &cmd.Username, cmd.Bio, cmd.SocialLinks
	u.UpdatedAt, u.Version = now, u.Version+1
	return u, []events.Payload{events.UserBecameCreator{UserID: u.ID}}, nil
}

// ProfileFacts are the facts for the decision about a profile.
type ProfileFacts struct {
	// UsernameTaken and EmailTaken say that another account has the requested values.
	UsernameTaken, EmailTaken bool
}

// UpdateProfile changes what a command sets. Another address becomes the pending one;
// the account's own address changes nothing, because clients send back what they show. proof
// says that the pending address has to be verified: it is new, or was requested again.
func (u User) UpdateProfile(
	cmd UpdateProfile, facts ProfileFacts, now time.Time,
) (next User, proof bool, payloads []events.Payload, err error) {
	var changed []string
	set(&changed, "name", &u.Name, cmd.DisplayName.Value)
	if name := cmd.Username.Value; name != nil && (u.Username == nil || *u.Username != *name) {
		if facts.UsernameTaken {
			return User{}, false, nil, ErrUsernameTaken
		}
		u.Username, changed = name, append(changed, "username")
	}
	setOptional(&changed, "bio", &u.Bio, cmd.Bio)
	if cmd.SocialLinks.Set && !sameLinks(u.Links, cmd.SocialLinks.Value) {
		u.Links, changed = cmd.SocialLinks.Value, append(changed, "social_links")
	}
	if cmd.Wants(u.Email) {
		if facts.EmailTaken {
			return User{}, false, nil, ErrEmailTaken
		}
		proof = true
	}
	if proof || cmd.Email.Value == nil {
		setOptional(&changed, "pending_email", &u.PendingEmail, cmd.Email)
	}
	next, payloads = u.updated(changed, now)
	return next, proof, payloads, nil
}

// UpdateUser changes what a command sets.
func (u User) UpdateUser(cmd UpdateUser, now time.Time) (User, []events.Payload) {
	var changed []string
	set(&changed, "name", &u.Name, cmd.Name.Value)
	setOptional(&changed, "image", &u.Image, cmd.Image)
	return u.updated(changed, now)
}

// ConfirmEmail makes the pending address the account's own. It reports false when the
// pending address is a different one.
func (u User) ConfirmEmail(address string, now time.Time) (User, []events.Payload, bool) {
	if u.PendingEmail == nil || *u.PendingEmail != address {
		return u, nil, false
	}
	u.Email, u.EmailVerified, u.PendingEmail = address, true, nil
	u.UpdatedAt, u.Version = now, u.Version+1
	return u, []events.Payload{events.UserEmailChanged{UserID: u.ID}}, true
}

// UndoEmail makes an address the account's own again and drops a pending one. An account that
// has it and no pending one stays as it is.
func (u User) UndoEmail(address string, now time.Time) (User, []events.Payload) {
	if u.Email == address && u.PendingEmail == nil {
		return u, nil
	}
	payload := events.Payload(events.UserProfileUpdated{UserID: u.ID, Fields: []string{"pending_email"}})
	if u.Email != address {
		payload = events.UserEmailChanged{UserID: u.ID}
	}
	u.Email, u.EmailVerified, u.PendingEmail = address, true, nil
	u.UpdatedAt, u.Version = now, u.Version+1
	return u, []events.Payload{payload}
}

// SetPreferences chooses which mails to get.
func (u User) SetPreferences(cmd SetPreferences, now time.Time) (User, []events.Payload) {
	before := u
	if cmd.EmailMarketing != nil {
		u.Preferences.Marketing = *cmd.EmailMarketing
	}
	if cmd.EmailDigest != nil {
		u.Preferences.Digest = *cmd.EmailDigest
	}
	if u.Preferences == before.Preferences {
		return u, nil
	}
	u.UpdatedAt, u.Version = now, u.Version+1
	return u, []events.Payload{events.UserPreferencesChanged{
		UserID: u.ID, EmailMarketing: u.Preferences.Marketing, EmailDigest: u.Preferences.Digest,
	}}
}

// updated gives the account its next version when something changed.
func (u User) updated(changed []string, now time.Time) (User, []events.Payload) {
	if len(changed) == 0 {
		return u, nil
	}
	u.UpdatedAt, u.Version = now, u.Version+1
	return u, []events.Payload{events.UserProfileUpdated{UserID: u.ID, Fields: changed}}
}

func set(changed *[]string, name string, field, value *string) {
	if value != nil && *field != *value {
		*field, *changed = *value, append(*changed, name)
	}
}

func setOptional(changed *[]string, name string, field **string, value domain.Optional[string]) {
	if value.Set && !same(*field, value.Value) {
		*field, *changed = value.Value, append(*changed, name)
	}
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameLinks(a, b *SocialLinks) bool {
	if a == nil || b == nil {
		return a == b
	}
	return same(a.Website, b.Website) && same(a.Twitter, b.Twitter) &&
		same(a.YouTube, b.YouTube) && same(a.Instagram, b.Instagram)
}

func normalise(name *string) {
	if name != nil {
		*name = domain.Name(*name)
	}
}

func trim(s *string) {
	if s != nil {
		*s = strings.TrimSpace(*s)
	}
}
