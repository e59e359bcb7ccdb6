package edge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// repeatable is a request of a user with an Idempotency-Key.
type repeatable struct {
	*harness
	user, method, path, key string
	body                    any
}

func (w *harness) repeatable(user, method, path string, body any) repeatable {
	return repeatable{w, user, method, path, "key-" + uuid.NewString(), body}
}

func (r repeatable) send() handlertest.Answer {
	r.Helper()
	return r.Send(handlertest.Request{
		Method:  r.method,
		Path:    r.path,
		Session: r.user,
		Body:    r.body,
		Header:  map[string]string{"Idempotency-Key": r.key, "Origin": publicURL},
	})
}

// operation reads the latest command of the user.
func (r repeatable) operation(by string) handlertest.Answer {
	r.Helper()
	id := handlertest.Value[string](r.Harness,
		`SELECT id::text FROM commands WHERE actor_id = $1 ORDER BY created_at DESC LIMIT 1`, r.user)
	return r.Send(handlertest.Request{Path: "/api/commands/" + id, Session: by})
}

// do sends a request once, which has to succeed.
func (w *harness) do(user, method, path string, body any) handlertest.Answer {
	w.Helper()
	a := w.repeatable(user, method, path, body).send()
	if a.Status >= http.StatusMultipleChoices {
		w.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	return a
}

const secretTitle = "The title that nobody else may read"

func draft(organization any) map[string]any {
	return map[string]any{
		"title":          secretTitle,
		"slug":           "s-" + uuid.NewString(),
		"contentType":    "written",
		"contentBody":    "text",
		"organizationId": organization,
	}
}

// refused checks that the repeated request and the operation get the error and show nothing.
func (r repeatable) refused(status int, code string, secrets ...string) {
	r.Helper()
	again := r.send()
	if again.Status != status || !strings.Contains(again.Body, `"`+code+`"`) {
		r.Errorf("the repeated request gets %d %s, want %d %s", again.Status, again.Body, status, code)
	}
	operation := r.operation(r.user)
	if operation.At("data.response.status") != float64(status) ||
		!strings.Contains(operation.Body, `"`+code+`"`) || operation.Text("data.status") != "applied" {
		r.Errorf("the operation is %d %s, want a response of %d %s", operation.Status, operation.Body, status, code)
	}
	for _, secret := range secrets {
		if strings.Contains(again.Body+operation.Body, secret) {
			r.Errorf("%q is shown: %s %s", secret, again.Body, operation.Body)
		}
	}
}

// same checks that a repeated request gets what the first one got, and the operation as well.
func (r repeatable) same(first handlertest.Answer) {
	r.Helper()
	again := r.send()
	if again.Status != first.Status || again.Body != first.Body {
		r.Errorf("first %d %s, then %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	operation := r.operation(r.user)
	if operation.At("data.response.status") != float64(first.Status) || !strings.Contains(operation.Body, first.Body) {
		r.Errorf("the operation is %s, want the response %s", operation.Body, first.Body)
	}
}

func TestRepeatedRequestOfAFormerMemberShowsNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: patient})
	owner, admin, invitee := w.User("creator"), w.User("creator"), w.User("customer")
	organization := w.Organization()
	w.Join(organization, owner, "owner", "active")
	w.Join(organization, admin, "admin", "active")
	members := "/api/organizations/" + organization + "/members"

	address := invitee + "@example.test"
	invitation := w.repeatable(admin, http.MethodPost, members+"/invite",
		map[string]any{"email": address, "role": "member"})
	invited := invitation.send()
	if invited.Status != http.StatusCreated || !strings.Contains(invited.Body, address) {
		t.Fatalf("invited: %d %s", invited.Status, invited.Body)
	}
	invitation.same(invited)
	category := w.repeatable(admin, http.MethodPost, "/api/categories",
		map[string]any{"name": secretTitle, "organizationId": organization})
	first := category.send()
	category.same(first)

	w.do(owner, http.MethodDelete, members+"/"+admin, nil)
	category.refused(http.StatusForbidden, "FORBIDDEN", secretTitle)
	if again := invitation.send(); again.Status != http.StatusForbidden || strings.Contains(again.Body, address) {
		t.Errorf("the repeated invitation gets %d %s", again.Status, again.Body)
	}
}

