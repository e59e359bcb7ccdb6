// Package identity has the rules of accounts: users, their credentials and their sessions.
//
// It is pure: functions take state and facts and return the next state and the events. Time,
// ids and random bytes are passed in. A rejected request is a [domain.Error].
//
//	user.go          accounts: registration, verification, change of password
//	profile.go       the profile of an account, and a change of its address
//	erasure.go       deletion of an account
//	commands.go      requests that carry credentials
//	password.go      rules for new passwords (the hash is package argon2id)
//	session.go       sessions, and the single-use tokens in mails
//	mails.go         the mails about accounts
//
// An account has two kinds of aggregates: the user, whose version is the column
// users.version, and each session, which starts with version 1 and, when it is revoked, ends
// with version 2. So a sign-in does not lock the user's row.
//
// An e-mail address is compared in lower case. It, the name and the profile never
// appear in an event.
package identity
