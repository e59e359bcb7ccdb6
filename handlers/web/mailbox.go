package web

import (
	"context"
	"embed"
	"html/template"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// mailbox shows the mails that the platform wrote, in development, where no mail server is
// needed. Elsewhere its routes do not exist, because a mail may hold a token that opens
// an account.
//
//	/mailbox             the newest mails, with their links
//	/mailbox.json?to=    the same for programs, optionally of one recipient
type mailbox struct {
	Pool        *pgxpool.Pool
	Development bool
}

// mailboxSize is how many mails are shown, newest first.
const mailboxSize = 100

// routes declares the page, its style sheet and the list for programs.
func (m mailbox) routes() []edge.Route {
	if !m.Development {
		return nil
	}
	return []edge.Route{
		page("/mailbox", "mailboxPage", m.page),
		page("/mailbox.css", "mailboxStyle", asset(mailboxFiles, "mailbox/mailbox.css", 0)),
		page("/mailbox.json", "mailboxList", m.list),
	}
}

// message is a mail as the mailbox shows it.
type message struct {
	ID        string     `json:"id"`
	Template  string     `json:"template"`
	To        string     `json:"to"`
	Subject   string     `json:"subject"`
	Text      string     `json:"text"`
	HTML      string     `json:"html"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"createdAt"`
	SentAt    *time.Time `json:"sentAt"`
	// Links are the addresses in the text, in their order.
	Links []string `json:"links"`
}

func messageOf(m postgres.Stored) message {
	return message{
		ID:        m.ID,
		Template:  string(m.Template),
		To:        m.Recipient,
		Subject:   m.Subject,
		Text:      m.Text,
		HTML:      m.HTML,
		Status:    m.Status,
		CreatedAt: m.Created,
		SentAt:    m.SentAt,
		Links:     append([]string{}, address.FindAllString(m.Text, -1)...),
	}
}

// newest returns the newest mails and how many there are: those to one recipient or, with
// "", all.
func (m mailbox) newest(ctx context.Context, to string) ([]message, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	mails, total, err := postgres.Newest(ctx, m.Pool, to, mailboxSize)
	if err != nil {
		return nil, 0, err
	}
	list := make([]message, len(mails))
	for i, stored := range mails {
		list[i] = messageOf(stored)
	}
	return list, total, nil
}

// recipient is the address that a request asks for, "" for none or an invalid one.
func recipient(r *edge.Request) string {
	to := mail.NormalAddress(r.Query("to"))
	if !mail.ValidAddress(to) {
		return ""
	}
	return to
}

func (m mailbox) list(r *edge.Request) error {
	to := recipient(r)
	if to == "" && r.Query("to") != "" {
		return r.WriteBare(edge.Page[message](nil, 1, mailboxSize, 0)) // no account has this address
	}
	mails, total, err := m.newest(r, to)
	if err != nil {
		return err
	}
	return r.WriteBare(edge.Page(mails, 1, mailboxSize, total))
}

func (m mailbox) page(r *edge.Request) error {
	to := recipient(r)
	mails, total, err := m.newest(r, to)
	if err != nil {
		return err
	}
	r.Header("Content-Security-Policy", formPolicy)
	r.Header("Referrer-Policy", "no-referrer") // the links hold tokens
	return render(r, mailboxPage, map[string]any{"Mails": mails, "Total": total, "To": to})
}

// address finds http(s) addresses in a text. Punctuation that ends a sentence does
// not belong to them.
var address = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>".,;:!?)\]]`)

// part is a part of a text: plain, or an address to link to.
type part struct {
	Text string
	Link bool
}

// parts splits a text at the addresses in it.
func parts(text string) []part {
	var list []part
	end := 0
	for _, span := range address.FindAllStringIndex(text, -1) {
		list = append(list, part{Text: text[end:span[0]]}, part{Text: text[span[0]:span[1]], Link: true})
		end = span[1]
	}
	return append(list, part{Text: text[end:]})
}

//go:embed mailbox
var mailboxFiles embed.FS

var mailboxPage = template.Must(template.New("mailbox.html").Funcs(template.FuncMap{
	"parts": parts,
	"count": func(m []message) int64 { return int64(len(m)) },
	"utc":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
}).ParseFS(mailboxFiles, "mailbox/mailbox.html"))
