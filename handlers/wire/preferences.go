package wire

import "github.com/codex-platform/codex/domain/identity"

// Preferences are the kinds of mail that a user gets.
type Preferences struct {
	EmailMarketing bool `json:"emailMarketing"`
	// EmailTransactional is always true: an account cannot do without those mails.
	EmailTransactional bool `json:"emailTransactional"`
	EmailDigest        bool `json:"emailDigest"`
}

// PreferencesOf returns what a user chose.
func PreferencesOf(u identity.User) Preferences {
	return Preferences{EmailMarketing: u.Preferences.Marketing, EmailTransactional: true, EmailDigest: u.Preferences.Digest}
}
