// Package identity knows who people are: users, how they prove it, and their sessions.
//
// It is pure: state and facts come in, the next state and the events come out. Time, ids
// and random bytes are passed in. A refusal is a domain.Error.
//
//	user.go          accounts: registration, verification, change of password
//	profile.go       the profile of an account, and a change of its address
//	erasure.go       deletion of an account
//	commands.go      requests that carry credentials
//	password.go      rules for new passwords (the hash is package argon2id)
//	session.go       sessions and the single-use tokens of mails
//	mails.go         the mails about accounts
//
// Two aggregates share an account: the user, whose version is the column
// users.version, and each of its sessions, which begins with version 1 and, when
// it is revoked, ends with version 2. So signing in never locks the user's row.
//
// An e-mail address is compared in lower case. It, the name and the profile never
// appear in an event.
package identity
