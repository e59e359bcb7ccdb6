package accounts_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestOrganizations and TestCreators share one installation with a bus each: their
// sub-tests use names of their own.
func TestOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	ada := w.creator(t, "ada@example.org")
	for name, test := range map[string]func(*testing.T, *world, *browser){
		"begins with its owner":                       organizationBeginsWithItsOwner,
		"slug belongs to one":                         slugBelongsToOne,
		"slug of a deleted one is free":               slugOfADeletedOneIsFree,
		"bad input names its fields":                  badOrganizationsNameTheirFields,
		"only creators may found one":                 onlyCreatorsMayFound,
		"right is checked when the command applies":   rightIsCheckedWhenTheCommandApplies,
		"only members see one":                        onlyMembersSeeOne,
		"list holds the caller's own":                 listHoldsTheCallersOwn,
		"repeated request founds one":                 repeatedRequestFoundsOne,
		"races for a slug have one winner and no 500": racesForASlugHaveOneWinner,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w, ada)
		})
	}
}

func organizationBeginsWithItsOwner(t *testing.T, w *world, ada *browser) {
	got := ada.post(t, "/api/organizations", map[string]any{
		"name": " Trains & Co ", "slug": "trains", "description": "About trains", "logoUrl": "https://a.test/l.png", "websiteUrl": nil,
	}).want(t, http.StatusCreated)
	id := got.text("data.id")
	if got.text("data.name") != "Trains & Co" || got.text("data.slug") != "trains" || got.text("data.logoUrl") != "https://a.test/l.png" ||
		got.at("data.websiteUrl") != nil || got.text("data.createdAt") == "" {
		t.Errorf("%s", got.body)
	}
	if story := w.story(t, id); story != "organization.created v1, member.joined v2" {
		t.Errorf("events: %s", story)
	}
	if n := w.count(t, `SELECT count(*) FROM organizations o JOIN organization_memberships m ON m.organization_id = o.id JOIN users u ON u.id = m.user_id
		WHERE o.id = $1 AND o.version = 2 AND m.role = 'owner' AND m.status = 'active' AND u.email = 'ada@example.org'`, id); n != 1 {
		t.Errorf("%d owners", n)
	}
	if n := w.count(t, `SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND tenant = $1`, id); n != 2 {
		t.Errorf("%d events of the tenant", n)
	}
	if read := ada.get(t, "/api/organizations/"+id).want(t, http.StatusOK); string(read.body) != string(got.body) {
		t.Errorf("read %s, created %s", read.body, got.body)
	}
}

func slugBelongsToOne(t *testing.T, w *world, ada *browser) {
	ada.post(t, "/api/organizations", map[string]any{"name": "One", "slug": "taken"}).want(t, http.StatusCreated)
	got := ada.post(t, "/api/organizations", map[string]any{"name": "Two", "slug": "taken"}).wantError(t, http.StatusConflict, "CONFLICT")
	if got.text("error.details.context.code") != "SLUG_TAKEN" || w.count(t, `SELECT count(*) FROM organizations WHERE slug = 'taken'`) != 1 {
		t.Errorf("%s", got.body)
	}
	for slug, available := range map[string]bool{"taken": false, "free-slug": true, "admin": false} {
		if got := ada.get(t, "/api/organizations/check-slug/"+slug).want(t, http.StatusOK); got.at("data.available") != available {
			t.Errorf("%s: %s", slug, got.body)
		}
	}
	ada.get(t, "/api/organizations/check-slug/Not_a_slug").wantFields(t, "slug")
}

func slugOfADeletedOneIsFree(t *testing.T, w *world, ada *browser) {
	id := ada.post(t, "/api/organizations", map[string]any{"name": "One", "slug": "again"}).want(t, http.StatusCreated).text("data.id")
	w.exec(t, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, id)
	ada.get(t, "/api/organizations/"+id).wantError(t, http.StatusNotFound, "NOT_FOUND")
	ada.post(t, "/api/organizations", map[string]any{"name": "Two", "slug": "again"}).want(t, http.StatusCreated)
}

