package publishing_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/handlertest"
)

const categoriesPath = "/api/categories"

// category is what tests look at of a category.
type category struct {
	ID             string  `json:"id"`
	OrganizationID *string `json:"organizationId"`
	CreatorID      string  `json:"creatorId"`
	Name           string  `json:"name"`
	Slug           string  `json:"slug"`
	Description    *string `json:"description"`
	Icon           *string `json:"icon"`
	CoverImageKey  *string `json:"coverImageKey"`
	CoverImageURL  *string `json:"coverImageUrl"`
	SortOrder      int     `json:"sortOrder"`
	ContentCount   int     `json:"contentCount"`
}

// category creates one; organization is "" for a personal one.
func (u user) category(organization, name string) category {
	u.Helper()
	return data[category](u.send(http.MethodPost, categoriesPath, in(organization, fields{"name": name})).
		Want(http.StatusCreated, ""))
}

// in adds the organization to a body, unless it is "".
func in(organization string, body fields) fields {
	if organization != "" {
		body["organizationId"] = organization
	}
	return body
}

// names are the names of the categories of a space, in their order.
func (u user) names(organization, more string) []string {
	u.Helper()
	path := categoriesPath + "?limit=100" + more
	if organization != "" {
		path += "&organizationId=" + organization
	}
	list := list[category](u.send(http.MethodGet, path, nil))
	names := []string{}
	for _, c := range list.Items {
		names = append(names, c.Name)
	}
	if list.Pagination.Total != len(names) {
		u.Errorf("%d of %d categories", len(names), list.Pagination.Total)
	}
	return names
}

func TestACategoryIsCreatedListedUpdatedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	got := data[category](c.send(http.MethodPost, categoriesPath, fields{
		"name":          "  Short Films! ",
		"description":   "Up to ten minutes",
		"icon":          "film",
		"coverImageKey": "categories/x/cover/lg.webp",
		"sortOrder":     7,
	}).Want(http.StatusCreated, ""))
	if got.Name != "Short Films!" || got.Slug != "short-films" || got.SortOrder != 7 || *got.Icon != "film" ||
		*got.Description != "Up to ten minutes" || got.OrganizationID != nil || got.CreatorID != c.id ||
		*got.CoverImageURL != w.URL+"/assets/categories/x/cover/lg.webp" {
		t.Errorf("created %+v", got)
	}
	c.category("", "Ants")
	if names := c.names("", ""); !slices.Equal(names, []string{"Ants", "Short Films!"}) {
		t.Errorf("listed %v", names)
	}
	if names := c.names("", "&search=TEN+min"); !slices.Equal(names, []string{"Short Films!"}) {
		t.Errorf("found %v", names)
	}

	path := categoriesPath + "/" + got.ID
	changed := data[category](c.send(http.MethodPatch, path, fields{
		"name": "Very short films", "coverImageKey": nil, "description": "", "sortOrder": 0,
	}).Want(http.StatusOK, ""))
	if changed.Name != "Very short films" || changed.Slug != "short-films" || changed.CoverImageURL != nil ||
		changed.Description != nil || *changed.Icon != "film" || changed.SortOrder != 0 {
		t.Errorf("updated %+v", changed)
	}
	if n := w.Number(`SELECT version FROM categories WHERE id = $1`, got.ID); n != 2 {
		t.Errorf("version %d after one change", n)
	}

	c.send(http.MethodDelete, path, nil).Want(http.StatusNoContent, "")
	c.send(http.MethodDelete, path, nil).Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	c.send(http.MethodPatch, path, fields{"name": "Late"}).Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	if names := c.names("", ""); !slices.Equal(names, []string{"Ants"}) {
		t.Errorf("listed %v after one was deleted", names)
	}
	if again := c.category("", "Short films"); again.Slug != "short-films" {
		t.Errorf("the slug of a deleted category is not free: %s", again.Slug)
	}
}

