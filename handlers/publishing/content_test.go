package publishing_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/events"
)

func userDeleted(id string) events.Payload { return events.UserDeleted{UserID: id} }

// item is what tests look at of a content item.
type item struct {
	ID            string         `json:"id"`
	Title         string         `json:"title"`
	CreatorID     string         `json:"creatorId"`
	Slug          string         `json:"slug"`
	Status        string         `json:"status"`
	ContentType   string         `json:"contentType"`
	ContentBody   *string        `json:"contentBody"`
	AccessType    string         `json:"accessType"`
	Visibility    string         `json:"visibility"`
	PriceCents    *int           `json:"priceCents"`
	Category      *string        `json:"category"`
	CategoryIDs   []string       `json:"categoryIds"`
	CategorySlugs []string       `json:"categorySlugs"`
	ViewCount     int            `json:"viewCount"`
	PurchaseCount int            `json:"purchaseCount"`
	MediaItemID   *string        `json:"mediaItemId"`
	MediaItem     map[string]any `json:"mediaItem"`
	Creator       map[string]any `json:"creator"`
	Organization  map[string]any `json:"organization"`
}

func (u user) read(t *testing.T, id string) item {
	t.Helper()
	return data[item](t, u.ask(t, http.MethodGet, "/api/content/"+id, nil).want(t, http.StatusOK, ""))
}

func (u user) patch(t *testing.T, id string, fields order) answer {
	t.Helper()
	return u.ask(t, http.MethodPatch, "/api/content/"+id, fields)
}

func titles(items []item) []string {
	list := []string{}
	for _, i := range items {
		list = append(list, i.Title)
	}
	return list
}

func TestTheCreatorReadsAnItemWithEverythingAroundIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c, organization := w.creator(t), w.organization(t)
	c.join(t, organization, "owner", "active")
	film := c.media(t, "video")
	id := c.create(t, order{
		"title": "  A film ", "slug": "A-Film", "contentType": "video", "mediaItemId": film, "organizationId": organization,
		"accessType": "paid", "priceCents": 2999, "categoryIds": []string{},
	})
	got := c.read(t, id)
	if got.Title != "A film" || got.Slug != "a-film" || got.Status != "draft" || got.AccessType != "paid" || got.Visibility != "purchased_only" {
		t.Errorf("%+v", got)
	}
	if got.MediaItem["id"] != film || got.Creator["id"] != c.id || got.Organization["id"] != organization || got.CategoryIDs == nil {
		t.Errorf("around it: %v, %v, %v, %v", got.MediaItem, got.Creator, got.Organization, got.CategoryIDs)
	}
	alone := c.read(t, c.create(t, article(nil)))
	if alone.MediaItem != nil || alone.Organization != nil || alone.Creator["id"] != c.id {
		t.Errorf("a personal article: %+v", alone)
	}
	for name, who := range map[string]user{"another creator": w.creator(t), "a member": w.signIn(t, "customer").join(t, organization, "member", "active")} {
		if a := who.ask(t, http.MethodGet, "/api/content/"+id, nil); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestContentBelongsOnlyWhereItsCreatorMayPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, c := range []struct {
		role, status string
		want         int
	}{
		{"owner", "active", 201},
		{"admin", "active", 201},
		{"creator", "active", 201},
		{"member", "active", 403},
		{"subscriber", "active", 403},
		{"owner", "inactive", 403},
		{"creator", "invited", 403},
		{"", "", 403},
	} {
		t.Run(c.status+" "+c.role, func(t *testing.T) {
			u, organization := w.creator(t), w.organization(t)
			if c.role != "" {
				u.join(t, organization, c.role, c.status)
			}
			code := map[int]string{201: "", 403: "ORGANIZATION_MISMATCH"}[c.want]
			u.ask(t, http.MethodPost, "/api/content", article(order{"organizationId": organization})).want(t, c.want, code)
			id := u.create(t, article(nil))
			if c.want == 201 {
				c.want = 200
			}
			u.patch(t, id, order{"organizationId": organization}).want(t, c.want, code)
		})
	}
	w.creator(t).ask(t, http.MethodPost, "/api/content", article(order{"organizationId": uuid.NewString()})).want(t, 403, "ORGANIZATION_MISMATCH")
}

