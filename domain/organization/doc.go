// Package organization has the rules of tenants and their members.
//
// It is pure: functions take state and facts and return the next state and the events. Time
// and ids are passed in. A rejected request is a [domain.Error].
//
//	organization.go  tenants, their slugs and their first member
//	member.go        memberships: invited, joined, changed, removed
//	person.go        users as this package sees them
//	mails.go         the mails about memberships
//
// The members of an organization are part of its aggregate: a change of one is a version
// of the organization and is decided under its lock. So
// concurrent changes of its owners cannot leave it without one.
//
// Names and e-mail addresses never appear in an event.
package organization