func TestTheSlugOfACategoryGetsANumberOnAClash(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "member", "active")
	for _, want := range []string{"films", "films-2", "films-3"} {
		if got := c.category(organization, "Films").Slug; got != want {
			t.Errorf("slug %s, want %s", got, want)
		}
	}
	if got := c.category("", "FILMS").Slug; got != "films" {
		t.Errorf("another space: slug %s", got)
	}
	long := strings.Repeat("ä", 100)
	first, second := c.category("", long).Slug, c.category("", long).Slug
	if first != long || second != long+"-2" {
		t.Errorf("slugs %s and %s", first, second)
	}
	for name, field := range map[string]string{"--": "name", "": "name", strings.Repeat("a", 101): "name"} {
		c.send(http.MethodPost, categoriesPath, fields{"name": name}).Names(field)
	}
	c.send(http.MethodPost, categoriesPath, fields{"name": "a", "sortOrder": -1}).Names("sortOrder")
	c.send(http.MethodPost, categoriesPath, fields{"name": "a", "coverImageKey": "u1/originals/m1/a.mp4"}).
		Names("coverImageKey")
}

// Requests for one name at the same time get different slugs: the second sees the first, or
// fails on the unique index and is applied again.
func TestSimultaneousCategoriesOfOneNameGetDifferentSlugs(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	const count = 8
	slugs := make(chan string, count)
	for range count {
		go func() {
			a := c.send(http.MethodPost, categoriesPath, fields{"name": "Films"})
			slugs <- a.Text("data.slug")
		}()
	}
	seen := map[string]bool{}
	for range count {
		seen[<-slugs] = true
	}
	if len(seen) != count || seen[""] || !seen["films"] || !seen["films-8"] {
		t.Errorf("slugs %v", seen)
	}
}

func TestMembersAddCategoriesAndManagersChangeThem(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	maker := w.creator().join(organization, "member", "active")
	for _, c := range []struct {
		name                 string
		who                  user
		create, list, change int
	}{
		{"owner", w.creator().join(organization, "owner", "active"), 201, 200, 200},
		{"admin", w.creator().join(organization, "admin", "active"), 201, 200, 200},
		{"creator", w.creator().join(organization, "creator", "active"), 201, 200, 403},
		{"member", w.creator().join(organization, "member", "active"), 201, 200, 403},
		{"who made it", maker, 201, 200, 403},
		{"removed admin", w.creator().join(organization, "admin", "inactive"), 403, 403, 404},
		{"invited admin", w.creator().join(organization, "admin", "invited"), 403, 403, 404},
		{"a creator of no organization", w.creator(), 403, 403, 404},
		{"the owner who is no creator", w.signIn("customer").join(organization, "owner", "active"), 403, 403, 403},
		{"without a session", user{harness: w}, 401, 401, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := maker.in(t).category(organization, "Films")
			who, path := c.who.in(t), categoriesPath+"/"+made.ID
			status := func(what string, a answer, want int) {
				t.Helper()
				if a.Status != want {
					t.Errorf("%s: %d %s, want %d", what, a.Status, a.Body, want)
				}
			}
			empty := func(want int) int { // of what has no body
				if want == http.StatusOK {
					return http.StatusNoContent
				}
				return want
			}
			status("create", who.send(http.MethodPost, categoriesPath, in(organization, fields{"name": "New"})), c.create)
			status("list", who.send(http.MethodGet, categoriesPath+"?organizationId="+organization, nil), c.list)
			status("update", who.send(http.MethodPatch, path, fields{"name": "Changed"}), c.change)
			status("reorder", who.send(http.MethodPost, categoriesPath+"/reorder",
				in(organization, fields{"orderedIds": []string{made.ID}})), empty(c.change))
			status("cover", who.uploadCover(path+"/cover", 1), c.change)
			status("delete", who.send(http.MethodDelete, path, nil), empty(c.change))
		})
	}
	w.Exec(`UPDATE organizations SET deleted_at = now() WHERE id = $1`, organization)
	maker.send(http.MethodPost, categoriesPath, in(organization, fields{"name": "Late"})).
		Want(http.StatusForbidden, "ORGANIZATION_MISMATCH")
	maker.send(http.MethodPost, categoriesPath, in(uuid.NewString(), fields{"name": "Nowhere"})).
		Want(http.StatusForbidden, "ORGANIZATION_MISMATCH")
}

