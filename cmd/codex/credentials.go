package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// credential is a variable that opens or signs something, with the roles that use it.
type credential struct {
	variable string
	roles    []role
	// demanded says that these roles do not start without it, not even in development.
	demanded bool
	// address says that it opens nothing by itself, so any process may know it.
	address bool
}

// credentials are all that a role uses. codex serve hides from a process what its roles are
// not listed for, so a line that is missing here is a part that does not work.
func credentials() []credential {
	var (
		edge       = []role{roleEdge}
		signers    = []role{roleEdge, roleCommands}
		followers  = []role{roleRelay, roleReactions}
		callbacks  = []role{roleEdge, roleTranscoder}
		storage    = []role{roleEdge, roleCommands, roleReactions, roleTranscoder}
		payments   = []role{roleEdge, roleCommands, roleReactions}
		everywhere = allRoles
	)
	return []credential{
		{variable: "CODEX_DATABASE_URL", roles: everywhere, demanded: true},
		{variable: "CODEX_NATS_URL", roles: everywhere, demanded: true},
		{variable: "CODEX_NATS_CREDS", roles: everywhere},
		{variable: "CODEX_NATS_CERT", roles: everywhere},
		{variable: "CODEX_NATS_KEY", roles: everywhere},
		{variable: "CODEX_COMMAND_SECRET", roles: signers, demanded: true},
		{variable: "CODEX_EVENT_SECRET", roles: followers, demanded: true},
		{variable: "CODEX_S3_ENDPOINT", roles: storage, demanded: true, address: true},
		{variable: "CODEX_S3_ACCESS_KEY", roles: storage, demanded: true},
		{variable: "CODEX_S3_SECRET_KEY", roles: storage, demanded: true},
		{variable: "STRIPE_SECRET_KEY", roles: payments, demanded: true},
		{variable: "STRIPE_WEBHOOK_SECRET_BOOKING", roles: edge},
		{variable: "STRIPE_WEBHOOK_SECRET_PAYMENT", roles: edge},
		{variable: "STRIPE_WEBHOOK_SECRET_DISPUTE", roles: edge},
		{variable: "STRIPE_WEBHOOK_SECRET_SUBSCRIPTION", roles: edge},
		{variable: "STRIPE_WEBHOOK_SECRET_CONNECT", roles: edge},
		{variable: "STRIPE_WEBHOOK_SECRET_CUSTOMER", roles: edge},
		{variable: "CODEX_TRANSCODER_SECRET", roles: callbacks, demanded: true},
		{variable: "CODEX_TOKEN_SECRET", roles: edge, demanded: true},
		{variable: "CODEX_WORKER_SECRET", roles: edge},
		{variable: "WORKER_SHARED_SECRET", roles: edge},
		{variable: "CODEX_SMTP_URL", roles: []role{roleCommands}},
	}
}

// otherCredentials are of commands other than codex serve.
var otherCredentials = []string{"CODEX_MIGRATE_DATABASE_URL", "CODEX_NATS_TOKEN", "CODEX_NATS_SERVER_KEY"}

// use reports whether one of these roles uses a credential.
func use(roles []role, variable string) bool {
	for _, c := range credentials() {
		if c.variable == variable {
			return slices.ContainsFunc(c.roles, func(r role) bool { return slices.Contains(roles, r) })
		}
	}
	return false
}

// hideOthers clears the credentials that none of these roles uses.
func (c *config) hideOthers(roles []role) {
	hidden := slices.Clone(otherCredentials)
	for _, one := range credentials() {
		if !use(roles, one.variable) {
			hidden = append(hidden, one.variable)
		}
	}
	for _, variable := range hidden {
		c.field(variable).SetZero()
	}
}

// missing returns an error that names what these roles need and do not have.
func (c *config) missing(roles []role) error {
	var names []string
	for _, one := range credentials() {
		if one.demanded && use(roles, one.variable) && c.field(one.variable).IsZero() {
			names = append(names, one.variable)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("set %s: codex serve starts no part and generates no secret itself; codex up does",
		strings.Join(names, ", "))
}

// field is the field of a variable.
func (c *config) field(variable string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("env") == variable {
			return v.Field(i)
		}
	}
	panic("no setting " + variable)
}
