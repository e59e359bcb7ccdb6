package identity

import (
	"time"

	"github.com/codex-platform/codex/domain"
)

// Limits per window. A window is fixed: it begins with the first hit and ends after its
// length; then the count restarts.
const (
	// SignInFailures is how many wrong passwords are allowed for an account in a window.
	SignInFailures = 5
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