func TestPersonalCategoriesAreTheCreatorsAlone(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, other := w.creator(), w.creator()
	mine := c.category("", "Mine")
	if names := other.names("", ""); len(names) != 0 {
		t.Errorf("another creator lists %v", names)
	}
	path := categoriesPath + "/" + mine.ID
	other.send(http.MethodPatch, path, fields{"name": "Theirs"}).Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	other.send(http.MethodDelete, path, nil).Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	other.send(http.MethodPost, categoriesPath+"/reorder", fields{"orderedIds": []string{mine.ID}}).
		Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	other.uploadCover(path+"/cover", 1).
		Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
}

// The command decides by the rights of its own moment: the edge had let it pass.
func TestACommandOfAManagerWhoLeftIsRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{noConsumers: true})
	organization := w.Organization()
	c := w.creator().join(organization, "owner", "active")
	id := uuid.NewString()
	w.Exec(`INSERT INTO categories (id, organization_id, creator_id, name, slug, version)
		VALUES ($1, $2, $3, 'Films', 'films', 1)`, id, organization, c.id)
	waiting := []answer{
		c.send(http.MethodPost, categoriesPath, in(organization, fields{"name": "New"}), "Prefer", "respond-async"),
		c.send(http.MethodPatch, categoriesPath+"/"+id, fields{"name": "Changed"}, "Prefer", "respond-async"),
		c.send(http.MethodPost, categoriesPath+"/reorder",
			in(organization, fields{"orderedIds": []string{id}}), "Prefer", "respond-async"),
		c.uploadCover(categoriesPath+"/"+id+"/cover", 1, "Prefer", "respond-async"),
		c.send(http.MethodDelete, categoriesPath+"/"+id, nil, "Prefer", "respond-async"),
	}
	w.Exec(`UPDATE organization_memberships SET status = 'inactive'`)
	w.StartModules(w.modules...)
	for i, want := range []int{403, 404, 404, 404, 404} {
		waiting[i].Want(http.StatusAccepted, "")
		w.Eventually(want, `SELECT COALESCE(max(response_status), 0) FROM commands WHERE id = $1`, waiting[i].Text("data.id"))
	}
	if n := w.Number(`SELECT count(*) FROM categories WHERE version = 1 AND deleted_at IS NULL`); n != 1 {
		t.Errorf("%d categories are as before", n)
	}
}

func TestReorderingMovesAllOrNone(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "owner", "active")
	ids := map[string]string{}
	for _, name := range []string{"A", "B", "C"} {
		ids[name] = c.category(organization, name).ID
	}
	reorder := func(list ...string) answer {
		return c.send(http.MethodPost, categoriesPath+"/reorder", in(organization, fields{"orderedIds": list}))
	}
	reorder(ids["C"], strings.ToUpper(ids["A"]), ids["B"]).Want(http.StatusNoContent, "")
	if names := c.names(organization, ""); !slices.Equal(names, []string{"C", "A", "B"}) {
		t.Errorf("order %v", names)
	}

	personal, deleted := c.category("", "Personal").ID, c.category(organization, "Deleted").ID
	c.send(http.MethodDelete, categoriesPath+"/"+deleted, nil).Want(http.StatusNoContent, "")
	for _, missing := range []string{personal, deleted, uuid.NewString()} {
		reorder(ids["A"], ids["B"], missing).Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	}
	if names := c.names(organization, ""); !slices.Equal(names, []string{"C", "A", "B"}) {
		t.Errorf("order %v after rejected ones", names)
	}
	reorder().Names("orderedIds")
	reorder("x").Names("orderedIds.0")
	reorder(ids["A"], ids["A"]).Names("orderedIds.1")
	reorder(make([]string, 201)...).Names("orderedIds")
}

