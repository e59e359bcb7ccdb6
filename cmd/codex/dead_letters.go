package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/handlers/commands"
)

type deadLettersCmd struct {
	List    listLettersCmd   `cmd:"" help:"List the dead letters that are open."`
	Show    showLetterCmd    `cmd:"" help:"Show a dead letter with its message."`
	Retry   retryLettersCmd  `cmd:"" help:"Have the messages of dead letters tried again."`
	Discard discardLetterCmd `cmd:"" help:"Close a dead letter without another attempt."`
}

// Help implements kong's HelpProvider.
func (deadLettersCmd) Help() string {
	return `A dead letter is a command or an event that was given up over its own fault, for example data
that a constraint of the database rejects. When its cause is removed, retry it: a command is accepted again and
applied once; an event is handled again by the reaction that gave it up, and by no other.

The database is that of CODEX_DATABASE_URL, or the embedded one of a running codex up.`
}

// openLetters connects to the dead letters.
func openLetters(a *app) (letters commands.DeadLetters, closePool func(), err error) {
	cfg, err := readConfig()
	if err != nil {
		return letters, nil, err
	}
	database := cfg.DatabaseURL
	if database == "" {
		if database, err = embeddedDatabase(cfg.Data); err != nil {
			return letters, nil, err
		}
	}
	pool, err := pgxpool.New(a.ctx, database)
	if err != nil {
		return letters, nil, fmt.Errorf("database: %w", err)
	}
	return commands.DeadLetters{Pool: pool}, pool.Close, nil
}

type listLettersCmd struct {
	All  bool `help:"List those that are resolved, too."`
	JSON bool `help:"Print a JSON array."`
}

// Run lists dead letters, the oldest first.
func (l listLettersCmd) Run(a *app) error {
	letters, closePool, err := openLetters(a)
	if err != nil {
		return err
	}
	defer closePool()
	list, err := letters.List(a.ctx, l.All)
	if err != nil {
		return err
	}
	if l.JSON {
		views := make([]letterView, len(list))
		for i, letter := range list {
			views[i] = viewOf(letter)
		}
		return printJSON(a, views)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.out, "no dead letters")
		return err
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tCREATED\tCONSUMER\tTYPE\tMESSAGE\tATTEMPTS\tSTATE\tERROR")
	for _, letter := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
			letter.ID[:8], letter.CreatedAt.UTC().Format(time.RFC3339), letter.Consumer, letter.Type, letter.MessageID,
			letter.Attempts, stateOf(letter), shorten(letter.Error, 80))
	}
	return table.Flush()
}

type showLetterCmd struct {
	ID   string `arg:"" help:"Its id, or the beginning of it."`
	JSON bool   `help:"Print a JSON object."`
}

// Run shows a dead letter.
func (s showLetterCmd) Run(a *app) error {
	letters, closePool, err := openLetters(a)
	if err != nil {
		return err
	}
	defer closePool()
	letter, err := letters.Find(a.ctx, s.ID)
	if err != nil {
		return fmt.Errorf("%s: %w", s.ID, err)
	}
	view := viewOf(letter)
	if s.JSON {
		return printJSON(a, view)
	}
	body, err := json.MarshalIndent(view.Body, "", "  ")
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"id", view.ID},
		{"state", view.State},
		{"created", view.CreatedAt.UTC().Format(time.RFC3339)},
		{"consumer", view.Consumer},
		{"kind", view.Kind},
		{"type", view.Type},
		{"message", view.MessageID},
		{"attempts", strconv.Itoa(view.Attempts)},
		{"error", view.Error},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	fmt.Fprintf(table, "body\n%s\n", body)
	return table.Flush()
}

type retryLettersCmd struct {
	ID  string `arg:"" optional:"" help:"Its id, or the beginning of it."`
	All bool   `help:"Retry all that are open, the oldest first."`
}

// Run has messages tried again. It fails when one of them cannot be.
func (r retryLettersCmd) Run(a *app) error {
	if (r.ID == "") == !r.All {
		return errors.New("name one dead letter, or use --all")
	}
	letters, closePool, err := openLetters(a)
	if err != nil {
		return err
	}
	defer closePool()
	var list []commands.Letter
	if r.All {
		list, err = letters.List(a.ctx, false)
	} else {
		list = make([]commands.Letter, 1)
		list[0], err = letters.Find(a.ctx, r.ID)
	}
	if err != nil {
		return err
	}

	var failed error
	for _, letter := range list {
		if err := letters.Retry(a.ctx, letter); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", letter.ID, err))
			continue
		}
		fmt.Fprintln(a.out, letter.ID, "is tried again within seconds")
	}
	return failed
}

type discardLetterCmd struct {
	ID string `arg:"" help:"Its id, or the beginning of it."`
}

// Run closes a dead letter.
func (d discardLetterCmd) Run(a *app) error {
	letters, closePool, err := openLetters(a)
	if err != nil {
		return err
	}
	defer closePool()
	letter, err := letters.Find(a.ctx, d.ID)
	if err != nil {
		return fmt.Errorf("%s: %w", d.ID, err)
	}
	if err := letters.Discard(a.ctx, letter); err != nil {
		return fmt.Errorf("%s: %w", letter.ID, err)
	}
	_, err = fmt.Fprintln(a.out, letter.ID, "is discarded")
	return err
}

// letterView is a dead letter in JSON.
type letterView struct {
	ID         string              `json:"id"`
	State      string              `json:"state"`
	Consumer   string              `json:"consumer"`
	Kind       string              `json:"kind,omitempty"`
	Type       string              `json:"type"`
	MessageID  string              `json:"messageId"`
	Attempts   int                 `json:"attempts"`
	Error      string              `json:"error"`
	CreatedAt  time.Time           `json:"createdAt"`
	ResolvedAt *time.Time          `json:"resolvedAt,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	// Body is the message: JSON as it is, text as a string, anything else in base64.
	Body any `json:"body"`
}

func viewOf(l commands.Letter) letterView {
	view := letterView{
		ID:         l.ID,
		State:      stateOf(l),
		Consumer:   l.Consumer,
		Kind:       string(l.Kind),
		Type:       l.Type,
		MessageID:  l.MessageID,
		Attempts:   l.Attempts,
		Error:      l.Error,
		CreatedAt:  l.CreatedAt,
		ResolvedAt: l.ResolvedAt,
		Headers:    l.Headers,
	}
	switch {
	case json.Valid(l.Body):
		view.Body = json.RawMessage(l.Body)
	case utf8.Valid(l.Body):
		view.Body = string(l.Body)
	default:
		view.Body = l.Body
	}
	return view
}

// stateOf is open, retrying, or how the letter was resolved.
func stateOf(l commands.Letter) string {
	switch {
	case l.ResolvedAt != nil && l.Resolution != "":
		return l.Resolution
	case l.ResolvedAt != nil:
		return "resolved"
	case l.RetryAt != nil:
		return "retrying"
	default:
		return "open"
	}
}

// shorten cuts a text to so many characters.
func shorten(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

func printJSON(a *app, value any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
