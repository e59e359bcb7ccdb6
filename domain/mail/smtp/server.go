package smtp

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/codex-platform/codex/domain/mail"
)

// Encryption says how the connection to the server is protected.
type Encryption string

// The kinds of encryption.
const (
	// StartTLS upgrades a plain connection and fails if the server cannot.
	StartTLS Encryption = "starttls"
	// TLS begins with it, usually on port 465.
	TLS Encryption = "tls"
	// None sends in clear text: for a server on the same host only.
	None Encryption = "none"
)

// ServerConfig names the server that takes our mails.
type ServerConfig struct {
	Host string
	// Port defaults to 587, with TLS to 465.
	Port int
	// Username and Password may be empty: no authentication then.
	Username, Password string
	// Encryption defaults to StartTLS.
	Encryption Encryption
	// From is the sender, for example "Codex <no-reply@example.org>".
	From string
}

// Server is a Sender that speaks SMTP.
type Server struct {
	client *gomail.Client
	from   *netmail.Address
	domain string
}

// NewServer checks a configuration; it does not connect.
func NewServer(cfg ServerConfig) (*Server, error) {
	from, err := netmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("smtp: sender %q: %w", cfg.From, err)
	}
	options := []gomail.Option{gomail.WithTimeout(sendTimeout), gomail.WithoutNoop()}
	port := 587
	switch cfg.Encryption {
	case StartTLS, "":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLS:
		options, port = append(options, gomail.WithSSL()), 465
	case None:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("smtp: encryption %q is not starttls, tls or none", cfg.Encryption)
	}
	if cfg.Port != 0 {
		port = cfg.Port
	}
	options = append(options, gomail.WithPort(port))
	if cfg.Username != "" {
		if cfg.Encryption == None {
			return nil, errors.New("smtp: a password must not be sent without encryption")
		}
		options = append(options,
			gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(cfg.Username),
			gomail.WithPassword(cfg.Password))
	}
	client, err := gomail.NewClient(cfg.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	return &Server{client: client, from: from, domain: domain}, nil
}

// Send hands one mail to the server.
func (s *Server) Send(ctx context.Context, m mail.Mail) error {
	msg := gomail.NewMsg()
	msg.FromMailAddress(s.from)
	if err := msg.To(m.Recipient); err != nil {
		return fmt.Errorf("smtp: recipient: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID + "@" + s.domain)
	msg.SetDateWithValue(m.Created)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	if err := s.client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("smtp: send: %w", err)
	}
	return nil
}