func TestWhoLeftAnOrganizationPublishesNothingUnderItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c, organization := w.creator(t), w.organization(t)
	c.join(t, organization, "creator", "active")
	id := c.create(t, article(order{"organizationId": organization}))
	live := c.publish(t, c.create(t, article(order{"organizationId": organization})))
	c.join(t, organization, "creator", "inactive")
	c.ask(t, http.MethodPost, "/api/content/"+id+"/publish", nil).want(t, 403, "ORGANIZATION_MISMATCH")
	c.patch(t, live, order{"title": "Words of my own"}).want(t, 403, "ORGANIZATION_MISMATCH")
	c.ask(t, http.MethodPost, "/api/content/"+live+"/unpublish", nil).want(t, 200, "")
	c.patch(t, live, order{"organizationId": nil}).want(t, 200, "")
	c.ask(t, http.MethodDelete, "/api/content/"+id, nil).want(t, 204, "")
}

func TestMediaMustBeTheCreatorsOwnAndOfTheKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c, other := w.creator(t), w.creator(t)
	own, theirs, sound := c.media(t, "video"), other.media(t, "video"), c.media(t, "audio")
	film := func(media string) order {
		return order{"title": "A film", "slug": "f-" + uuid.NewString(), "contentType": "video", "mediaItemId": media}
	}
	c.ask(t, http.MethodPost, "/api/content", film(theirs)).want(t, 404, "MEDIA_NOT_FOUND")
	c.ask(t, http.MethodPost, "/api/content", film(uuid.NewString())).want(t, 404, "MEDIA_NOT_FOUND")
	c.ask(t, http.MethodPost, "/api/content", film(sound)).want(t, 422, "CONTENT_TYPE_MISMATCH")
	id := c.publish(t, c.create(t, film(own)))
	c.patch(t, id, order{"mediaItemId": theirs}).want(t, 404, "MEDIA_NOT_FOUND")
	c.patch(t, id, order{"mediaItemId": sound}).want(t, 422, "CONTENT_TYPE_MISMATCH")
	c.patch(t, id, order{"mediaItemId": nil}).want(t, 404, "MEDIA_NOT_FOUND")
	c.patch(t, id, order{"mediaItemId": sound, "contentType": "audio"}).want(t, 200, "")
	if got := c.read(t, id); got.ContentType != "audio" || *got.MediaItemID != sound {
		t.Errorf("%+v", got)
	}
	c.patch(t, id, order{"contentType": "written", "mediaItemId": nil}).names(t, "contentBody")
}

func TestFreeContentIsNotSoldPastTheGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{payouts: true})
	c := w.creator(t)
	id := c.publish(t, c.create(t, article(nil)))
	for _, change := range []order{
		{"accessType": "paid", "priceCents": 500},
		{"visibility": "purchased_only", "priceCents": 500},
		{"visibility": "public", "priceCents": 500},
		{"accessType": "paid", "visibility": "public", "priceCents": 500},
	} {
		c.patch(t, id, change).want(t, 422, "CREATOR_CONNECT_REQUIRED")
	}
	if got := c.read(t, id); got.AccessType != "free" || got.Status != "published" {
		t.Errorf("%+v", got)
	}
	draft := c.create(t, article(order{"accessType": "paid", "priceCents": 500}))
	c.ask(t, http.MethodPost, "/api/content/"+draft+"/publish", nil).want(t, 422, "CREATOR_CONNECT_REQUIRED")
	w.exec(t, `INSERT INTO stripe_connect_accounts (user_id, stripe_account_id, status, charges_enabled, payouts_enabled) VALUES ($1, 'acct_1', 'active', true, true)`, c.id)
	c.patch(t, id, order{"accessType": "paid", "priceCents": 500}).want(t, 200, "")
	c.publish(t, draft)
}

func TestBothGenerationsOfVisibilityAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c, organization := w.creator(t), w.organization(t)
	c.join(t, organization, "owner", "active")
	for _, try := range []struct {
		given              order
		access, visibility string
	}{
		{order{}, "free", "public"},
		{order{"visibility": "public"}, "free", "public"},
		{order{"visibility": "public", "priceCents": 0}, "free", "public"},
		{order{"visibility": "public", "priceCents": 100}, "paid", "public"},
		{order{"visibility": "purchased_only", "priceCents": 100}, "paid", "purchased_only"},
		{order{"visibility": "members_only"}, "members", "members_only"},
		{order{"visibility": "private"}, "private", "private"},
		{order{"accessType": "paid", "priceCents": 100}, "paid", "purchased_only"},
		{order{"accessType": "followers"}, "followers", "members_only"},
		{order{"accessType": "team", "visibility": "members_only"}, "team", "members_only"},
	} {
		body := article(try.given)
		body["organizationId"] = organization
		if got := c.read(t, c.create(t, body)); got.AccessType != try.access || got.Visibility != try.visibility {
			t.Errorf("%v became %s %s", try.given, got.AccessType, got.Visibility)
		}
	}
	c.ask(t, http.MethodPost, "/api/content", article(order{"accessType": "free", "visibility": "private"})).names(t, "visibility")
	c.ask(t, http.MethodPost, "/api/content", article(order{"visibility": "purchased_only"})).names(t, "priceCents")
}

func TestCategoriesThatAreNotThereAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.creator(t)
	c.ask(t, http.MethodPost, "/api/content", article(order{"categoryIds": []string{uuid.NewString()}})).names(t, "categoryIds.0")
	c.ask(t, http.MethodPost, "/api/content", article(order{"categoryIds": []string{"films"}})).names(t, "categoryIds.0")
	id := c.create(t, article(order{"categoryIds": []string{}}))
	c.patch(t, id, order{"categoryIds": []string{uuid.NewString()}}).names(t, "categoryIds.0")
	c.patch(t, id, order{"categoryIds": []string{}}).want(t, 200, "")
	c.patch(t, id, order{"title": "No word of categories"}).want(t, 200, "")
	if got := c.read(t, id); !slices.Equal(got.CategoryIDs, []string{}) {
		t.Errorf("%v", got.CategoryIDs)
	}
}

func TestASlugIsFreeOrNotAndDraftsOfOthersStaySecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c, organization := w.creator(t), w.organization(t)
	c.join(t, organization, "creator", "active")
	personal := c.create(t, article(order{"slug": "mine"}))
	c.create(t, article(order{"slug": "draft", "organizationId": organization}))
	c.publish(t, c.create(t, article(order{"slug": "live", "organizationId": organization})))
	stranger := w.creator(t)
	for _, try := range []struct {
		who       user
		path      string
		available bool
	}{
		{c, "mine", false},
		{c, "MINE", false},
		{c, "mine?excludeContentId=" + personal, true},
		{c, "mine?organizationId=" + organization, true},
		{c, "draft?organizationId=" + organization, false},
		{c, "live?organizationId=" + organization, false},
		{stranger, "mine", true},
		{stranger, "draft?organizationId=" + organization, true},
		{stranger, "live?organizationId=" + organization, false},
	} {
		got := data[struct{ Available bool }](t, try.who.ask(t, http.MethodGet, "/api/content/check-slug/"+try.path, nil).want(t, 200, ""))
		if got.Available != try.available {
			t.Errorf("%s: available is %v", try.path, got.Available)
		}
	}
	c.ask(t, http.MethodGet, "/api/content/check-slug/no--slug", nil).names(t, "slug")
	user{world: w}.ask(t, http.MethodGet, "/api/content/check-slug/mine", nil).want(t, 401, "UNAUTHORIZED")
	c.ask(t, http.MethodPost, "/api/content", article(order{"slug": "mine"})).want(t, 409, "SLUG_TAKEN")
}

func TestListsHonourPagesAndCreatorsIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.creator(t)
	for range 3 {
		c.create(t, article(nil))
	}
	page := list[item](t, c.ask(t, http.MethodGet, "/api/content?page=2&limit=2&creatorId="+c.id, nil))
	if len(page.Items) != 1 || page.Pagination.Total != 3 || page.Pagination.TotalPages != 2 || page.Pagination.Page != 2 {
		t.Errorf("%+v", page)
	}
	if page = list[item](t, c.ask(t, http.MethodGet, "/api/content?creatorId="+w.creator(t).id, nil)); len(page.Items) != 0 {
		t.Errorf("somebody else's: %+v", page)
	}
	list[item](t, c.ask(t, http.MethodGet, "/api/content?creatorId="+uuid.NewString(), nil))
	c.ask(t, http.MethodGet, "/api/content?creatorId=%25", nil).names(t, "creatorId")
}

