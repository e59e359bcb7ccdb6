package publishing_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestThePublicCatalogueNeedsNoSession(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	one := w.creator().join(organization, "owner", "active")
	two := w.creator().join(organization, "creator", "active")
	put := func(c user, title string, more fields) string {
		body := article(fields{"title": title, "organizationId": organization})
		for name, v := range more {
			body[name] = v
		}
		return c.publish(c.create(body))
	}
	put(one, "Cats", fields{"category": "Short Films", "featured": true})
	put(one, "Birds", fields{"category": "short films!", "accessType": "paid", "priceCents": 100})
	put(two, "Dogs", fields{"category": "Übungen"})
	put(one, "Ants", fields{"accessType": "private"})
	one.create(article(fields{"title": "Draft", "organizationId": organization}))
	w.Exec(`UPDATE content SET published_at = now() - hours * interval '1 hour'
		FROM (VALUES ('Cats', 3), ('Birds', 2), ('Dogs', 1), ('Ants', 1)) v (name, hours) WHERE title = name`)
	personal := two.publish(two.create(article(fields{"title": "Personal"})))
	in := "/api/content/public?orgId=" + organization
	for path, want := range map[string][]string{
		in:                                           {"Dogs", "Birds", "Cats"},
		in + "&sort=oldest":                          {"Cats", "Birds", "Dogs"},
		in + "&sort=title":                           {"Birds", "Cats", "Dogs"},
		in + "&featured=true":                        {"Cats"},
		in + "&featured=false":                       {"Dogs", "Birds"},
		in + "&category=short-films":                 {"Birds", "Cats"},
		in + "&category=%C3%BCbungen":                {"Dogs"},
		in + "&category=none":                        {},
		in + "&creatorId=" + two.id:                  {"Dogs"},
		in + "&creatorId=" + uuid.NewString():        {},
		in + "&search=ca":                            {"Cats"},
		in + "&search=%25%25":                        {},
		in + "&contentType=video":                    {},
		in + "&page=2&limit=2":                       {"Cats"},
		in + "&page=9":                               {},
		"/api/content/public?slug=o-" + organization: {"Dogs", "Birds", "Cats"},
		"/api/content/public?slug=nowhere":           {},
		"/api/content/public/discover?sort=title":    {"Birds", "Cats", "Dogs", "Personal"},
		"/api/content/public/discover?search=per":    {"Personal"},
	} {
		a := w.get(path)
		if got := titles(list[item](a).Items); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
		if a.Header.Get("Cache-Control") != "public, max-age=60" || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
	for _, i := range list[item](w.get(in)).Items {
		if (i.ContentBody != nil) != (i.AccessType == "free") {
			t.Errorf("the text of %s content: %v", i.AccessType, i.ContentBody)
		}
		want := map[string]string{"Cats": "short-films", "Birds": "short-films", "Dogs": "übungen"}[i.Title]
		if !slices.Equal(i.CategorySlugs, []string{want}) || i.MediaItemID != nil {
			t.Errorf("%s is in %v", i.Title, i.CategorySlugs)
		}
	}
	got := data[item](w.get("/api/content/public/"+personal).Want(200, ""))
	if got.CategorySlugs == nil || len(got.CategorySlugs) != 0 {
		t.Errorf("%+v", got)
	}

	for path, field := range map[string]string{
		"/api/content/public":         "orgId",
		"/api/content/public?orgId=x": "orgId",
		in + "&category=a/b":          "category",
		in + "&featured=yes":          "featured",
		in + "&sort=best":             "sort",
		in + "&creatorId=%27":         "creatorId",
		in + "&limit=0":               "limit",
	} {
		w.get(path).Names(field)
	}
}

func TestThePublicLimitIsCapped(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization, c := w.Organization(), w.creator()
	w.Exec(`INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, status, published_at)
		SELECT gen_random_uuid(), $1, $2, 'Item ' || n, 'item-' || n, 'written', 'published',
			now() - n * interval '1 minute'
		FROM generate_series(1, 60) n`, c.id, organization)
	for _, limit := range []int{50, 51, 100, 5000} {
		page := list[item](w.get("/api/content/public?orgId=" + organization + "&limit=" + strconv.Itoa(limit)))
		p := page.Pagination
		if len(page.Items) != 50 || p.Limit != 50 || p.Total != 60 || p.TotalPages != 2 {
			t.Errorf("limit %d: %d items, %+v", limit, len(page.Items), p)
		}
	}
}

func TestPublicCategoriesAreThoseOfPublicItems(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization, c := w.Organization(), w.creator()
	c.join(organization, "owner", "active")
	for _, o := range []fields{
		{"category": "zoo"},
		{"category": "Art"},
		{"category": "ART"},
		{"category": "---"},
		{},
		{"category": "Secrets", "accessType": "private"},
	} {
		o["organizationId"] = organization
		c.publish(c.create(article(o)))
	}
	moved := c.publish(c.create(article(fields{"category": "Moved", "organizationId": organization})))
	c.create(article(fields{"category": "Drafts", "organizationId": organization}))
	type category struct {
		ID, Name, Slug string
		ContentCount   int
	}
	read := func() []category {
		a := w.get("/api/content/public/categories?orgId=" + organization)
		if a.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%v", a.Header)
		}
		return list[category](a).Items
	}
	names := func(list []category) string {
		var words []string
		for _, c := range list {
			words = append(words, c.Slug+" "+strconv.Itoa(c.ContentCount))
		}
		return strings.Join(words, ", ")
	}
	before := read()
	if got := names(before); got != "art 2, moved 1, zoo 1" {
		t.Errorf("%s", got)
	}
	c.patch(moved, fields{"category": nil}).Want(http.StatusOK, "")
	after := read()
	if got := names(after); got != "art 2, zoo 1" {
		t.Errorf("%s", got)
	}
	if before[0].ID != after[0].ID || before[0].ID == after[1].ID {
		t.Error("the ids of categories change, or are the same")
	}
	w.get("/api/content/public/categories").Names("orgId")
}