func badOrganizationsNameTheirFields(t *testing.T, w *world, ada *browser) {
	const ofBad = `SELECT count(*) FROM organizations WHERE name LIKE 'bad%'`
	ada.post(t, "/api/organizations", map[string]any{}).wantFields(t, "name", "slug")
	for field, body := range map[string]map[string]any{
		"name":        {"name": strings.Repeat("x", 256), "slug": "bad"},
		"slug":        {"name": "bad", "slug": "Bad Slug"},
		"description": {"name": "bad", "slug": "bad", "description": strings.Repeat("x", 5001)},
		"logoUrl":     {"name": "bad", "slug": "bad", "logoUrl": "javascript:alert(1)"},
		"websiteUrl":  {"name": "bad", "slug": "bad", "websiteUrl": "ftp://a.test"},
		"ownerId":     {"name": "bad", "slug": "bad", "ownerId": "x"},
	} {
		ada.post(t, "/api/organizations", body).wantFields(t, field)
	}
	for _, slug := range []string{"www", "admin-api-staging", "codex", "a--b", "-a", "ä", strings.Repeat("a", 256), "UPPER"} {
		ada.post(t, "/api/organizations", map[string]any{"name": "bad", "slug": slug}).wantFields(t, "slug")
	}
	if n := w.count(t, ofBad); n != 0 {
		t.Errorf("%d were created", n)
	}
	ada.get(t, "/api/organizations/not-a-uuid").wantFields(t, "id")
	ada.get(t, "/api/organizations?limit=0&sortBy=slug").wantFields(t, "limit", "sortBy")
}

func onlyCreatorsMayFound(t *testing.T, w *world, _ *browser) {
	body := map[string]any{"name": "Mine", "slug": "not-mine"}
	w.browser(t).post(t, "/api/organizations", body).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	w.member(t, "customer@example.org").post(t, "/api/organizations", body).wantError(t, http.StatusForbidden, "FORBIDDEN")
	for _, role := range []string{"admin", "platform_owner"} {
		b := w.member(t, role+"@example.org")
		w.exec(t, `UPDATE users SET role = $1 WHERE email = $2`, role, role+"@example.org")
		b.post(t, "/api/organizations", map[string]any{"name": "Mine", "slug": "of-" + strings.ReplaceAll(role, "_", "-")}).want(t, http.StatusCreated)
	}
}

// The edge accepts the command, and the right is gone before it is applied.
func rightIsCheckedWhenTheCommandApplies(t *testing.T, w *world, _ *browser) {
	b := w.creator(t, "demoted@example.org")
	w.exec(t, `CREATE FUNCTION demote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE users SET role = 'customer' WHERE id = NEW.actor_id AND email = 'demoted@example.org'; RETURN NEW; END $$;
		CREATE TRIGGER demote AFTER INSERT ON commands FOR EACH ROW WHEN (NEW.status = 'accepted') EXECUTE FUNCTION demote()`)
	accepted := b.call(t, http.MethodPost, "/api/organizations", map[string]any{"name": "Late", "slug": "late"}, "Prefer", "respond-async").want(t, http.StatusAccepted)
	operation := accepted.header.Get("Location")
	got := b.get(t, operation).want(t, http.StatusOK)
	for deadline := time.Now().Add(20 * time.Second); got.text("data.status") == "accepted" && time.Now().Before(deadline); {
		got = b.get(t, operation).want(t, http.StatusOK)
	}
	if got.text("data.status") != "rejected" || got.at("data.response.status") != float64(http.StatusForbidden) {
		t.Errorf("%s", got.body)
	}
	if n := w.count(t, `SELECT count(*) FROM organizations WHERE slug = 'late'`); n != 0 {
		t.Error("it was founded")
	}
}

func onlyMembersSeeOne(t *testing.T, w *world, ada *browser) {
	id := ada.post(t, "/api/organizations", map[string]any{"name": "Secret", "slug": "secret-club"}).want(t, http.StatusCreated).text("data.id")
	bob := w.member(t, "bob@example.org")
	foreign := bob.get(t, "/api/organizations/"+id).wantError(t, http.StatusNotFound, "NOT_FOUND")
	missing := bob.get(t, "/api/organizations/0190f5d2-0000-7000-8000-000000000001").wantError(t, http.StatusNotFound, "NOT_FOUND")
	if string(foreign.body) != string(missing.body) {
		t.Errorf("%s and %s differ", foreign.body, missing.body)
	}
	for status, want := range map[string]int{"active": http.StatusOK, "inactive": http.StatusNotFound, "invited": http.StatusNotFound} {
		w.exec(t, `INSERT INTO organization_memberships (organization_id, user_id, status) SELECT $1, id, $2 FROM users WHERE email = 'bob@example.org'
			ON CONFLICT (organization_id, user_id) DO UPDATE SET status = excluded.status`, id, status)
		bob.get(t, "/api/organizations/"+id).want(t, want)
	}
	owner := w.member(t, "landlord@example.org")
	w.exec(t, `UPDATE users SET role = 'platform_owner' WHERE email = 'landlord@example.org'`)
	owner.get(t, "/api/organizations/"+id).want(t, http.StatusOK)
	owner.get(t, "/api/organizations/slug/secret-club").want(t, http.StatusOK)
	owner.get(t, "/api/organizations/slug/no-such-club").wantError(t, http.StatusNotFound, "NOT_FOUND")
	w.browser(t).get(t, "/api/organizations/"+id).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}

