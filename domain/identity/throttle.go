package identity

import (
	"time"

	"github.com/codex-platform/codex/domain"
)

// Limits of attempts and of mails. The window of mails is fixed: it begins with the first
// hit and ends after its length; then the count restarts.
const (
	// PasswordAttempts is how many wrong passwords for an account are allowed from one network;
	// then attempts from there are blocked for AttemptBlock, and after each further one for
	// twice as long, up to AttemptBlockMax.
	PasswordAttempts = 5
	AttemptBlock     = 15 * time.Minute
	AttemptBlockMax  = 4 * time.Hour
	// AccountAttempts is how many wrong passwords are allowed for an account from all networks
	// together; then attempts are spaced by AccountDelay, growing to AccountDelayMax. It is so
	// short because it also delays the owner, who must not be locked out by others.
	AccountAttempts = 100
	AccountDelay    = time.Second
	AccountDelayMax = 30 * time.Second
	// AttemptsKept is how long wrong passwords are remembered after the last one.
	AttemptsKept = 24 * time.Hour
	// VerificationMails is how many verification mails one address gets in a window.
	VerificationMails = 5
	// EmailChanges is how many changes of address a user may request in a window.
	EmailChanges = 10
	// ResetMails is how many reset mails one address gets in a window.
	ResetMails = 3
	// ThrottleWindow is the length of a window.
	ThrottleWindow = 15 * time.Minute
)

// Throttled is the error of a request over the limit; wait is the time until the window
// ends. Its context has retryAfter in whole seconds, at least 1.
func Throttled(wait time.Duration) *domain.Error {
	return &domain.Error{
		Class: domain.Limited, Message: "Too many attempts; try again later",
		Context: map[string]any{"retryAfter": max(1, int64((wait+time.Second-1)/time.Second))},
	}
}
