package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/cmd/codex/redact"
	"github.com/codex-platform/codex/deploy/embedded"
)

type configCmd struct {
	ShowSecrets bool   `help:"Show secrets, the generated ones too, in the form in which they are used."`
	SecretsOf   string `help:"Print the credentials that a role uses, and nothing else." placeholder:"ROLE"`
	Output      string `help:"Write to this file, which only its owner can read." placeholder:"FILE"`
}

// Help implements kong's HelpProvider.
func (configCmd) Help() string {
	return `Secrets are masked, also those in addresses. To copy them to another process:

codex config --show-secrets --output codex.env

What one role needs, for a process that runs it alone:

codex config --secrets-of=relay --output relay.env

The secrets of webhooks have the form (whsec_...) that signs, and CODEX_NATS_URL is the
address with the token that a subscriber of events connects to.`
}

// Run prints every variable with its value and meaning.
func (c configCmd) Run(a *app) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://" + cfg.Addr
	}
	if cfg.DatabaseURL == "" {
		if cfg.DatabaseURL, err = embeddedDatabase(cfg.Data); err != nil {
			cfg.DatabaseURL = "(embedded, not created yet)"
		}
	}
	if c.ShowSecrets || c.SecretsOf != "" {
		if err := cfg.fillFrom(storedIn(cfg.Data)); err != nil {
			return err
		}
		if cfg.NATSURL, err = cfg.natsAddress(); err != nil {
			return err
		}
	}
	if c.SecretsOf != "" {
		roles, err := parseRoles(c.SecretsOf)
		if err != nil {
			return err
		}
		return c.write(a, cfg.secretsOf(roles))
	}
	if err := c.write(a, cfg.listing(c.ShowSecrets)); err != nil {
		return err
	}
	return cfg.check(allRoles)
}

// storedIn reads the generated secrets of a data directory, which another process may hold.
func storedIn(dir string) func(name string) (string, error) {
	return func(name string) (string, error) { return embedded.StoredSecret(dir, name) }
}

// listing returns every variable with its value and meaning.
func (c config) listing(withSecrets bool) []byte {
	var out bytes.Buffer
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		value := shown(v.Field(i).Interface(), withSecrets)
		fmt.Fprintf(&out, "# %s\n%s=%s\n", field.Tag.Get("doc"), field.Tag.Get("env"), value)
	}
	return out.Bytes()
}

// secretsOf returns the credentials of roles that are set, one NAME=value a line.
func (c config) secretsOf(roles []role) []byte {
	var out bytes.Buffer
	for _, one := range credentials() {
		if value := shown(c.field(one.variable).Interface(), true); value != "" && !one.address && use(roles, one.variable) {
			fmt.Fprintf(&out, "%s=%s\n", one.variable, value)
		}
	}
	return out.Bytes()
}

// shown returns the value of a setting in the form of its variable.
func shown(value any, withSecrets bool) string {
	text := fmt.Sprint(value)
	switch v := value.(type) {
	case secret:
		if withSecrets {
			return string(v)
		}
		return text
	case []string:
		text = strings.Join(v, ",")
	}
	if withSecrets {
		return text
	}
	return redact.Credentials(text)
}

func (c configCmd) write(a *app, listing []byte) error {
	if c.Output == "" {
		_, err := a.out.Write(listing)
		return err
	}
	file, err := os.OpenFile(c.Output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = file.Chmod(0o600) // it may have existed
	_, writeErr := file.Write(listing)
	return errors.Join(err, writeErr, file.Close())
}

// safeText hides secrets in the text of an error: the values of all settings that are
// secret or have one in them, and whatever looks like an address with credentials.
func safeText(text string) string {
	settings := reflect.TypeFor[config]()
	for i := range settings.NumField() {
		field := settings.Field(i)
		value := os.Getenv(field.Tag.Get("env"))
		if len(value) < 4 { // too short to be a secret, or to be replaced
			continue
		}
		if field.Type == reflect.TypeFor[secret]() {
			for _, part := range append(several(value), value) {
				text = strings.ReplaceAll(text, part, secret(part).String())
			}
		} else if masked := redact.Credentials(value); masked != value {
			text = strings.ReplaceAll(text, value, masked)
		}
	}
	return redact.Credentials(text)
}

// byteSize is a number of bytes, written with a unit: 512MiB, 8GiB.
type byteSize int64

var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for _, u := range units {
		if short, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(short), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > (1<<62)/unit {
		return fmt.Errorf("%q is no size such as 512MiB or 8GiB", text)
	}
	*b = byteSize(n * unit)
	return nil
}

// String implements fmt.Stringer.
func (b byteSize) String() string {
	for _, u := range units {
		if b > 0 && int64(b)%u.bytes == 0 {
			return strconv.FormatInt(int64(b)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
