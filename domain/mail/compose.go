package mail

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Envelope says to whom a mail goes and what it is about; see [Mail] for the fields.
type Envelope struct {
	ID        string
	Recipient string
	UserID    string
	SourceID  string
	Created   time.Time
}

// Content is what a mail says. It never contains text that users choose, such as their
// names: that would let them send words of their own to any address.
type Content struct {
	Template Template
	// Title is the subject and the heading.
	Title string
	Text  string
	// Action is the label of Link; both are "" for a mail without a link.
	Action string
	Link   string
	Footer string
}

// Compose returns a mail with the content as plain text and as an HTML page.
func Compose(e Envelope, c Content) (Mail, error) {
	parts := []string{c.Text, c.Link, c.Footer}
	if c.Link == "" {
		parts = []string{c.Text, c.Footer}
	}

	var html strings.Builder
	if err := page.Execute(&html, c); err != nil {
		return Mail{}, fmt.Errorf("compose the mail %s: %w", c.Template, err)
	}
	return Mail{
		ID:        e.ID,
		Template:  c.Template,
		Recipient: e.Recipient,
		UserID:    e.UserID,
		SourceID:  e.SourceID,
		Subject:   c.Title,
		Text:      strings.Join(parts, "\n\n") + "\n",
		HTML:      html.String(),
		Created:   e.Created,
	}, nil
}

// page is the layout of every mail. Mail programs support little CSS: all of it is
// inline.
var page = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body
style="margin:0;padding:32px 16px;background:#f4f2ee;color:#1d1b18;
font-family:system-ui,-apple-system,'Segoe UI',sans-serif">
<div style="max-width:480px;margin:0 auto;padding:32px;background:#ffffff;border-radius:12px">
<h1 style="margin:0 0 16px;font-size:22px">{{.Title}}</h1>
<p style="margin:0 0 24px;line-height:1.5">{{.Text}}</p>
{{- if .Link}}
<p style="margin:0 0 24px"><a href="{{.Link}}"
style="display:inline-block;padding:12px 20px;background:#1d1b18;color:#ffffff;border-radius:8px;text-decoration:none"
>{{.Action}}</a></p>
<p style="margin:0 0 24px;font-size:13px;line-height:1.5;word-break:break-all;color:#6b665e">{{.Link}}</p>
{{- end}}
<p style="margin:0;font-size:13px;color:#6b665e">{{.Footer}}</p>
</div>
</body>
</html>
`))