func TestBrowsingShowsWhatAnOrganizationPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	organization, elsewhere := w.organization(t), w.organization(t)
	one := w.creator(t).join(t, organization, "creator", "active")
	two := w.creator(t).join(t, organization, "creator", "active").join(t, elsewhere, "creator", "active")
	put := func(c user, title string, more order) {
		body := article(order{"title": title, "organizationId": organization})
		for name, v := range more {
			body[name] = v
		}
		c.publish(t, c.create(t, body))
	}
	put(one, "Free", nil)
	put(two, "Paid", order{"accessType": "paid", "priceCents": 100})
	put(two, "Private", order{"accessType": "private"})
	put(two, "Elsewhere", order{"organizationId": elsewhere})
	one.create(t, article(order{"title": "Draft", "organizationId": organization}))
	owner := w.signIn(t, "customer").join(t, organization, "owner", "active")
	path := "/api/content/browse?sortBy=title&sortOrder=asc&organizationId=" + organization
	for name, c := range map[string]struct {
		who  user
		want []string
	}{
		"a creator":   {one, []string{"Free", "Paid"}},
		"their maker": {two, []string{"Free", "Paid", "Private"}},
		"the owner":   {owner, []string{"Free", "Paid", "Private"}},
		"a stranger":  {w.signIn(t, "customer"), []string{"Free", "Paid"}},
	} {
		page := list[item](t, c.who.ask(t, http.MethodGet, path, nil))
		if got := titles(page.Items); !slices.Equal(got, c.want) || page.Pagination.Total != len(c.want) {
			t.Errorf("%s sees %v of %d", name, got, page.Pagination.Total)
		}
		for _, i := range page.Items {
			if (i.ContentBody != nil) != (i.AccessType == "free") {
				t.Errorf("%s reads the words of %s content", name, i.AccessType)
			}
		}
	}
	page := list[item](t, one.ask(t, http.MethodGet, path+"&limit=1&page=2&creatorId="+two.id, nil))
	if len(page.Items) != 0 || page.Pagination.Total != 1 || page.Pagination.Page != 2 {
		t.Errorf("beyond the end: %+v", page)
	}
	one.ask(t, http.MethodGet, "/api/content/browse", nil).names(t, "organizationId")
	user{world: w}.ask(t, http.MethodGet, path, nil).want(t, 401, "UNAUTHORIZED")
}

func TestSuccessIsCountedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	c := w.creator(t)
	id := c.publish(t, c.create(t, article(order{"accessType": "paid", "priceCents": 100})))
	count := func(column string, want int) {
		t.Helper()
		w.eventually(t, want, `SELECT `+column+` FROM content WHERE id = $1`, id)
	}
	bought := func(purchase string) events.Payload {
		return events.PurchaseCompleted{PurchaseID: purchase, CustomerID: "u", ContentID: id, CreatorID: c.id, AmountCents: 100, Currency: "gbp"}
	}
	refunded := func(purchase string, full bool) events.Payload {
		return events.PurchaseRefunded{PurchaseID: purchase, CustomerID: "u", ContentID: id, RefundedCents: 50, AmountCents: 100, Full: full}
	}
	one, two := uuid.NewString(), uuid.NewString()
	w.tell(t, c.id, one, 1, bought(one))
	first := w.tell(t, c.id, two, 1, bought(two))
	count("purchase_count", 2)
	// Delivered again, as after a lost acknowledgement.
	w.exec(t, `UPDATE outbox SET published_at = NULL WHERE event_id = $1`, first.ID)
	w.tell(t, c.id, one, 2, refunded(one, false))
	w.tell(t, c.id, one, 3, refunded(one, true))
	count("purchase_count", 1)
	for i, playback := range []string{uuid.NewString(), uuid.NewString()} {
		w.tell(t, c.id, playback, 1, events.PlaybackStarted{UserID: "u", ContentID: id})
		w.tell(t, c.id, playback, 2, events.PlaybackProgressed{UserID: "u", ContentID: id, PositionSeconds: 1, DurationSeconds: 2})
		count("view_count", i+1)
	}
	w.eventually(t, 6, `SELECT count(*)::int FROM reaction_inbox WHERE reaction = 'counters'`)
	if got := c.read(t, id); got.PurchaseCount != 1 || got.ViewCount != 2 {
		t.Errorf("%+v", got)
	}
	c.patch(t, id, order{"title": "Changed"}).want(t, 200, "")
	if got := c.read(t, id); got.PurchaseCount != 1 || got.ViewCount != 2 {
		t.Errorf("a change forgot the counts: %+v", got)
	}
	page := list[item](t, c.ask(t, http.MethodGet, "/api/content?sortBy=purchaseCount", nil))
	if page.Items[0].PurchaseCount != 1 {
		t.Errorf("%+v", page.Items)
	}
}
