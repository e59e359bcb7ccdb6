// Package organization knows the tenants of the platform and who belongs to them.
//
// It is pure: state and facts come in, the next state and the events come out. Time and
// ids are passed in. A refusal is a domain.Error.
//
//	organization.go  tenants, their slugs and their first member
//	member.go        memberships: invited, joined, changed, removed
//	person.go        users as this package sees them
//	mails.go         the mails about memberships
//
// The members of an organization are part of its aggregate: a change of one is a version
// of the organization and is decided under its lock. So two changes of its owners never
// cross.
//
// Names and e-mail addresses never appear in an event.
package organization
