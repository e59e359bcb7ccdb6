package identity

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/codex-platform/codex/domain"
)

// Limits of the contract, in characters.
const (
	maxName        = 255
	maxEmail       = 254 // RFC 5321, a path without its brackets
	maxLocalPart   = 64
	maxUsername    = 50
	maxBio         = 500
	maxDescription = 5000
	maxURL         = 2048
)

// SignUp asks for an account. It carries a password: it never travels on the bus
// and is never logged.
type SignUp struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Password string `json:"password"`
	// Role is a wish; see SignUpRole.
	Role string `json:"role,omitempty"`
	// CallbackURL is where the link in the mail leads in the end.
	CallbackURL string `json:"callbackURL,omitempty"`
	// RememberMe is accepted for the sake of clients that send it; a sign-up starts
	// no session.
	RememberMe *bool `json:"rememberMe,omitempty"`
}

// SignIn asks for a session. Like SignUp it stays in the process.
type SignIn struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	// RememberMe false makes the browser forget the session when it closes;
	// absent is true.
	RememberMe  *bool  `json:"rememberMe,omitempty"`
	CallbackURL string `json:"callbackURL,omitempty"`
}

// Remembered says whether the browser keeps the session when it closes.
func (s SignIn) Remembered() bool { return s.RememberMe == nil || *s.RememberMe }

// SendVerification asks for another verification mail.
type SendVerification struct {
	Email       string `json:"email"`
	CallbackURL string `json:"callbackURL,omitempty"`
}

// BecomeCreator asks for role creator.
type BecomeCreator struct {
	Username    string       `json:"username"`
	Bio         *string      `json:"bio,omitempty"`
	SocialLinks *SocialLinks `json:"socialLinks,omitempty"`
}

// CreateOrganization asks for a new tenant, owned by who asks.
type CreateOrganization struct {
	Name        string  `json:"name"`
	Slug        string  `json:"slug"`
	Description *string `json:"description,omitempty"`
	LogoURL     *string `json:"logoUrl,omitempty"`
	WebsiteURL  *string `json:"websiteUrl,omitempty"`
}

// Validate normalises the request (trims the name, lower-cases the address) and
// returns the fields that break a rule.
func (s *SignUp) Validate() []domain.Field {
	v := &check{}
	s.Name, s.Email = strings.TrimSpace(s.Name), NormalEmail(s.Email)
	v.line("name", s.Name, 1, maxName)
	v.email(s.Email)
	if message := BadPassword(s.Password, s.Email); message != "" {
		v.refuse("password", message)
	}
	return v.bad
}

// Validate normalises the address. The rules for new passwords do not matter
// here: an old password may be worse. Its length bounds the work.
func (s *SignIn) Validate() []domain.Field {
	v := &check{}
	s.Email = NormalEmail(s.Email)
	v.email(s.Email)
	v.length("password", s.Password, 1, maxPassword)
	return v.bad
}

// Validate normalises the address.
func (s *SendVerification) Validate() []domain.Field {
	v := &check{}
	s.Email = NormalEmail(s.Email)
	v.email(s.Email)
	return v.bad
}

// Validate trims the texts; an empty optional text counts as absent.
func (b *BecomeCreator) Validate() []domain.Field {
	v := &check{}
	b.Username = strings.TrimSpace(b.Username)
	if message := badSlug(b.Username, maxUsername); message != "" {
		v.refuse("username", message)
	}
	b.Bio = present(b.Bio)
	v.optional("bio", b.Bio, maxBio)
	if links := b.SocialLinks; links != nil {
		for _, link := range []struct {
			path  string
			value **string
		}{
			{"socialLinks.website", &links.Website},
			{"socialLinks.twitter", &links.Twitter},
			{"socialLinks.youtube", &links.YouTube},
			{"socialLinks.instagram", &links.Instagram},
		} {
			*link.value = present(*link.value)
			v.url(link.path, *link.value)
		}
	}
	return v.bad
}

// Validate trims the texts; an empty optional text counts as absent.
func (c *CreateOrganization) Validate() []domain.Field {
	v := &check{}
	c.Name, c.Slug = strings.TrimSpace(c.Name), strings.TrimSpace(c.Slug)
	v.line("name", c.Name, 1, maxName)
	if message := BadSlug(c.Slug); message != "" {
		v.refuse("slug", message)
	}
	c.Description, c.LogoURL, c.WebsiteURL = present(c.Description), present(c.LogoURL), present(c.WebsiteURL)
	v.optional("description", c.Description, maxDescription)
	v.url("logoUrl", c.LogoURL)
	v.url("websiteUrl", c.WebsiteURL)
	return v.bad
}

// present trims a text and returns nil when nothing is left.
func present(s *string) *string {
	if s == nil {
		return nil
	}
	trimmed := strings.TrimSpace(*s)
	if trimmed == "" {
		return nil
	}
	return &trimmed
}

// NormalEmail returns an address as it is stored and compared.
func NormalEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

var (
	localPart = regexp.MustCompile(`^[a-z0-9!#$%&'*+/=?^_{|}~` + "`" + `-]+(\.[a-z0-9!#$%&'*+/=?^_{|}~` + "`" + `-]+)*$`)
	hostName  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// ValidEmail reports whether a normal address is one that mail can be sent to: a
// dot-atom of ASCII and a host name with at least one dot. Quoted local parts and
// address literals are not accepted, so an address is safe in a header.
func ValidEmail(address string) bool {
	local, host, found := strings.Cut(address, "@")
	return found && len(address) <= maxEmail && len(local) <= maxLocalPart &&
		localPart.MatchString(local) && hostName.MatchString(host)
}

// check collects the fields that break a rule.
type check struct{ bad []domain.Field }

func (v *check) refuse(path, message string) {
	v.bad = append(v.bad, domain.Field{Path: path, Message: message})
}

func (v *check) email(address string) {
	if !ValidEmail(address) {
		v.refuse("email", "must be an e-mail address")
	}
}

func (v *check) length(path, s string, low, high int) bool {
	if n := utf8.RuneCountInString(s); n < low || n > high {
		v.refuse(path, "must have "+strconv.Itoa(low)+" to "+strconv.Itoa(high)+" characters")
		return false
	}
	return true
}

// line is a text of one line.
func (v *check) line(path, s string, low, high int) {
	if v.length(path, s, low, high) && strings.ContainsFunc(s, unicode.IsControl) {
		v.refuse(path, "must be a single line")
	}
}

func (v *check) optional(path string, s *string, high int) {
	if s != nil {
		v.length(path, *s, 0, high)
	}
}

// url accepts absolute http(s) addresses without credentials.
func (v *check) url(path string, s *string) {
	if s == nil {
		return
	}
	u, err := url.Parse(*s)
	if err != nil || len(*s) > maxURL || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil ||
		strings.ContainsFunc(*s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		v.refuse(path, "must be an http or https address of at most "+strconv.Itoa(maxURL)+" characters")
	}
}