func listHoldsTheCallersOwn(t *testing.T, w *world, ada *browser) {
	carol := w.creator(t, "carol@example.org")
	ada.post(t, "/api/organizations", map[string]any{"name": "Ada only", "slug": "list-ada"}).want(t, http.StatusCreated)
	for _, name := range []string{"b-second", "A-first", "c-third"} {
		carol.post(t, "/api/organizations", map[string]any{"name": name, "slug": "list-" + strings.ToLower(name)}).want(t, http.StatusCreated)
	}
	for path, want := range map[string]string{
		"/api/organizations?sortBy=name&sortOrder=asc":                 "A-first b-second c-third",
		"/api/organizations":                                           "c-third A-first b-second",
		"/api/organizations?sortBy=name&sortOrder=desc&limit=2":        "c-third b-second",
		"/api/organizations?sortBy=name&sortOrder=asc&limit=2&page=2":  "c-third",
		"/api/organizations?page=9":                                    "",
		"/api/organizations?search=FIRST":                              "A-first",
		"/api/organizations?search=%25":                                "",
		"/api/organizations?search=list-b&sortBy=name&sortOrder=asc":   "b-second",
		"/api/organizations?search=ada":                                "",
		"/api/organizations?sortBy=createdAt&sortOrder=asc&limit=1":    "b-second",
		"/api/organizations?sortBy=createdAt&sortOrder=asc&limit=100":  "b-second A-first c-third",
		"/api/organizations?sortBy=name&sortOrder=asc&page=1&limit=20": "A-first b-second c-third",
	} {
		got := carol.get(t, path).want(t, http.StatusOK)
		if names := namesOf(got, "items"); names != want {
			t.Errorf("%s: %q, want %q", path, names, want)
		}
	}
	page := carol.get(t, "/api/organizations?limit=2&page=9").want(t, http.StatusOK)
	if page.at("pagination.total") != float64(3) || page.at("pagination.totalPages") != float64(2) || page.at("pagination.page") != float64(9) {
		t.Errorf("%s", page.body)
	}
	own := carol.get(t, "/api/organizations/my-organizations").want(t, http.StatusOK)
	if names := namesOf(own, "data"); len(strings.Fields(names)) != 3 || !strings.Contains(string(own.body), `"role":"owner"`) {
		t.Errorf("%s", own.body)
	}
}

func namesOf(a answer, path string) string {
	list, _ := a.at(path).([]any)
	names := make([]string, len(list))
	for i, item := range list {
		object, _ := item.(map[string]any)
		names[i], _ = object["name"].(string)
	}
	return strings.Join(names, " ")
}

func repeatedRequestFoundsOne(t *testing.T, w *world, ada *browser) {
	send := func(name string) answer {
		return ada.call(t, http.MethodPost, "/api/organizations", map[string]any{"name": name, "slug": "repeated"}, "Idempotency-Key", "found-once")
	}
	first, second := send("Once").want(t, http.StatusCreated), send("Once").want(t, http.StatusCreated)
	if string(first.body) != string(second.body) || w.count(t, `SELECT count(*) FROM organizations WHERE slug = 'repeated'`) != 1 {
		t.Errorf("%s, then %s", first.body, second.body)
	}
	send("Other").want(t, http.StatusUnprocessableEntity)
}

func racesForASlugHaveOneWinner(t *testing.T, w *world, ada *browser) {
	var wg sync.WaitGroup
	statuses := make(chan int, 16)
	for i := range cap(statuses) {
		wg.Go(func() {
			statuses <- ada.post(t, "/api/organizations", map[string]any{"name": "Racer " + strconv.Itoa(i), "slug": "race"}).status
		})
	}
	wg.Wait()
	close(statuses)
	seen := map[int]int{}
	for status := range statuses {
		seen[status]++
	}
	if seen[http.StatusCreated] != 1 || seen[http.StatusConflict] != 15 {
		t.Errorf("answers %v", seen)
	}
}
