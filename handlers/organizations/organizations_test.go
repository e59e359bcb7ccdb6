package organizations_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// TestOrganizations and TestCreators share one installation with a bus each: their
// sub-tests use names of their own.
func TestOrganizations(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	ada := w.creator("ada@example.org")
	for name, test := range map[string]func(*testing.T, *harness, *browser){
		"starts with its owner":                     organizationStartsWithItsOwner,
		"slug is unique":                            slugIsUnique,
		"slug of a deleted organization rests":      slugOfADeletedOrganizationRests,
		"invalid fields are named":                  invalidFieldsAreNamed,
		"only creators create one":                  onlyCreatorsCreateOne,
		"creation is authorized when it is applied": creationIsAuthorizedWhenApplied,
		"signed-in users read one":                  signedInUsersReadOne,
		"list contains the caller's organizations":  listContainsTheCallersOrganizations,
		"repeated request creates one":              repeatedRequestCreatesOne,
		"concurrent requests for a slug create one": concurrentRequestsForASlugCreateOne,
		"managers update it":                        managersUpdateIt,
		"managers delete it":                        managersDeleteIt,
		"public page shows only public data":        publicPageShowsOnlyPublicData,
		"creators are listed with their content":    creatorsAreListed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t), ada.in(t))
		})
	}
}

