package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

const canary = "canary-0123456789abcdef0123456789abcdef"

// Every variable, whatever it is meant for, may hold a secret in an address or a connection
// string. None is shown, logged, or part of an error.
func TestNoVariableShowsASecret(t *testing.T) {
	settings := reflect.TypeFor[config]()
	for i := range settings.NumField() {
		field := settings.Field(i)
		name := field.Tag.Get("env")
		values := []string{
			"nats://user:" + canary + "@host:4222,nats://" + canary + "@other:4222",
			"postgres://user:" + canary + "@host/db?sslmode=disable",
			"postgres://user:%zz" + canary + "@host/db",
			"postgres://user:pa/ss@" + canary + "@host/db",
			"postgres://host/db?password=" + canary + "&sslpassword=" + canary,
			"host=h user=u password='" + canary + "' dbname=d",
			"https://" + canary + "@host/path?token=" + canary,
			"smtps://user:" + canary + "@host:465",
		}
		switch field.Type.Kind() {
		case reflect.String:
			if field.Type == reflect.TypeFor[secret]() {
				values = append(values, canary, canary+", "+canary+"-old")
			}
		default:
			values = []string{canary}
			if field.Type != reflect.TypeFor[[]string]() {
				values = nil
			}
		}
		for _, value := range values {
			t.Run(name, func(t *testing.T) {
				if field.Type == reflect.TypeFor[[]string]() {
					value = "https://user:" + canary + "@host"
				}
				t.Setenv(name, value)
				var out bytes.Buffer
				err := run(context.Background(), []string{"config"}, &out, &out)
				if strings.Contains(out.String(), "canary") {
					t.Errorf("%s is shown: %s", value, lineOf(out.String(), "canary"))
				}
				if err != nil && strings.Contains(safeText(err.Error()), "canary") {
					t.Errorf("%s is in the error %s", value, safeText(err.Error()))
				}
				if text := safeText("cannot use " + value + ": broken"); strings.Contains(text, "canary") {
					t.Errorf("%s is in the text %s", value, text)
				}
				out.Reset()
				newLogger(&out, "info", true).Error("failed", "address", value, "error", errors.New("at "+value))
				if field.Type != reflect.TypeFor[secret]() && strings.Contains(out.String(), "canary") {
					t.Errorf("%s is logged: %s", value, out.String())
				}
			})
		}
	}
}

func lineOf(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// The secrets that codex up generated are shown on purpose, in a file that only its owner
// reads, and the secret of a webhook is the one that signs.
func TestGeneratedSecretsAreShownInTheFormInWhichTheyAreUsed(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	up := startUp(t, data)
	file := filepath.Join(t.TempDir(), "codex.env")
	bus, err := url.Parse(up.addresses["nats"])
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CODEX_DATA=" + data, "CODEX_NATS_ADDR=" + bus.Host}
	shown := launch(t, env, "config", "--show-secrets", "--output", file)
	select {
	case <-shown.exited:
	case <-time.After(30 * time.Second):
		t.Fatal("codex config does not end")
	}
	stat, err := os.Stat(file)
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v: %s", stat, err, shown.out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(lineOf(string(content), "STRIPE_WEBHOOK_SECRET_BOOKING="))
	secret := strings.TrimPrefix(line, "STRIPE_WEBHOOK_SECRET_BOOKING=")
	event := `{"id":"evt_signed","object":"event","type":"customer.created","api_version":"2023-10-16",` +
		`"data":{"object":{}}}`
	newClient(t, up.addresses["api"]).want(http.StatusOK, http.MethodPost, seedBooking, event,
		"Stripe-Signature", sign(secret, event, time.Now()))
	if !strings.Contains(string(content), "STRIPE_SECRET_KEY=sk_test_"+generated(t, data, "stripe-key")) {
		t.Errorf("the key of the sandbox is not shown")
	}
	address := strings.TrimSpace(strings.TrimPrefix(lineOf(string(content), "CODEX_NATS_URL="), "CODEX_NATS_URL="))
	if address != up.addresses["nats"] {
		t.Errorf("the address of the bus is shown as %q", address)
	}
	subscriber, err := nats.Connect(address)
	if err != nil {
		t.Fatalf("connect to the address that is shown: %v", err)
	}
	subscriber.Close()
	if intruder, err := nats.Connect("nats://" + bus.Host); err == nil {
		intruder.Close()
		t.Error("the bus accepts a client without the token")
	}
	var masked bytes.Buffer
	if err := run(context.Background(), []string{"config"}, &masked, io.Discard); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(masked.String(), secret) {
		t.Errorf("a secret is shown without --show-secrets")
	}
}

// The password of a database is no argument of psql: other users could read it.
func TestPsqlGetsNoPasswordAsArgument(t *testing.T) {
	t.Parallel()
	for _, database := range []string{
		"postgres://u:" + canary + "@host:5432/db?sslmode=require",
		"postgres://u@host/db?password=" + canary,
		"host=h user=u password='" + canary + "' dbname=d",
		"host=h user=u password=" + canary + " dbname=d",
	} {
		address, password := withoutPassword(database)
		if strings.Contains(address, "canary") || password != canary {
			t.Errorf("%s became %s with password %q", database, address, password)
		}
	}
}
