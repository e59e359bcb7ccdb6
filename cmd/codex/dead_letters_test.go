package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// codex runs a command to its end and returns what it printed.
func codex(t *testing.T, env []string, args ...string) (out string, code int) {
	t.Helper()
	r := launch(t, env, args...)
	<-r.exited
	return r.out.String(), r.cmd.ProcessState.ExitCode()
}

func TestDeadLettersAreListedRetriedAndDiscarded(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	up := startUp(t, data)
	remote, embedded := []string{"CODEX_DATABASE_URL=" + up.addresses["database"]}, []string{"CODEX_DATA=" + data}
	if out, code := codex(t, embedded, "dead-letters", "list"); code != 0 || !strings.Contains(out, "no dead letters") {
		t.Fatalf("at first: %d %s", code, out)
	}
	c := newClient(t, up.addresses["api"])
	c.signUp("letters@example.com", "creator")
	db, err := pgx.Connect(t.Context(), up.addresses["database"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(t.Context()) }()
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'the poisoned row' USING ERRCODE = '22000'; END $$`)
	exec(`CREATE TRIGGER poison BEFORE INSERT ON content FOR EACH ROW EXECUTE FUNCTION poison()`)
	create := func(slug string, status int) {
		t.Helper()
		body := map[string]any{"title": "T", "slug": slug, "contentType": "written", "contentBody": "w"}
		c.want(status, http.MethodPost, "/api/content", body, "Idempotency-Key", slug)
	}
	for _, slug := range []string{"retried", "again", "discarded"} {
		create(slug, http.StatusInternalServerError)
	}

	var letters []letterView
	list := func(args ...string) {
		t.Helper()
		out, code := codex(t, remote, append([]string{"dead-letters", "list", "--json"}, args...)...)
		letters = nil
		if err := json.Unmarshal([]byte(out), &letters); err != nil || code != 0 {
			t.Fatalf("%d %s: %v", code, out, err)
		}
	}
	list()
	if len(letters) != 3 || letters[0].State != "open" || letters[0].Type != "content.create" {
		t.Fatalf("letters %+v", letters)
	}
	table, _ := codex(t, embedded, "dead-letters", "list")
	shown, _ := codex(t, embedded, "dead-letters", "show", letters[0].ID[:8])
	for _, want := range []string{letters[0].MessageID, "content.create", "the poisoned row"} {
		if !strings.Contains(table, want) || !strings.Contains(shown, want) {
			t.Errorf("%q is not in %s or not in %s", want, table, shown)
		}
	}
	if !strings.Contains(shown, `"slug": "retried"`) {
		t.Errorf("the message is not in %s", shown)
	}

	exec(`DROP TRIGGER poison ON content`)
	if out, code := codex(t, embedded, "dead-letters", "retry", letters[0].ID); code != 0 {
		t.Errorf("retry: %d %s", code, out)
	}
	create("again", http.StatusCreated) // the client repeats its request
	if out, code := codex(t, remote, "dead-letters", "discard", letters[2].ID[:8]); code != 0 {
		t.Errorf("discard: %d %s", code, out)
	}
	waitFor(t, "the content of the retried command", func() bool {
		var n int
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM content WHERE slug IN ('retried', 'again')`).Scan(&n)
		return err == nil && n == 2
	})
	create("retried", http.StatusCreated) // the outcome
	waitFor(t, "the end of all letters", func() bool { list(); return len(letters) == 0 })
	list("--all")
	var states []string
	for _, l := range letters {
		states = append(states, l.State)
	}
	if got := strings.Join(states, " "); got != "retried handled discarded" {
		t.Errorf("states %s", got)
	}
	for _, args := range [][]string{
		{"retry", letters[0].ID}, {"discard", letters[0].ID}, {"retry", "00000000"}, {"retry"}, {"show", "00000000"},
	} {
		if out, code := codex(t, remote, append([]string{"dead-letters"}, args...)...); code == 0 {
			t.Errorf("%v succeeded: %s", args, out)
		}
	}
}
