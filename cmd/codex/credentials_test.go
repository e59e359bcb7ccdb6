package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// secretsByRole is the table of the program: role → variables.
func secretsByRole() map[string][]string {
	table := map[string][]string{}
	for _, c := range credentials() {
		// Files and the older name of a variable are set by who needs them.
		if c.address || strings.HasPrefix(c.variable, "CODEX_NATS_C") || c.variable == "CODEX_NATS_KEY" ||
			c.variable == "WORKER_SHARED_SECRET" {
			continue
		}
		for _, r := range c.roles {
			table[string(r)] = append(table[string(r)], c.variable)
		}
	}
	table["migrate"] = []string{"CODEX_DATABASE_URL", "CODEX_MIGRATE_DATABASE_URL"}
	for _, list := range table {
		slices.Sort(list)
	}
	return table
}

// isCredential reports whether a variable of a deploy file is one.
func isCredential(variable string) bool {
	return slices.Contains(otherCredentials, variable) || slices.ContainsFunc(credentials(), func(c credential) bool {
		return c.variable == variable && !c.address
	})
}

func TestEveryCredentialHasItsRoles(t *testing.T) {
	t.Parallel()
	settings := reflect.TypeFor[config]()
	for i := range settings.NumField() {
		field := settings.Field(i)
		if variable := field.Tag.Get("env"); field.Type == reflect.TypeFor[secret]() && !isCredential(variable) {
			t.Errorf("%s is secret: name the roles that use it in credentials", variable)
		}
	}
}

func TestComposeGivesEachRoleItsSecretsOnly(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Environment map[string]any `yaml:"environment"`
		} `yaml:"services"`
	}
	text := []byte(readDeploy(t, "compose/compose.yaml"))
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.AllowDuplicateMapKey()); err != nil { // of merged maps
		t.Fatal(err)
	}
	for name, want := range secretsByRole() {
		var got []string
		for variable := range file.Services[name].Environment {
			if isCredential(variable) {
				got = append(got, variable)
			}
		}
		compareSecrets(t, "service "+name, got, want)
	}
}

func TestKubernetesGivesEachRoleItsSecretsOnly(t *testing.T) {
	t.Parallel()
	text := readDeploy(t, "kubernetes/secret.example.yaml")
	secrets := map[string][]string{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var s struct {
			Metadata   struct{ Name string }
			StringData map[string]string `yaml:"stringData"`
		}
		if err := yaml.Unmarshal([]byte(document), &s); err != nil {
			t.Fatal(err)
		}
		secrets[s.Metadata.Name] = slices.Collect(maps.Keys(s.StringData))
	}
	refersTo := regexp.MustCompile(`(?:secretRef|secretKeyRef): \{name: ([\w-]+)`)
	config := readDeploy(t, "kubernetes/config.yaml") + readDeploy(t, "kubernetes/hardening.yaml")
	for name, want := range secretsByRole() {
		var got []string
		for _, ref := range refersTo.FindAllStringSubmatch(readDeploy(t, "kubernetes/"+name+".yaml"), -1) {
			got = append(got, secrets[ref[1]]...)
		}
		compareSecrets(t, "the pods of "+name, got, want)
		for _, variable := range want {
			if strings.Contains(config, variable) {
				t.Errorf("every pod gets %s", variable)
			}
		}
	}
	if refs := refersTo.FindAllString(config, -1); refs != nil {
		t.Errorf("every pod gets %v", refs)
	}
}

// TestTheReadmeNamesTheSecretsOfEachRole compares the table of deploy/README.md.
func TestTheReadmeNamesTheSecretsOfEachRole(t *testing.T) {
	t.Parallel()
	rows := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (.+) \\|$")
	name := regexp.MustCompile("`([A-Z0-9_]+)`")
	for _, m := range row.FindAllStringSubmatch(readDeploy(t, "README.md"), -1) {
		for _, variable := range name.FindAllStringSubmatch(m[2], -1) {
			rows[m[1]] = append(rows[m[1]], variable[1])
		}
	}
	for role, want := range secretsByRole() {
		compareSecrets(t, "the row of "+role, rows[role], want)
	}
}

func compareSecrets(t *testing.T, where string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: has %v, uses %v", where, got, want)
	}
}

func readDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// In production a role starts with what the table lists, and names what it lacks.
func TestARoleDemandsItsCredentialsAndNoOthers(t *testing.T) {
	values := maps.Clone(production)
	maps.Copy(values, map[string]string{
		"CODEX_DATABASE_URL":                 "postgres://127.0.0.1/codex",
		"CODEX_NATS_URL":                     "nats://127.0.0.1:4222",
		"STRIPE_WEBHOOK_SECRET_SUBSCRIPTION": "whsec_subscription-0123456789abcdef01234",
		"STRIPE_WEBHOOK_SECRET_CONNECT":      "whsec_connect-0123456789abcdef0123456789",
		"STRIPE_WEBHOOK_SECRET_CUSTOMER":     "whsec_customer-0123456789abcdef012345678",
	})
	optional := []string{
		"STRIPE_WEBHOOK_SECRET_SUBSCRIPTION", "STRIPE_WEBHOOK_SECRET_CONNECT", "STRIPE_WEBHOOK_SECRET_CUSTOMER",
	}
	start := func(t *testing.T, r role, without string) error {
		t.Helper()
		for variable, value := range values {
			if isCredential(variable) && (!use([]role{r}, variable) || variable == without) {
				value = ""
			}
			t.Setenv(variable, value)
		}
		cfg, err := readConfig()
		if err != nil {
			return err
		}
		cfg.hideOthers([]role{r})
		if err := cfg.missing([]role{r}); err != nil {
			return err
		}
		return cfg.check([]role{r})
	}
	for _, r := range allRoles {
		t.Run(string(r), func(t *testing.T) {
			if err := start(t, r, ""); err != nil {
				t.Errorf("with all that it uses: %v", err)
			}
			for _, variable := range secretsByRole()[string(r)] {
				err := start(t, r, variable)
				if slices.Contains(optional, variable) {
					continue
				}
				if err == nil || !strings.Contains(err.Error(), variable) {
					t.Errorf("without %s: %v", variable, err)
				}
			}
		})
	}
}
