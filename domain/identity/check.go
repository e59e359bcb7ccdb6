package identity

import (
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/mail"
)

// check is a validation with the rules for addresses and passwords.
type check struct{ domain.Validation }

// newCheck starts a check with the limits that a request's fields declare.
func newCheck(request any) *check { return &check{*domain.Validate(request)} }

// address rejects an address that mail cannot be sent to.
func (v *check) address(address string) {
	if !mail.ValidAddress(address) {
		v.Reject("email", "must be an e-mail address")
	}
}

// password rejects a new password that the rules do not accept for this address.
func (v *check) password(path, password, address string) {
	if message := BadPassword(password, address); message != "" {
		v.Reject(path, message)
	}
}
