// Package identity knows who people are: users and how they prove it, sessions,
// organizations and who belongs to them.
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
//	organization.go  tenants, their slugs and their first member
//	member.go        who belongs to a tenant: invited, joined, changed, removed
//	mail.go          the mails this context writes
//
// Two aggregates share an account: the user, whose version is the column
// users.version, and each of its sessions, which begins with version 1 and, when
// it is revoked, ends with version 2. So signing in never waits for the user's row.
//
// The members of an organization are part of it: what happens to one is a version of
// the organization, and whoever changes one holds the organization's lock.
//
// An e-mail address is compared in lower case. It, the name and the profile never
// appear in an event.
package identity
