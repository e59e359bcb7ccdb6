// Package identity knows who people are: users, how they prove it, and their sessions.
//
// It is pure: state and facts come in, the next state and what happened come out.
// Time, ids and random bytes are passed in. What is refused is a domain.Error.
//
//	user.go          an account's life: registered, verified
//	profile.go       what an account says about its owner, and its next address
//	erasure.go       how an account ends
//	commands.go      what can be asked for with credentials
//	password.go      which passwords are good enough (the hash is package argon2id)
//	session.go       sessions and the single-use tokens of mails
//	mails.go         the mails about accounts
//
// Two aggregates share an account: the user, whose version is the column
// users.version, and each of its sessions, which begins with version 1 and, when
// it is revoked, ends with version 2. So signing in never waits for the user's row.
//
// An e-mail address is compared in lower case. It, the name and the profile never
// appear in an event.
package identity
