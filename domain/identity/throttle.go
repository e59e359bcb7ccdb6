package identity

import (
	"time"

	"github.com/codex-platform/codex/domain"
)

// Limits on guessing. A window is fixed: it begins with the first hit and ends
// after its length, when the count begins again.
const (
	// SignInFailures is how many wrong passwords one account takes in a window.
	SignInFailures = 5
	// VerificationMails is how many verification mails one address gets in a window.
	VerificationMails = 5
	// EmailChanges is how many times a user asks for another address in a window.
	EmailChanges = 10
	// ResetMails is how many reset mails one address gets in a window.
	ResetMails = 3
	// ThrottleWindow is the length of a window.
	ThrottleWindow = 15 * time.Minute
)

// Throttled is the refusal of one hit too many; wait is how long until the window
// ends. Its context carries retryAfter in whole seconds, at least 1.
func Throttled(wait time.Duration) *domain.Error {
	return &domain.Error{
		Class: domain.Limited, Message: "Too many attempts; try again later",
		Context: map[string]any{"retryAfter": max(1, int64((wait+time.Second-1)/time.Second))},
	}
}