func TestACoverIsUploadedServedAndReplaced(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	made := c.category("", "Films")
	path := categoriesPath + "/" + made.ID + "/cover"
	upload := func(shade uint8) category {
		t.Helper()
		return data[category](c.uploadCover(path, shade).
			Want(http.StatusOK, ""))
	}
	first := upload(1)
	prefix := "categories/" + made.ID + "/"
	if !strings.HasPrefix(*first.CoverImageKey, prefix) || *first.CoverImageURL != w.URL+"/assets/"+*first.CoverImageKey {
		t.Fatalf("cover %+v", first)
	}
	w.get(strings.TrimPrefix(*first.CoverImageURL, w.URL)).Want(http.StatusOK, "")
	second := upload(2)
	shown := list[category](c.send(http.MethodGet, categoriesPath, nil)).Items[0]
	if *shown.CoverImageURL != *second.CoverImageURL || *second.CoverImageKey == *first.CoverImageKey {
		t.Errorf("the category shows %s after %s and %s", *shown.CoverImageURL, *first.CoverImageURL, *second.CoverImageURL)
	}

	w.Pass(media.ImageRetired)
	if n := w.sweep(); n != 1 {
		t.Errorf("%d covers were removed, want the replaced one", n)
	}
	w.get(strings.TrimPrefix(*second.CoverImageURL, w.URL)).Want(http.StatusOK, "")
	c.send(http.MethodDelete, categoriesPath+"/"+made.ID, nil).Want(http.StatusNoContent, "")
	c.uploadCover(path, 1).Want(http.StatusNotFound, "CATEGORY_NOT_FOUND")
	w.Pass(25 * time.Hour) // every picture is inspected once a day
	if n := w.sweep(); n != 1 || len(w.objects(prefix)) != 0 {
		t.Errorf("%d covers were removed with their category", n)
	}
}

