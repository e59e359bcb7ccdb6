package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded"
)

// link remembers why the bus cannot be reached: nats.go tries for ever and keeps the
// causes to itself.
type link struct{ cause atomic.Value }

// options make nats.go report the causes, and go on after a server rejected the
// credentials: they may be set right, on the server or in their file.
func (l *link) options() []nats.Option {
	return []nats.Option{
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if !errors.Is(err, nats.ErrNoServers) { // it says nothing: each server has its cause
				l.cause.Store(fmt.Errorf("%w", err)) // of one type, as atomic.Value requires
			}
		}),
	}
}

// err returns why the bus is not connected, or nil when it is.
func (l *link) err(conn *nats.Conn) error {
	if conn.IsConnected() {
		return nil
	}
	cause, _ := l.cause.Load().(error)
	if cause == nil {
		cause = conn.LastError()
	}
	if cause == nil {
		cause = errors.New("no connection yet")
	}
	return fmt.Errorf("the bus does not respond: %w", cause)
}

// natsAddress returns the address of the bus with what it demands of a client: the
// configured one, or that of the embedded server, whose token is in the data directory
// unless the configuration has it.
func (c config) natsAddress() (string, error) {
	if c.NATSURL != "" {
		return c.NATSURL, nil
	}
	token := string(c.NATSToken)
	if token == "" {
		var err error
		if token, err = embedded.StoredSecret(c.Data, natsTokenName); err != nil {
			return "", err
		}
	}
	address := url.URL{Scheme: "nats", Host: c.NATSAddr}
	if c.NATSServerCert != "" {
		address.Scheme = "tls"
	}
	if token != "" {
		address.User = url.User(token)
	}
	return address.String(), nil
}

// natsTokenName is the name of the embedded server's token in the data directory.
const natsTokenName = "nats"

// natsOptions are the credentials and certificates of the configuration.
func natsOptions(cfg config) ([]nats.Option, error) {
	var options []nats.Option
	for _, file := range []struct{ variable, path string }{
		{"CODEX_NATS_CREDS", cfg.NATSCreds},
		{"CODEX_NATS_CA", cfg.NATSCA},
		{"CODEX_NATS_CERT", cfg.NATSCert},
		{"CODEX_NATS_KEY", cfg.NATSKey},
	} {
		if file.path == "" {
			continue
		}
		if _, err := os.ReadFile(file.path); err != nil {
			return nil, fmt.Errorf("%s: %w", file.variable, err)
		}
	}
	if cfg.NATSCreds != "" {
		options = append(options, nats.UserCredentials(cfg.NATSCreds))
	}
	if cfg.NATSCA != "" {
		options = append(options, nats.RootCAs(cfg.NATSCA))
	}
	if (cfg.NATSCert == "") != (cfg.NATSKey == "") {
		return nil, errors.New("set CODEX_NATS_CERT and CODEX_NATS_KEY together: a certificate needs its key")
	}
	if cfg.NATSCert != "" {
		options = append(options, nats.ClientCert(cfg.NATSCert, cfg.NATSKey))
	}
	return options, nil
}