func TestRepeatedRequestAboutADeletedItemIsNotFound(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: patient})
	creator := w.User("creator")
	create := w.repeatable(creator, http.MethodPost, "/api/content", draft(nil))
	first := create.send()
	create.same(first)
	id := first.Text("data.id")

	w.do(creator, http.MethodPatch, "/api/content/"+id, map[string]any{"description": "as it is now"})
	if again := create.send(); again.Status != http.StatusCreated || again.Text("data.description") != "as it is now" {
		t.Errorf("after an update: %d %s", again.Status, again.Body)
	}
	remove := w.repeatable(creator, http.MethodDelete, "/api/content/"+id, nil)
	remove.send()
	if again := remove.send(); again.Status != http.StatusNoContent {
		t.Errorf("the repeated deletion gets %d %s", again.Status, again.Body)
	}
	if again := create.send(); again.Status != http.StatusNotFound || !strings.Contains(again.Body, "CONTENT_NOT_FOUND") ||
		strings.Contains(again.Body, secretTitle) {
		t.Errorf("the repeated creation gets %d %s", again.Status, again.Body)
	}
}

func TestKeyOfAnotherUserShowsNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: patient})
	creator, other := w.User("creator"), w.User("creator")
	create := w.repeatable(creator, http.MethodPost, "/api/content", draft(nil))
	first := create.send()
	if operation := create.operation(other); operation.Status != http.StatusNotFound {
		t.Errorf("another user reads the operation: %d %s", operation.Status, operation.Body)
	}
	create.user = other
	second := create.send()
	if second.Status != http.StatusCreated || second.Text("data.creatorId") != other ||
		second.Text("data.id") == first.Text("data.id") {
		t.Errorf("the key of another user gets %d %s", second.Status, second.Body)
	}
}

func TestRepeatedRequestIsShownToWhoMaySeeItNow(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: patient})
	owner, maker := w.User("creator"), w.User("creator")
	organization := w.Organization()
	w.Join(organization, owner, "owner", "active")
	w.Join(organization, maker, "creator", "active")
	item := w.do(maker, http.MethodPost, "/api/content", draft(organization)).Text("data.id")
	w.do(maker, http.MethodPost, "/api/content/"+item+"/publish", nil)

	// An owner takes an item down, and is none afterwards.
	takeDown := w.repeatable(owner, http.MethodPost, "/api/content/"+item+"/unpublish", nil)
	takeDown.same(takeDown.send())
	w.Join(organization, owner, "member", "active")
	takeDown.refused(http.StatusNotFound, "CONTENT_NOT_FOUND", secretTitle)
	w.Join(organization, owner, "owner", "active")
	if again := takeDown.send(); again.Status != http.StatusOK {
		t.Errorf("an owner again gets %d %s", again.Status, again.Body)
	}

	// Its creator moves it out of the organization.
	w.do(maker, http.MethodPatch, "/api/content/"+item, map[string]any{"organizationId": nil})
	takeDown.refused(http.StatusNotFound, "CONTENT_NOT_FOUND", secretTitle)
}

func TestResponsesFromBeforeAreGivenAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: patient})
	creator := w.User("creator")
	create := w.repeatable(creator, http.MethodPost, "/api/content", draft(nil))
	first := create.send()
	w.Exec(`UPDATE commands SET resource_id = NULL, response_body = $2::json WHERE actor_id = $1`, creator, first.Body)
	create.same(first)
}

func TestNoStoredResponseHasWordsOfPeople(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: patient})
	creator := w.User("creator")
	w.do(creator, http.MethodPost, "/api/content", draft(nil))
	w.do(creator, http.MethodPost, "/api/organizations", map[string]any{"name": secretTitle, "slug": "words"})
	w.do(creator, http.MethodPost, "/api/categories", map[string]any{"name": secretTitle})
	w.do(creator, http.MethodPatch, "/api/user/profile", map[string]any{"bio": secretTitle})
	if n := w.Number(`SELECT count(*) FROM commands WHERE status = 'applied'`); n != 4 {
		t.Errorf("%d commands were applied, want 4", n)
	}
	if n := w.Number(`SELECT count(*) FROM commands c WHERE strpos(c::text, $1) > 0 OR strpos(c::text, '@') > 0`,
		secretTitle); n != 0 {
		t.Errorf("%d rows have the words of a user", n)
	}
}
