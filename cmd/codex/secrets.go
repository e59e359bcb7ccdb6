package main

import (
	"fmt"
	"slices"
	"strings"
)

// namedSecret is the value of a variable that signs or opens something; several are
// separated by commas while one replaces another.
type namedSecret struct {
	name  string
	value secret
	// purpose is empty for a secret that is like no other's. Those of one purpose may be
	// equal in development: the Stripe CLI signs for all endpoints with one.
	purpose string
}

// secrets are all of the configuration, by the name of their variable.
func (c config) secrets() []namedSecret {
	list := []namedSecret{
		{name: "CODEX_NATS_TOKEN", value: c.NATSToken},
		{name: "CODEX_COMMAND_SECRET", value: c.CommandSecret},
		{name: "CODEX_EVENT_SECRET", value: c.EventSecret},
		{name: "CODEX_TRANSCODER_SECRET", value: c.TranscoderSecret},
		{name: "CODEX_TOKEN_SECRET", value: c.TokenSecret},
		{name: "CODEX_WORKER_SECRET", value: c.WorkerSecret},
	}
	for _, s := range []namedSecret{
		{name: "STRIPE_WEBHOOK_SECRET_BOOKING", value: c.WebhookBooking},
		{name: "STRIPE_WEBHOOK_SECRET_PAYMENT", value: c.WebhookPayment},
		{name: "STRIPE_WEBHOOK_SECRET_DISPUTE", value: c.WebhookDispute},
		{name: "STRIPE_WEBHOOK_SECRET_SUBSCRIPTION", value: c.WebhookSubscription},
		{name: "STRIPE_WEBHOOK_SECRET_CONNECT", value: c.WebhookConnect},
		{name: "STRIPE_WEBHOOK_SECRET_CUSTOMER", value: c.WebhookCustomer},
	} {
		s.purpose = "webhooks"
		list = append(list, s)
	}
	return append(list,
		namedSecret{name: "CODEX_S3_SECRET_KEY", value: c.S3SecretKey},
		namedSecret{name: "STRIPE_SECRET_KEY", value: c.StripeKey})
}

// checkSecrets rejects a secret that serves two purposes: who may use it for the one could
// use it for the other. No message shows a secret.
func (c config) checkSecrets() error {
	users := map[string]namedSecret{}
	for _, s := range c.secrets() {
		for _, part := range several(s.value) {
			other, used := users[part]
			switch {
			case !used:
				users[part] = s
			case other.name == s.name:
				return fmt.Errorf("%s lists the same secret twice", s.name)
			case c.development() && s.purpose != "" && s.purpose == other.purpose:
			default:
				return fmt.Errorf("%s and %s must differ: a secret serves one purpose", other.name, s.name)
			}
		}
	}
	for name, s := range map[string]secret{
		"CODEX_COMMAND_SECRET": c.CommandSecret,
		"CODEX_EVENT_SECRET":   c.EventSecret,
	} {
		if s != "" && several(s) == nil {
			return fmt.Errorf("%s has no secret in it", name)
		}
	}
	return nil
}

const (
	minSecretLength = 32
	// minSecretCharacters is how many different characters a random text of 32 has at
	// least, in hexadecimal digits too.
	minSecretCharacters = 8
)

// weaknesses returns what is wrong with any member of the list; nothing for a list without
// members. The keys of Stripe and S3 come from elsewhere and have forms of their own.
func (s namedSecret) weaknesses() (wrong []string) {
	if s.name == "CODEX_S3_SECRET_KEY" || s.name == "STRIPE_SECRET_KEY" {
		return nil
	}
	for i, part := range several(s.value) {
		which := s.name
		if i > 0 {
			which = fmt.Sprintf("%s, number %d of the list,", s.name, i+1)
		}
		characters := []rune(strings.TrimPrefix(part, "whsec_"))
		slices.Sort(characters)
		switch {
		case len(part) < minSecretLength:
			wrong = append(wrong, fmt.Sprintf("set %s to at least %d characters", which, minSecretLength))
		case len(slices.Compact(characters)) < minSecretCharacters:
			wrong = append(wrong, fmt.Sprintf("set %s to a random text: it repeats a few characters", which))
		}
	}
	return wrong
}
