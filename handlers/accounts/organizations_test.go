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
		"who is signed in sees one":                   whoIsSignedInSeesOne,
		"list holds the caller's own":                 listHoldsTheCallersOwn,
		"repeated request founds one":                 repeatedRequestFoundsOne,
		"races for a slug have one winner and no 500": racesForASlugHaveOneWinner,
		"owner changes it":                            ownerChangesIt,
		"admin deletes it":                            adminDeletesIt,
		"public page shows what is public":            publicPageShowsWhatIsPublic,
		"creators are listed with what they made":     creatorsAreListed,
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

func whoIsSignedInSeesOne(t *testing.T, w *world, ada *browser) {
	id := ada.post(t, "/api/organizations", map[string]any{"name": "Seen", "slug": "seen-club"}).want(t, http.StatusCreated).text("data.id")
	bob := w.member(t, "bob@example.org")
	byID := bob.get(t, "/api/organizations/"+id).want(t, http.StatusOK)
	bySlug := bob.get(t, "/api/organizations/slug/seen-club").want(t, http.StatusOK)
	if string(byID.body) != string(bySlug.body) {
		t.Errorf("%s and %s differ", byID.body, bySlug.body)
	}
	bob.get(t, "/api/organizations/0190f5d2-0000-7000-8000-000000000001").wantError(t, http.StatusNotFound, "NOT_FOUND")
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
	all := w.member(t, "list-landlord@example.org")
	w.exec(t, `UPDATE users SET role = 'platform_owner' WHERE email = 'list-landlord@example.org'`)
	if got := all.get(t, "/api/organizations?search=list-&sortBy=name&sortOrder=asc").want(t, http.StatusOK); namesOf(got, "items") != "A-first Ada only b-second c-third" {
		t.Errorf("the platform's owner sees %s", got.body)
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

func ownerChangesIt(t *testing.T, w *world, ada *browser) {
	c := w.club(t, "changes")
	at := "/api/organizations/" + c.id
	patch := func(b *browser, body map[string]any) answer { return b.call(t, http.MethodPatch, at, body) }
	got := patch(c.owner, map[string]any{"name": " New ", "slug": "changed", "description": "About", "logoUrl": "https://a.test/l.png"}).want(t, http.StatusOK)
	if got.text("data.name") != "New" || got.text("data.slug") != "changed" || got.text("data.description") != "About" || got.text("data.logoUrl") != "https://a.test/l.png" {
		t.Errorf("%s", got.body)
	}
	got = patch(c.owner, map[string]any{"description": nil, "logoUrl": ""}).want(t, http.StatusOK)
	if got.text("data.name") != "New" || got.at("data.description") != nil || got.at("data.logoUrl") != nil {
		t.Errorf("%s", got.body)
	}
	if same := patch(c.owner, map[string]any{"name": "New"}).want(t, http.StatusOK); string(same.body) != string(got.body) {
		t.Errorf("%s", same.body)
	}
	if story := w.story(t, c.id); story != "organization.created v1, member.joined v2, organization.updated v3, organization.updated v4" {
		t.Errorf("events: %s", story)
	}
	ada.post(t, "/api/organizations", map[string]any{"name": "Freed", "slug": "changes"}).want(t, http.StatusCreated)
	if taken := patch(c.owner, map[string]any{"slug": "changes"}).wantError(t, http.StatusConflict, "CONFLICT"); taken.code() != "SLUG_TAKEN" {
		t.Errorf("%s", taken.body)
	}
	patch(c.owner, map[string]any{"slug": "changed"}).want(t, http.StatusOK)
	for field, body := range map[string]map[string]any{
		"name":        {"name": nil},
		"slug":        {"slug": "admin"},
		"description": {"description": strings.Repeat("x", 5001)},
		"websiteUrl":  {"websiteUrl": "javascript:alert(1)"},
		"ownerId":     {"ownerId": "x"},
	} {
		patch(c.owner, body).wantFields(t, field)
	}
	plain, _ := c.join(t, "creator", "creator")
	admin, _ := c.join(t, "admin", "admin")
	patch(plain, map[string]any{"name": "Mine"}).wantError(t, http.StatusForbidden, "FORBIDDEN")
	patch(ada, map[string]any{"name": "Mine"}).wantError(t, http.StatusForbidden, "FORBIDDEN")
	patch(admin, map[string]any{"name": "Ours"}).want(t, http.StatusOK)
}

func adminDeletesIt(t *testing.T, w *world, ada *browser) {
	c := w.club(t, "deleted")
	at := "/api/organizations/" + c.id
	admin, _ := c.join(t, "admin", "admin")
	plain, _ := c.join(t, "plain", "member")
	w.member(t, "deleted-asked@example.org")
	c.invite(t, admin, "deleted-asked@example.org", "member").want(t, http.StatusCreated)
	content := c.written(t, "stays", "free", 0)
	plain.call(t, http.MethodDelete, at, nil).wantError(t, http.StatusForbidden, "FORBIDDEN")
	ada.call(t, http.MethodDelete, at, nil).wantError(t, http.StatusForbidden, "FORBIDDEN")
	admin.call(t, http.MethodDelete, at, nil).want(t, http.StatusNoContent)
	for name, b := range map[string]*browser{"owner": c.owner, "admin": admin, "plain": plain} {
		b.get(t, at).wantError(t, http.StatusNotFound, "NOT_FOUND")
		b.get(t, c.path()).wantError(t, http.StatusNotFound, "NOT_FOUND")
		if role := c.role(t, b); role != "" {
			t.Errorf("%s is still %s", name, role)
		}
		if own := b.get(t, "/api/organizations/my-organizations").want(t, http.StatusOK); strings.Contains(string(own.body), c.id) {
			t.Errorf("%s: %s", name, own.body)
		}
	}
	c.owner.call(t, http.MethodDelete, at, nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	c.owner.call(t, http.MethodPatch, at, map[string]any{"name": "Back"}).wantError(t, http.StatusNotFound, "NOT_FOUND")
	ada.get(t, "/api/organizations/public/deleted/info").wantError(t, http.StatusNotFound, "NOT_FOUND")
	ada.post(t, "/api/organizations", map[string]any{"name": "Next", "slug": "deleted"}).want(t, http.StatusCreated)
	if n := w.count(t, `SELECT count(*) FROM content WHERE id = $1 AND status = 'published' AND deleted_at IS NULL`, content); n != 1 {
		t.Error("its content is gone too")
	}
}

func publicPageShowsWhatIsPublic(t *testing.T, w *world, _ *browser) {
	c := w.club(t, "public-page")
	c.owner.call(t, http.MethodPatch, "/api/organizations/"+c.id, map[string]any{"description": "About", "logoUrl": "https://a.test/l.png"}).want(t, http.StatusOK)
	c.join(t, "plain", "member")
	w.member(t, "public-page-asked@example.org")
	c.invite(t, c.owner, "public-page-asked@example.org", "creator").want(t, http.StatusCreated)
	counted := []string{c.written(t, "free-one", "free", 0), c.written(t, "paid-one", "paid", 500)}
	w.exec(t, `UPDATE content SET category = 'Trains', view_count = 3 WHERE id = ANY($1::uuid[])`, counted)
	for _, hidden := range []struct{ id, set string }{
		{c.written(t, "draft", "free", 0), `status = 'draft'`},
		{c.written(t, "archived", "free", 0), `status = 'archived'`},
		{c.written(t, "gone", "free", 0), `deleted_at = now()`},
		{c.written(t, "secret", "private", 0), `category = 'Secret'`},
	} {
		w.exec(t, `UPDATE content SET view_count = 100, `+hidden.set+` WHERE id = $1`, hidden.id)
	}
	anyone := w.browser(t)
	read := func(path string) answer {
		got := anyone.get(t, "/api/organizations/public/public-page"+path).want(t, http.StatusOK)
		if got.header.Get("Cache-Control") != "public, max-age=60" || strings.Contains(string(got.body), "@example.org") {
			t.Errorf("%s: %s %s", path, got.header.Get("Cache-Control"), got.body)
		}
		return got
	}
	for path, want := range map[string]string{
		"": `{"data":{"logoUrl":"https://a.test/l.png","primaryColorHex":"#3B82F6","secondaryColorHex":null,"accentColorHex":null,` +
			`"backgroundColorHex":null,"fontBody":null,"fontHeading":null,"radiusValue":0.5,"densityValue":1,"introVideoUrl":null,"heroLayout":"default"}}`,
		"/info": `{"data":{"id":"` + c.id + `","slug":"public-page","name":"The public-page","description":"About","logoUrl":"https://a.test/l.png",` +
			`"brandColors":{"primary":"#3B82F6","secondary":null,"accent":null,"background":null},"brandFonts":{"body":null,"heading":null},` +
			`"brandRadius":0.5,"brandDensity":1,"introVideoUrl":null,"heroLayout":"default",` +
			`"brandFineTune":{"tokenOverrides":null,"darkModeOverrides":null,"darkTokenOverrides":null},"enableSubscriptions":false}}`,
		"/stats": `{"data":{"content":{"total":2,"video":0,"audio":0,"written":2},"totalDurationSeconds":0,"creators":1,"totalViews":6,` +
			`"categories":[{"name":"Trains","count":2}]}}`,
	} {
		if got := read(path); string(got.body) != want {
			t.Errorf("%s: %s, want %s", path, got.body, want)
		}
	}
	all := read("/members")
	if all.at("pagination.total") != float64(2) || strings.Contains(string(all.body), `"id"`) || rolesOf(all) != "owner member" {
		t.Errorf("%s", all.body)
	}
	if one := read("/members?role=member&limit=1"); rolesOf(one) != "member" {
		t.Errorf("%s", one.body)
	}
	anyone.get(t, "/api/organizations/public/public-page/members?role=boss").wantFields(t, "role")
	anyone.get(t, "/api/organizations/public/no-such-page/stats").wantError(t, http.StatusNotFound, "NOT_FOUND")
	anyone.get(t, "/api/organizations/public/No_Slug/stats").wantFields(t, "slug")
}

func creatorsAreListed(t *testing.T, w *world, _ *browser) {
	c := w.club(t, "creators-of")
	c.join(t, "maker", "creator")
	c.join(t, "reader", "member")
	_, gone := c.join(t, "gone", "creator")
	c.remove(t, c.owner, gone).want(t, http.StatusNoContent)
	for i := range 6 {
		id := c.written(t, "item-"+strconv.Itoa(i), "free", 0)
		w.exec(t, `UPDATE content SET published_at = now() - make_interval(hours => $2) WHERE id = $1`, id, 10-i)
	}
	w.exec(t, `UPDATE content SET status = 'draft' WHERE id = $1`, c.written(t, "draft", "free", 0))
	anyone := w.browser(t)
	got := anyone.get(t, "/api/organizations/public/creators-of/creators").want(t, http.StatusOK)
	items, _ := got.at("items").([]any)
	if rolesOf(got) != "owner creator" || len(items) != 2 {
		t.Fatalf("%s", got.body)
	}
	owner, _ := items[0].(map[string]any)
	recent, _ := owner["recentContent"].([]any)
	newest, _ := recent[0].(map[string]any)
	if owner["contentCount"] != float64(6) || len(recent) != 4 || newest["slug"] != "item-5" || owner["name"] != "Ada" || owner["email"] != nil {
		t.Errorf("%s", got.body)
	}
	maker, _ := items[1].(map[string]any)
	if made, _ := maker["recentContent"].([]any); maker["contentCount"] != float64(0) || made == nil || len(made) != 0 {
		t.Errorf("%s", got.body)
	}
	if page := anyone.get(t, "/api/organizations/public/creators-of/creators?limit=1&page=2").want(t, http.StatusOK); rolesOf(page) != "creator" || page.at("pagination.totalPages") != float64(2) {
		t.Errorf("%s", page.body)
	}
}

func rolesOf(a answer) string {
	list, _ := a.at("items").([]any)
	var roles []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		role, _ := m["role"].(string)
		roles = append(roles, role)
	}
	return strings.Join(roles, " ")
}
