package web

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/handlers/edge"
)

// mailbox shows the mails that the platform wrote, in development: nobody needs a
// mail server to try it. Elsewhere its paths are not known, because a mail may hold
// the key to somebody's account.
//
//	/mailbox             the newest mails, to read and to click on
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

// newest returns the newest mails, of one recipient or, with "", of all; and how
// many there are.
func (m mailbox) newest(ctx context.Context, to string) ([]message, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var total int64
	err := m.Pool.QueryRow(ctx, `SELECT count(*) FROM mails WHERE $1 = '' OR recipient = $1`, to).Scan(&total)
	if err != nil {
		return nil, 0, fmt.Errorf("count mails: %w", err)
	}
	rows, err := m.Pool.Query(ctx, `
SELECT id, template, recipient, subject, text_body, html_body, status, created_at, sent_at, '{}'::text[]
FROM mails WHERE $1 = '' OR recipient = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, to, mailboxSize)
	if err != nil {
		return nil, 0, fmt.Errorf("read mails: %w", err)
	}
	mails, err := pgx.CollectRows(rows, pgx.RowToStructByPos[message])
	if err != nil {
		return nil, 0, fmt.Errorf("read mails: %w", err)
	}
	for i := range mails {
		mails[i].Links = append(mails[i].Links, address.FindAllString(mails[i].Text, -1)...)
	}
	return mails, total, nil
}

func recipient(c *edge.Request) string {
	to := mail.NormalAddress(c.Query("to"))
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
	r.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	r.Header("Referrer-Policy", "no-referrer") // the links hold tokens
	return render(r, mailboxPage, map[string]any{"Mails": mails, "Total": total, "To": to})
}

// address finds http(s) addresses in a text. Punctuation that ends a sentence does
// not belong to them.
var address = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>".,;:!?)\]]`)

// piece is a stretch of a text: plain, or an address to click on.
type piece struct {
	Text string
	Link bool
}

// pieces cuts a text into what is plain and what is an address.
func pieces(text string) []piece {
	var out []piece
	at := 0
	for _, span := range address.FindAllStringIndex(text, -1) {
		out = append(out, piece{Text: text[at:span[0]]}, piece{Text: text[span[0]:span[1]], Link: true})
		at = span[1]
	}
	return append(out, piece{Text: text[at:]})
}

//go:embed mailbox
var mailboxFiles embed.FS

var mailboxPage = template.Must(template.New("mailbox.html").Funcs(template.FuncMap{
	"pieces": pieces,
	"count":  func(m []message) int64 { return int64(len(m)) },
	"utc":    func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
}).ParseFS(mailboxFiles, "mailbox/mailbox.html"))