func organizationStartsWithItsOwner(t *testing.T, w *harness, ada *browser) {
	got := ada.post("/api/organizations", map[string]any{
		"name":        " Trains & Co ",
		"slug":        "trains",
		"description": "About trains",
		"logoUrl":     "https://a.test/l.png",
		"websiteUrl":  nil,
	}).Want(http.StatusCreated, "")
	id := got.Text("data.id")
	if got.Text("data.name") != "Trains & Co" || got.Text("data.slug") != "trains" ||
		got.Text("data.logoUrl") != "https://a.test/l.png" ||
		got.At("data.websiteUrl") != nil ||
		got.Text("data.createdAt") == "" || !strings.Contains(got.Body, `"deletedAt":null`) {
		t.Errorf("%s", got.Body)
	}
	if story := w.History(id); story != "organization.created v1, member.joined v2" {
		t.Errorf("events: %s", story)
	}
	if n := w.Number(
		`SELECT count(*) FROM organizations o JOIN organization_memberships m ON m.organization_id = o.id
			JOIN users u ON u.id = m.user_id
		WHERE o.id = $1 AND o.version = 2 AND m.role = 'owner' AND m.status = 'active' AND u.email = 'ada@example.org'`,
		id,
	); n != 1 {
		t.Errorf("%d owners", n)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND tenant = $1`, id); n != 2 {
		t.Errorf("%d events of the tenant", n)
	}
	if read := ada.get("/api/organizations/"+id).Want(http.StatusOK, ""); read.Body != got.Body {
		t.Errorf("read %s, created %s", read.Body, got.Body)
	}
}

func slugIsUnique(t *testing.T, w *harness, ada *browser) {
	ada.post("/api/organizations", map[string]any{"name": "One", "slug": "taken"}).Want(http.StatusCreated, "")
	got := ada.post("/api/organizations", map[string]any{"name": "Two", "slug": "taken"}).
		Want(http.StatusConflict, "CONFLICT")
	if got.Text("error.details.context.code") != "SLUG_TAKEN" ||
		w.Number(`SELECT count(*) FROM organizations WHERE slug = 'taken'`) != 1 {
		t.Errorf("%s", got.Body)
	}
	for slug, available := range map[string]bool{"taken": false, "free-slug": true, "admin": false} {
		if got := ada.get("/api/organizations/check-slug/"+slug).
			Want(http.StatusOK, ""); got.At("data.available") != available {
			t.Errorf("%s: %s", slug, got.Body)
		}
	}
	ada.get("/api/organizations/check-slug/Not_a_slug").WantFields("slug")
}

func slugOfADeletedOrganizationRests(t *testing.T, w *harness, ada *browser) {
	id := ada.post("/api/organizations", map[string]any{"name": "One", "slug": "again"}).
		Want(http.StatusCreated, "").
		Text("data.id")
	w.Exec(`UPDATE organizations SET deleted_at = now() WHERE id = $1`, id)
	ada.get("/api/organizations/"+id).Want(http.StatusNotFound, "NOT_FOUND")
	taken := func(slug string) {
		t.Helper()
		ada.post("/api/organizations", map[string]any{"name": "Two", "slug": slug}).Want(http.StatusConflict, "SLUG_TAKEN")
		if got := ada.get("/api/organizations/check-slug/" + slug); got.At("data.available") != false {
			t.Errorf("%s", got.Body)
		}
	}
	taken("again")
	other := ada.post("/api/organizations", map[string]any{"name": "Other", "slug": "again-other"}).
		Want(http.StatusCreated, "").Text("data.id")
	ada.call(http.MethodPatch, "/api/organizations/"+other, map[string]any{"slug": "again"}).
		Want(http.StatusConflict, "SLUG_TAKEN")
	w.Exec(`UPDATE organizations SET deleted_at = now() - interval '29 days' WHERE id = $1`, id)
	taken("again")
	w.Exec(`UPDATE organizations SET deleted_at = now() - interval '30 days 1 minute' WHERE id = $1`, id)
	ada.post("/api/organizations", map[string]any{"name": "Two", "slug": "again"}).Want(http.StatusCreated, "")
}

func invalidFieldsAreNamed(t *testing.T, w *harness, ada *browser) {
	const ofBad = `SELECT count(*) FROM organizations WHERE name LIKE 'bad%'`
	ada.post("/api/organizations", map[string]any{}).WantFields("name", "slug")
	for field, body := range map[string]map[string]any{
		"name":        {"name": strings.Repeat("x", 256), "slug": "bad"},
		"slug":        {"name": "bad", "slug": "Bad Slug"},
		"description": {"name": "bad", "slug": "bad", "description": strings.Repeat("x", 5001)},
		"logoUrl":     {"name": "bad", "slug": "bad", "logoUrl": "javascript:alert(1)"},
		"websiteUrl":  {"name": "bad", "slug": "bad", "websiteUrl": "ftp://a.test"},
		"ownerId":     {"name": "bad", "slug": "bad", "ownerId": "x"},
	} {
		ada.post("/api/organizations", body).WantFields(field)
	}
	for _, slug := range []string{
		"www", "admin-api-staging", "codex", "a--b", "-a", "ä", strings.Repeat("a", 256),
		"UPPER",
	} {
		ada.post("/api/organizations", map[string]any{"name": "bad", "slug": slug}).WantFields("slug")
	}
	if n := w.Number(ofBad); n != 0 {
		t.Errorf("%d were created", n)
	}
	ada.get("/api/organizations/not-a-uuid").WantFields("id")
	ada.get("/api/organizations?limit=0&sortBy=slug").WantFields("limit", "sortBy")
}

func onlyCreatorsCreateOne(t *testing.T, w *harness, _ *browser) {
	body := map[string]any{"name": "Mine", "slug": "not-mine"}
	w.anonymous().post("/api/organizations", body).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.member("customer@example.org").post("/api/organizations", body).Want(http.StatusForbidden, "FORBIDDEN")
	for _, role := range []string{"admin", "platform_owner"} {
		b := w.user(role+"@example.org", role)
		b.post("/api/organizations", map[string]any{"name": "Mine", "slug": "of-" + strings.ReplaceAll(role, "_", "-")}).
			Want(http.StatusCreated, "")
	}
}

// The edge accepts the command, and the right is gone before it is applied.
func creationIsAuthorizedWhenApplied(t *testing.T, w *harness, _ *browser) {
	b := w.creator("demoted@example.org")
	w.Exec(`CREATE FUNCTION demote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE users SET role = 'customer' WHERE id = NEW.actor_id AND email = 'demoted@example.org'; RETURN NEW; END $$;
		CREATE TRIGGER demote AFTER INSERT ON commands FOR EACH ROW WHEN (NEW.status = 'accepted') EXECUTE FUNCTION demote()`)
	got := b.asyncOutcome("/api/organizations", map[string]any{"name": "Late", "slug": "late"})
	if got.Text("data.status") != "rejected" || got.At("data.response.status") != float64(http.StatusForbidden) {
		t.Errorf("%s", got.Body)
	}
	if n := w.Number(`SELECT count(*) FROM organizations WHERE slug = 'late'`); n != 0 {
		t.Error("it was founded")
	}
}

func signedInUsersReadOne(t *testing.T, w *harness, ada *browser) {
	id := ada.post("/api/organizations", map[string]any{"name": "Seen", "slug": "seen-club"}).
		Want(http.StatusCreated, "").
		Text("data.id")
	bob := w.member("bob@example.org")
	byID := bob.get("/api/organizations/"+id).Want(http.StatusOK, "")
	bySlug := bob.get("/api/organizations/slug/seen-club").Want(http.StatusOK, "")
	if byID.Body != bySlug.Body {
		t.Errorf("%s and %s differ", byID.Body, bySlug.Body)
	}
	bob.get("/api/organizations/0190f5d2-0000-7000-8000-000000000001").Want(http.StatusNotFound, "NOT_FOUND")
	w.anonymous().get("/api/organizations/"+id).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func listContainsTheCallersOrganizations(t *testing.T, w *harness, ada *browser) {
	carol := w.creator("carol@example.org")
	ada.post("/api/organizations", map[string]any{"name": "Ada only", "slug": "list-ada"}).Want(http.StatusCreated, "")
	for _, name := range []string{"b-second", "A-first", "c-third"} {
		carol.post("/api/organizations", map[string]any{"name": name, "slug": "list-" + strings.ToLower(name)}).
			Want(http.StatusCreated, "")
	}
	for path, want := range map[string]string{
		"/api/organizations?sortBy=name&sortOrder=asc":                 "A-first b-second c-third",
		"/api/organizations":                                           "c-third A-first b-second",
		"/api/organizations?sortBy=name&sortOrder=desc&limit=2":        "c-third b-second",
		"/api/organizations?sortBy=name&sortOrder=asc&limit=2&page=2":  "c-third",
		"/api/organizations?page=9":                                    "",
		"/api/organizations?search=FIRST":                              "A-first",
		"/api/organizations?search=%25%25":                             "",
		"/api/organizations?search=list-b&sortBy=name&sortOrder=asc":   "b-second",
		"/api/organizations?search=ada":                                "",
		"/api/organizations?sortBy=createdAt&sortOrder=asc&limit=1":    "b-second",
		"/api/organizations?sortBy=createdAt&sortOrder=asc&limit=100":  "b-second A-first c-third",
		"/api/organizations?sortBy=name&sortOrder=asc&page=1&limit=20": "A-first b-second c-third",
	} {
		got := carol.get(path).Want(http.StatusOK, "")
		if names := namesOf(got, "items"); names != want {
			t.Errorf("%s: %q, want %q", path, names, want)
		}
	}
	page := carol.get("/api/organizations?limit=2&page=9").Want(http.StatusOK, "")
	if page.At("pagination.total") != float64(3) || page.At("pagination.totalPages") != float64(2) ||
		page.At("pagination.page") != float64(9) {
		t.Errorf("%s", page.Body)
	}
	own := carol.get("/api/organizations/my-organizations").Want(http.StatusOK, "")
	if names := namesOf(own, "data"); len(strings.Fields(names)) != 3 || !strings.Contains(own.Body, `"role":"owner"`) {
		t.Errorf("%s", own.Body)
	}
	all := w.user("list-landlord@example.org", "platform_owner")
	if got := all.get("/api/organizations?search=list-&sortBy=name&sortOrder=asc").
		Want(http.StatusOK, ""); namesOf(got, "items") != "A-first Ada only b-second c-third" {
		t.Errorf("the platform's owner sees %s", got.Body)
	}
}

func namesOf(a handlertest.Answer, path string) string {
	list, _ := a.At(path).([]any)
	names := make([]string, len(list))
	for i, item := range list {
		object, _ := item.(map[string]any)
		names[i], _ = object["name"].(string)
	}
	return strings.Join(names, " ")
}

func repeatedRequestCreatesOne(t *testing.T, w *harness, ada *browser) {
	send := func(name string) handlertest.Answer {
		return ada.call(
			http.MethodPost,
			"/api/organizations",
			map[string]any{"name": name, "slug": "repeated"},
			"Idempotency-Key",
			"create-once",
		)
	}
	first, second := send("Once").Want(http.StatusCreated, ""), send("Once").Want(http.StatusCreated, "")
	if first.Body != second.Body || w.Number(`SELECT count(*) FROM organizations WHERE slug = 'repeated'`) != 1 {
		t.Errorf("%s, then %s", first.Body, second.Body)
	}
	send("Other").Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
}

func concurrentRequestsForASlugCreateOne(t *testing.T, w *harness, ada *browser) {
	var wg sync.WaitGroup
	statuses := make(chan int, 16)
	for i := range cap(statuses) {
		wg.Go(func() {
			statuses <- ada.post("/api/organizations", map[string]any{"name": "Racer " + strconv.Itoa(i), "slug": "race"}).Status
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

func managersUpdateIt(t *testing.T, w *harness, ada *browser) {
	c := w.club("changes")
	at := "/api/organizations/" + c.id
	patch := func(b *browser, body map[string]any) handlertest.Answer { return b.call(http.MethodPatch, at, body) }
	got := patch(
		c.owner,
		map[string]any{"name": " New ", "slug": "changed", "description": "About", "logoUrl": "https://a.test/l.png"},
	).Want(http.StatusOK, "")
	if got.Text("data.name") != "New" || got.Text("data.slug") != "changed" || got.Text("data.description") != "About" ||
		got.Text("data.logoUrl") != "https://a.test/l.png" {
		t.Errorf("%s", got.Body)
	}
	got = patch(c.owner, map[string]any{"description": nil, "logoUrl": ""}).Want(http.StatusOK, "")
	if got.Text("data.name") != "New" || got.At("data.description") != nil || got.At("data.logoUrl") != nil {
		t.Errorf("%s", got.Body)
	}
	if same := patch(c.owner, map[string]any{"name": "New"}).Want(http.StatusOK, ""); same.Body != got.Body {
		t.Errorf("%s", same.Body)
	}
	if story := w.History(c.id); story !=
		"organization.created v1, member.joined v2, organization.updated v3, organization.updated v4" {
		t.Errorf("events: %s", story)
	}
	ada.post("/api/organizations", map[string]any{"name": "Freed", "slug": "changes"}).Want(http.StatusCreated, "")
	patch(c.owner, map[string]any{"slug": "changes"}).Want(http.StatusConflict, "SLUG_TAKEN")
	patch(c.owner, map[string]any{"slug": "changed"}).Want(http.StatusOK, "")
	for field, body := range map[string]map[string]any{
		"name":        {"name": nil},
		"slug":        {"slug": "admin"},
		"description": {"description": strings.Repeat("x", 5001)},
		"websiteUrl":  {"websiteUrl": "javascript:alert(1)"},
		"ownerId":     {"ownerId": "x"},
	} {
		patch(c.owner, body).WantFields(field)
	}
	plain, _ := c.join("creator", "creator")
	admin, _ := c.join("admin", "admin")
	patch(plain, map[string]any{"name": "Mine"}).Want(http.StatusForbidden, "FORBIDDEN")
	patch(ada, map[string]any{"name": "Mine"}).Want(http.StatusForbidden, "FORBIDDEN")
	patch(admin, map[string]any{"name": "Ours"}).Want(http.StatusOK, "")
}

func managersDeleteIt(t *testing.T, w *harness, ada *browser) {
	c := w.club("deleted")
	at := "/api/organizations/" + c.id
	admin, _ := c.join("admin", "admin")
	plain, _ := c.join("plain", "member")
	w.member("deleted-asked@example.org")
	c.invite(admin, "deleted-asked@example.org", "member").Want(http.StatusCreated, "")
	content := c.written("stays", "free", 0)
	plain.call(http.MethodDelete, at, nil).Want(http.StatusForbidden, "FORBIDDEN")
	ada.call(http.MethodDelete, at, nil).Want(http.StatusForbidden, "FORBIDDEN")
	admin.call(http.MethodDelete, at, nil).Want(http.StatusNoContent, "")
	for name, b := range map[string]*browser{"owner": c.owner, "admin": admin, "plain": plain} {
		b.get(at).Want(http.StatusNotFound, "NOT_FOUND")
		b.get(c.path()).Want(http.StatusNotFound, "NOT_FOUND")
		if role := c.role(b); role != "" {
			t.Errorf("%s is still %s", name, role)
		}
		if own := b.get("/api/organizations/my-organizations").Want(http.StatusOK, ""); strings.Contains(own.Body, c.id) {
			t.Errorf("%s: %s", name, own.Body)
		}
	}
	c.owner.call(http.MethodDelete, at, nil).Want(http.StatusNotFound, "NOT_FOUND")
	c.owner.call(http.MethodPatch, at, map[string]any{"name": "Back"}).Want(http.StatusNotFound, "NOT_FOUND")
	ada.get("/api/organizations/public/deleted/info").Want(http.StatusNotFound, "NOT_FOUND")
	ada.post("/api/organizations", map[string]any{"name": "Next", "slug": "deleted"}).
		Want(http.StatusConflict, "SLUG_TAKEN")
	if n := w.Number(
		`SELECT count(*) FROM content WHERE id = $1 AND status = 'published' AND deleted_at IS NULL`, content); n != 1 {
		t.Error("its content is gone too")
	}
}

func publicPageShowsOnlyPublicData(t *testing.T, w *harness, _ *browser) {
	c := w.club("public-page")
	c.owner.call(http.MethodPatch, "/api/organizations/"+c.id, map[string]any{
		"description": "About",
		"logoUrl":     "https://a.test/l.png",
	}).
		Want(http.StatusOK, "")
	c.join("plain", "member")
	w.member("public-page-asked@example.org")
	c.invite(c.owner, "public-page-asked@example.org", "creator").Want(http.StatusCreated, "")
	counted := []string{c.written("free-one", "free", 0), c.written("paid-one", "paid", 500)}
	w.Exec(`UPDATE content SET category = 'Trains' WHERE id = ANY($1::uuid[])`, counted)
	w.Exec(`UPDATE content_stats SET view_count = 3 WHERE content_id = ANY($1::uuid[])`, counted)
	for _, hidden := range []struct{ id, set string }{
		{c.written("draft", "free", 0), `status = 'draft'`},
		{c.written("archived", "free", 0), `status = 'archived'`},
		{c.written("gone", "free", 0), `deleted_at = now()`},
		{c.written("secret", "private", 0), `category = 'Secret'`},
	} {
		w.Exec(`UPDATE content SET `+hidden.set+` WHERE id = $1`, hidden.id)
		w.Exec(`UPDATE content_stats SET view_count = 100 WHERE content_id = $1`, hidden.id)
	}
	anyone := w.anonymous()
	read := func(path string) handlertest.Answer {
		got := anyone.get("/api/organizations/public/public-page"+path).Want(http.StatusOK, "")
		if got.Header.Get("Cache-Control") != "public, max-age=60" || strings.Contains(got.Body, "@example.org") {
			t.Errorf("%s: %s %s", path, got.Header.Get("Cache-Control"), got.Body)
		}
		return got
	}
	for path, want := range map[string]string{
		"": `{"data":{"logoUrl":"https://a.test/l.png","primaryColorHex":"#3B82F6","secondaryColorHex":null,` +
			`"accentColorHex":null,"backgroundColorHex":null,"fontBody":null,"fontHeading":null,` +
			`"radiusValue":0.5,"densityValue":1,"introVideoUrl":null,"heroLayout":"default"}}`,
		"/info": `{"data":{"id":"` + c.id + `","slug":"public-page","name":"The public-page",` +
			`"description":"About","logoUrl":"https://a.test/l.png",` +
			`"brandColors":{"primary":"#3B82F6","secondary":null,"accent":null,"background":null},` +
			`"brandFonts":{"body":null,"heading":null},` +
			`"brandRadius":0.5,"brandDensity":1,"introVideoUrl":null,"heroLayout":"default",` +
			`"brandFineTune":{"tokenOverrides":null,"darkModeOverrides":null,"darkTokenOverrides":null},` +
			`"enableSubscriptions":false}}`,
		"/stats": `{"data":{"content":{"total":2,"video":0,"audio":0,"written":2},"totalDurationSeconds":0,` +
			`"creators":1,"totalViews":6,` +
			`"categories":[{"name":"Trains","count":2}]}}`,
	} {
		if got := read(path); got.Body != want {
			t.Errorf("%s: %s, want %s", path, got.Body, want)
		}
	}
	all := read("/members")
	if all.At("pagination.total") != float64(2) || strings.Contains(all.Body, `"id"`) || rolesOf(all) != "owner member" {
		t.Errorf("%s", all.Body)
	}
	if one := read("/members?role=member&limit=1"); rolesOf(one) != "member" {
		t.Errorf("%s", one.Body)
	}
	anyone.get("/api/organizations/public/public-page/members?role=boss").WantFields("role")
	anyone.get("/api/organizations/public/no-such-page/stats").Want(http.StatusNotFound, "NOT_FOUND")
	anyone.get("/api/organizations/public/No_Slug/stats").WantFields("slug")
}

func creatorsAreListed(t *testing.T, w *harness, _ *browser) {
	c := w.club("creators-of")
	c.join("maker", "creator")
	c.join("reader", "member")
	_, gone := c.join("gone", "creator")
	c.remove(c.owner, gone).Want(http.StatusNoContent, "")
	for i := range 6 {
		id := c.written("item-"+strconv.Itoa(i), "free", 0)
		w.Exec(`UPDATE content SET published_at = now() - make_interval(hours => $2) WHERE id = $1`, id, 10-i)
	}
	w.Exec(`UPDATE content SET status = 'draft' WHERE id = $1`, c.written("draft", "free", 0))
	anyone := w.anonymous()
	got := anyone.get("/api/organizations/public/creators-of/creators").Want(http.StatusOK, "")
	items, _ := got.At("items").([]any)
	if rolesOf(got) != "owner creator" || len(items) != 2 {
		t.Fatalf("%s", got.Body)
	}
	owner, _ := items[0].(map[string]any)
	recent, _ := owner["recentContent"].([]any)
	newest, _ := recent[0].(map[string]any)
	if owner["contentCount"] != float64(6) || len(recent) != 4 || newest["slug"] != "item-5" || owner["name"] != "Ada" ||
		owner["email"] != nil {
		t.Errorf("%s", got.Body)
	}
	maker, _ := items[1].(map[string]any)
	if made, _ := maker["recentContent"].([]any); maker["contentCount"] != float64(0) || made == nil || len(made) != 0 {
		t.Errorf("%s", got.Body)
	}
	if page := anyone.get("/api/organizations/public/creators-of/creators?limit=1&page=2").
		Want(http.StatusOK, ""); rolesOf(page) != "creator" ||
		page.At("pagination.totalPages") != float64(2) {
		t.Errorf("%s", page.Body)
	}
}

func rolesOf(a handlertest.Answer) string {
	list, _ := a.At("items").([]any)
	var roles []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		role, _ := m["role"].(string)
		roles = append(roles, role)
	}
	return strings.Join(roles, " ")
}
