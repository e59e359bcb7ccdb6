// Package organizations_test tests organizations and their members over HTTP, with
// Postgres, a bus and the consumers of the commands.
package organizations_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/organizations"
	"github.com/codex-platform/codex/handlers/streaming"
	"github.com/codex-platform/codex/handlers/web"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// workerSecrets are the new secret and the one it replaces.
var workerSecrets = [][]byte{[]byte("the secret of other programs"), []byte("the secret before it")}

// harness is one installation.
type harness struct{ *handlertest.Harness }

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{handlertest.New(t, handlertest.Options{})}
	w.Workers = handlertest.Must(workersig.NewKeys(workerSecrets...))(t)
	w.StartBus(natstest.Server(t), 1)
	w.Install(nil,
		organizations.New(organizations.Config{Pool: w.Pool, PublicURL: w.URL}),
		streaming.New(streaming.Config{
			Pool:      w.Pool,
			Tokens:    handlertest.Must(token.NewKeys([]byte("a secret of stream tokens")))(t),
			PublicURL: w.URL,
			Now:       w.Now,
		}),
		web.New(web.Config{Pool: w.Pool}),
	)
	return w
}

// in is the harness for a subtest.
func (w *harness) in(t *testing.T) *harness { return &harness{w.In(t)} }

// browser sends the requests of one user.
type browser struct {
	*harness
	session string // a token; "" without a session
}

// anonymous is a browser without a session.
func (w *harness) anonymous() *browser { return &browser{harness: w} }

// member makes a customer, signed in.
func (w *harness) member(email string) *browser { return w.user(email, "customer") }

// creator makes a creator, signed in.
func (w *harness) creator(email string) *browser { return w.user(email, "creator") }

// user makes a user with a platform role, signed in.
func (w *harness) user(email, role string) *browser {
	w.Helper()
	id := w.User(role)
	w.Exec(`UPDATE users SET name = 'Ada', email = $2 WHERE id = $1`, id, email)
	return &browser{w, id}
}

func (w *harness) userID(email string) string {
	w.Helper()
	return handlertest.Value[string](w.Harness, `SELECT id FROM users WHERE email = $1`, email)
}

// in is the browser for a subtest.
func (b *browser) in(t *testing.T) *browser { return &browser{b.harness.in(t), b.session} }

// call sends a request; headers are names and values by turns.
func (b *browser) call(method, path string, body any, headers ...string) handlertest.Answer {
	b.Helper()
	header := handlertest.Pairs(headers...)
	if method != http.MethodGet {
		header["Origin"] = b.URL
	}
	return b.Send(handlertest.Request{
		Method:  method,
		Path:    path,
		Body:    body,
		Header:  header,
		Session: b.session,
	})
}

func (b *browser) get(path string) handlertest.Answer {
	b.Helper()
	return b.call(http.MethodGet, path, nil)
}

func (b *browser) post(path string, body any) handlertest.Answer {
	b.Helper()
	return b.call(http.MethodPost, path, body)
}

// club is an organization with its owner.
type club struct {
	*harness
	id    string
	slug  string
	owner *browser
}

func (w *harness) club(slug string) *club {
	w.Helper()
	owner := w.creator(slug + "-owner@example.org")
	got := owner.post("/api/organizations", map[string]any{"name": "The " + slug, "slug": slug})
	return &club{
		harness: w,
		id:      got.Want(http.StatusCreated, "").Text("data.id"),
		slug:    slug,
		owner:   owner,
	}
}

// path is a path below the members of the organization.
func (c *club) path(rest ...string) string {
	return strings.Join(append([]string{"/api/organizations", c.id, "members"}, rest...), "/")
}

// invite invites an account as a role.
func (c *club) invite(by *browser, email, role string) handlertest.Answer {
	c.Helper()
	return by.post(c.path("invite"), map[string]any{"email": email, "role": role})
}

// join makes a new account that is a member with a role.
func (c *club) join(name, role string) (*browser, string) {
	c.Helper()
	email := name + "-" + c.slug + "@example.org"
	b, invited := c.member(email), role
	if role == "owner" {
		invited = "admin"
	}
	c.invite(c.owner, email, invited).Want(http.StatusCreated, "")
	b.post(c.path("accept"), nil).Want(http.StatusOK, "")
	id := c.userID(email)
	if role == "owner" {
		c.setRole(c.owner, id, "owner").Want(http.StatusOK, "")
	}
	return b, id
}

func (c *club) setRole(by *browser, user, role string) handlertest.Answer {
	c.Helper()
	return by.call(http.MethodPatch, c.path(user), map[string]any{"role": role})
}

func (c *club) remove(by *browser, user string) handlertest.Answer {
	c.Helper()
	return by.call(http.MethodDelete, c.path(user), nil)
}

// role is the role that the organization shows to a member, "" for none.
func (c *club) role(b *browser) string {
	c.Helper()
	return b.get(c.path("my-membership")).Want(http.StatusOK, "").Text("data.role")
}

// written puts a published article into the organization.
func (c *club) written(slug, access string, price int) string {
	c.Helper()
	id := uuid.NewString()
	c.Exec(`
INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, content_body,
                     access_type, price_cents, status, published_at, version)
SELECT $1, m.user_id, $2, $3, $3, 'written', 'words', $4, $5, 'published', now(), 1
FROM organization_memberships m WHERE m.organization_id = $2 AND m.role = 'owner'`, id, c.id, slug, access, price)
	c.Exec(`
INSERT INTO content_stats (content_id, creator_id, organization_id, content_type, access_type, status, published_at)
SELECT id, creator_id, organization_id, content_type, access_type, status, published_at FROM content WHERE id = $1`, id)
	return id
}

// reason is the code in the details of an error.
func reason(a handlertest.Answer) string { return a.Text("error.details.context.code") }

// asyncOutcome sends a request with "Prefer: respond-async" and returns its operation when
// the command has an outcome.
func (b *browser) asyncOutcome(path string, body any) handlertest.Answer {
	b.Helper()
	accepted := b.call(http.MethodPost, path, body, "Prefer", "respond-async").Want(http.StatusAccepted, "")
	operation := accepted.Header.Get("Location")
	var got handlertest.Answer
	b.Until("the command has an outcome", func() bool {
		got = b.get(operation).Want(http.StatusOK, "")
		return got.Text("data.status") != "accepted"
	})
	return got
}