func TestItemsCarryTheirCategories(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "owner", "active")
	one, two := c.category(organization, "One").ID, c.category(organization, "Two").ID
	both := []string{one, two}
	slices.Sort(both)
	personal := c.category("", "Personal").ID
	foreign := w.creator().category("", "Foreign").ID
	body := func(ids ...string) fields { return article(in(organization, fields{"categoryIds": ids})) }
	for _, id := range []string{personal, foreign, uuid.NewString()} {
		c.send(http.MethodPost, "/api/content", body(one, id)).Names("categoryIds.1")
	}

	id := c.create(body(two, strings.ToUpper(one), two))
	in := func(want ...string) {
		t.Helper()
		if got := c.read(id).CategoryIDs; !slices.Equal(got, want) {
			t.Errorf("the item is in %v, want %v", got, want)
		}
	}
	in(both...)
	c.patch(id, fields{"categoryIds": []string{foreign}}).Names("categoryIds.0")
	c.patch(id, fields{"title": "Another"}).Want(http.StatusOK, "")
	in(both...)
	c.patch(id, fields{"categoryIds": []string{two}}).Want(http.StatusOK, "")
	in(two)
	c.patch(id, fields{"categoryIds": []string{two}}).Want(http.StatusOK, "")
	if n := w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'content.revised'
		AND data->>'fields' = '["categoryIds"]'`, id); n != 1 {
		t.Errorf("%d revisions of the categories, want 1", n)
	}
	c.patch(id, fields{"categoryIds": []string{}}).Want(http.StatusOK, "")
	in()

	c.patch(id, fields{"categoryIds": both}).Want(http.StatusOK, "")
	c.send(http.MethodDelete, categoriesPath+"/"+one, nil).Want(http.StatusNoContent, "")
	in(two)
	c.patch(id, fields{"organizationId": nil}).Want(http.StatusOK, "")
	in()
	c.patch(id, fields{"categoryIds": []string{personal}}).Want(http.StatusOK, "")
	in(personal)
}

func TestTheCatalogueKnowsMadeAndNamedCategories(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "owner", "active")
	films, empty := c.category(organization, "Films"), c.category(organization, "Empty")
	c.send(http.MethodPatch, categoriesPath+"/"+films.ID, fields{"sortOrder": 5, "icon": "film"}).Want(http.StatusOK, "")
	put := func(title string, more fields) {
		more["title"] = title
		c.publish(c.create(article(in(organization, more))))
	}
	put("Made", fields{"categoryIds": []string{films.ID}})
	put("Named", fields{"category": "FILMS"})
	put("Both", fields{"category": "films", "categoryIds": []string{films.ID}})
	put("Other", fields{"category": "Zoo"})
	put("Private", fields{"categoryIds": []string{empty.ID}, "accessType": "private"})
	c.create(article(in(organization, fields{"categoryIds": []string{empty.ID}})))

	path := "/api/content/public/categories?orgId=" + organization
	got := list[category](w.get(path)).Items
	if len(got) != 2 || got[0].Slug != "zoo" || got[0].ContentCount != 1 || got[1].ID != films.ID ||
		got[1].Name != "Films" || got[1].ContentCount != 3 || got[1].SortOrder != 5 || *got[1].Icon != "film" {
		t.Errorf("categories %+v", got)
	}
	catalogue := "/api/content/public?sort=title&orgId=" + organization
	inFilms := titles(list[item](w.get(catalogue + "&category=Films")).Items)
	if !slices.Equal(inFilms, []string{"Both", "Made", "Named"}) {
		t.Errorf("in films: %v", inFilms)
	}
	for _, i := range list[item](w.get(catalogue)).Items {
		want := "films"
		if i.Title == "Other" {
			want = "zoo"
		}
		if !slices.Equal(i.CategorySlugs, []string{want}) {
			t.Errorf("%s is in %v", i.Title, i.CategorySlugs)
		}
	}

	c.send(http.MethodDelete, categoriesPath+"/"+films.ID, nil).Want(http.StatusNoContent, "")
	got = list[category](w.get(path)).Items
	if len(got) != 2 || got[0].Slug != "films" || got[0].ContentCount != 2 || got[0].ID == films.ID {
		t.Errorf("categories %+v after one was deleted", got)
	}
}

// Lists select public items in SQL, a single item is checked in Go.
func TestListsAndSingleItemsAgreeOnWhatIsPublic(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	for _, status := range []string{"draft", "published", "archived"} {
		for _, access := range []string{"free", "paid", "followers", "subscribers", "team", "members", "private"} {
			for _, times := range []string{"now(), NULL", "NULL, NULL", "now(), now()"} {
				w.Exec(`INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, status,
						access_type, price_cents, published_at, deleted_at)
					SELECT id, $1, $2, 'Item', 'i-' || id, 'written', $3, $4::text, CASE WHEN $4::text = 'paid' THEN 1 END, `+times+`
					FROM (SELECT gen_random_uuid() AS id) n`, c.id, organization, status, access)
			}
		}
	}
	listed := map[string]bool{}
	for _, i := range list[item](w.get("/api/content/public?orgId=" + organization)).Items {
		listed[i.ID] = true
	}
	ids := handlertest.Value[[]string](w.Harness, `SELECT array_agg(id::text) FROM content`)
	for _, id := range ids {
		status := w.get("/api/content/public/" + id).Status
		if (status == http.StatusOK) != listed[id] {
			t.Errorf("an item that is listed (%v) is answered with %d", listed[id], status)
		}
	}
	if len(listed) != 6 || len(ids) != 63 {
		t.Errorf("%d of %d items are public", len(listed), len(ids))
	}
}
