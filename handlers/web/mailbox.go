package web

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/wire"
)

// Mailbox shows the mails that the platform wrote, in development: nobody needs a
// mail server to try it. Elsewhere its paths are not known, because a mail may hold
// the key to somebody's account.
//
//	/mailbox             the newest mails, to read and to click on
//	/mailbox.json?to=    the same for programs, optionally of one recipient
type Mailbox struct {
	Pool        *pgxpool.Pool
	Development bool
	Log         *slog.Logger
}

// mailboxSize is how many mails are shown, newest first.
const mailboxSize = 100

// Register implements edge.Pages.
func (m Mailbox) Register(_ *edge.Edge, r gin.IRouter) {
	if !m.Development {
		return
	}
	r.GET("/mailbox", m.page)
	r.GET("/mailbox.css", m.style)
	r.GET("/mailbox.json", m.list)
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
func (m Mailbox) newest(ctx context.Context, to string) ([]message, int64, error) {
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

func recipient(c *gin.Context) string {
	to := mail.NormalAddress(c.Query("to"))
	if !mail.ValidAddress(to) {
		return ""
	}
	return to
}

func (m Mailbox) list(c *gin.Context) {
	to := recipient(c)
	if to == "" && c.Query("to") != "" {
		c.JSON(http.StatusOK, wire.Page[message](nil, 1, mailboxSize, 0)) // nobody has this address
		return
	}
	mails, total, err := m.newest(c.Request.Context(), to)
	if err != nil {
		m.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.Page(mails, 1, mailboxSize, total))
}

func (m Mailbox) page(c *gin.Context) {
	to := recipient(c)
	mails, total, err := m.newest(c.Request.Context(), to)
	if err != nil {
		m.fail(c, err)
		return
	}
	var body strings.Builder
	if err := mailboxPage.Execute(&body, map[string]any{"Mails": mails, "Total": total, "To": to}); err != nil {
		m.fail(c, err)
		return
	}
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	c.Header("Referrer-Policy", "no-referrer") // the links hold tokens
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(body.String()))
}

func (m Mailbox) style(c *gin.Context) {
	body, err := mailboxFiles.ReadFile("mailbox/mailbox.css")
	if err != nil {
		m.fail(c, err)
		return
	}
	c.Data(http.StatusOK, "text/css; charset=utf-8", body)
}

func (m Mailbox) fail(c *gin.Context, err error) {
	m.Log.ErrorContext(c, "mailbox failed", "error", err)
	c.AbortWithStatusJSON(http.StatusInternalServerError, wire.Internal(c.Writer.Header().Get("X-Request-Id")))
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
