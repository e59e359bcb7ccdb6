package publishing_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"

	"github.com/codex-platform/codex/handlers/handlertest"
)

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
	DownloadCount int            `json:"downloadCount"`
	Download      string         `json:"download"`
	MediaItemID   *string        `json:"mediaItemId"`
	MediaItem     map[string]any `json:"mediaItem"`
	Creator       map[string]any `json:"creator"`
	Organization  map[string]any `json:"organization"`
}

func (u user) read(id string) item {
	u.Helper()
	return data[item](u.send(http.MethodGet, "/api/content/"+id, nil).Want(http.StatusOK, ""))
}

func (u user) patch(id string, body fields) answer {
	u.Helper()
	return u.send(http.MethodPatch, "/api/content/"+id, body)
}

func titles(items []item) []string {
	list := []string{}
	for _, i := range items {
		list = append(list, i.Title)
	}
	return list
}

func TestOnlyTheCreatorReadsAnItem(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "owner", "active")
	film := c.media("video")
	id := c.create(fields{
		"title": "  A film ", "slug": "A-Film", "contentType": "video", "mediaItemId": film, "organizationId": organization,
		"accessType": "paid", "priceCents": 2999, "categoryIds": []string{},
	})
	got := c.read(id)
	if got.Title != "A film" || got.Slug != "a-film" || got.Status != "draft" || got.AccessType != "paid" ||
		got.Visibility != "purchased_only" {
		t.Errorf("%+v", got)
	}
	if got.MediaItem["id"] != film || got.Creator["id"] != c.id || got.Organization["id"] != organization ||
		got.CategoryIDs == nil {
		t.Errorf("around it: %v, %v, %v, %v", got.MediaItem, got.Creator, got.Organization, got.CategoryIDs)
	}
	alone := c.read(c.create(article(nil)))
	if alone.MediaItem != nil || alone.Organization != nil || alone.Creator["id"] != c.id {
		t.Errorf("a personal article: %+v", alone)
	}
	for name, who := range map[string]user{
		"another creator": w.creator(),
		"a member":        w.signIn("customer").join(organization, "member", "active"),
	} {
		if a := who.send(http.MethodGet, "/api/content/"+id, nil); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
}

func TestContentIsCreatedWhereItsCreatorMayPublish(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
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
			w := w.in(t)
			u, organization := w.creator(), w.Organization()
			if c.role != "" {
				u.join(organization, c.role, c.status)
			}
			code := map[int]string{201: "", 403: "ORGANIZATION_MISMATCH"}[c.want]
			u.send(http.MethodPost, "/api/content", article(fields{"organizationId": organization})).Want(c.want, code)
			id := u.create(article(nil))
			if c.want == 201 {
				c.want = 200
			}
			u.patch(id, fields{"organizationId": organization}).Want(c.want, code)
		})
	}
	w.creator().send(http.MethodPost, "/api/content", article(fields{"organizationId": uuid.NewString()})).
		Want(403, "ORGANIZATION_MISMATCH")
}

func TestAFormerMemberChangesNothingInTheOrganization(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "creator", "active")
	id := c.create(article(fields{"organizationId": organization}))
	live := c.publish(c.create(article(fields{"organizationId": organization})))
	c.join(organization, "creator", "inactive")
	c.send(http.MethodPost, "/api/content/"+id+"/publish", nil).Want(403, "ORGANIZATION_MISMATCH")
	c.patch(live, fields{"title": "Words of my own"}).Want(403, "ORGANIZATION_MISMATCH")
	c.send(http.MethodPost, "/api/content/"+live+"/unpublish", nil).Want(403, "ORGANIZATION_MISMATCH")
	c.send(http.MethodDelete, "/api/content/"+id, nil).Want(403, "ORGANIZATION_MISMATCH")
	c.patch(live, fields{"organizationId": nil}).Want(200, "")
	c.patch(id, fields{"organizationId": nil}).Want(200, "")
	c.send(http.MethodDelete, "/api/content/"+id, nil).Want(204, "")

	// Of an organization that was deleted, items are their creators'.
	ended := w.Organization()
	c.join(ended, "creator", "active")
	alone := c.publish(c.create(article(fields{"organizationId": ended})))
	w.Exec(`UPDATE organizations SET deleted_at = now() WHERE id = $1`, ended)
	c.send(http.MethodPost, "/api/content/"+alone+"/unpublish", nil).Want(200, "")
	c.send(http.MethodDelete, "/api/content/"+alone, nil).Want(204, "")
}

func TestAnOwnerTakesDownWhatIsPublishedInTheOrganization(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, owner, admin, stranger, organization := w.creator(), w.creator(), w.creator(), w.creator(), w.Organization()
	c.join(organization, "creator", "active")
	owner.join(organization, "owner", "active")
	admin.join(organization, "admin", "active")
	id := c.publish(c.create(article(fields{"organizationId": organization})))
	draft := c.create(article(fields{"organizationId": organization}))
	unpublish := func(u user, id string) handlertest.Answer {
		return u.send(http.MethodPost, "/api/content/"+id+"/unpublish", nil)
	}
	unpublish(admin, id).Want(404, "CONTENT_NOT_FOUND")
	unpublish(stranger, id).Want(404, "CONTENT_NOT_FOUND")
	unpublish(owner, draft).Want(404, "CONTENT_NOT_FOUND")
	c.join(organization, "creator", "inactive") // also of who has left
	unpublish(owner, id).Want(200, "")
	if n := w.Number(`SELECT count(*) FROM content WHERE id = $1 AND status = 'draft'`, id); n != 1 {
		t.Error("it is published")
	}
	owner.patch(id, fields{"title": "Mine"}).Want(404, "CONTENT_NOT_FOUND")
}

func TestMediaMustBeTheCreatorsAndOfTheContentType(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, other := w.creator(), w.creator()
	own, theirs, sound := c.media("video"), other.media("video"), c.media("audio")
	film := func(media string) fields {
		return fields{"title": "A film", "slug": "f-" + uuid.NewString(), "contentType": "video", "mediaItemId": media}
	}
	c.send(http.MethodPost, "/api/content", film(theirs)).Want(404, "MEDIA_NOT_FOUND")
	c.send(http.MethodPost, "/api/content", film(uuid.NewString())).Want(404, "MEDIA_NOT_FOUND")
	c.send(http.MethodPost, "/api/content", film(sound)).Want(422, "CONTENT_TYPE_MISMATCH")
	id := c.publish(c.create(film(own)))
	c.patch(id, fields{"mediaItemId": theirs}).Want(404, "MEDIA_NOT_FOUND")
	c.patch(id, fields{"mediaItemId": sound}).Want(422, "CONTENT_TYPE_MISMATCH")
	c.patch(id, fields{"mediaItemId": nil}).Want(404, "MEDIA_NOT_FOUND")
	c.patch(id, fields{"mediaItemId": sound, "contentType": "audio"}).Want(200, "")
	if got := c.read(id); got.ContentType != "audio" || *got.MediaItemID != sound {
		t.Errorf("%+v", got)
	}
	c.patch(id, fields{"contentType": "written", "mediaItemId": nil}).Names("contentBody")
}

func TestMakingPublishedContentPaidNeedsAPayoutAccount(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{payouts: true})
	c := w.creator()
	id := c.publish(c.create(article(nil)))
	for _, change := range []fields{
		{"accessType": "paid", "priceCents": 500},
		{"visibility": "purchased_only", "priceCents": 500},
		{"visibility": "public", "priceCents": 500},
		{"accessType": "paid", "visibility": "public", "priceCents": 500},
	} {
		c.patch(id, change).Want(422, "CREATOR_CONNECT_REQUIRED")
	}
	if got := c.read(id); got.AccessType != "free" || got.Status != "published" {
		t.Errorf("%+v", got)
	}
	draft := c.create(article(fields{"accessType": "paid", "priceCents": 500}))
	c.send(http.MethodPost, "/api/content/"+draft+"/publish", nil).Want(422, "CREATOR_CONNECT_REQUIRED")
	w.Exec(`INSERT INTO stripe_connect_accounts (user_id, stripe_account_id, status, charges_enabled, payouts_enabled)
		VALUES ($1, 'acct_1', 'active', true, true)`, c.id)
	c.patch(id, fields{"accessType": "paid", "priceCents": 500}).Want(200, "")
	c.publish(draft)
}

func TestResponsesHaveAccessTypeAndVisibility(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "owner", "active")
	for _, try := range []struct {
		given              fields
		access, visibility string
	}{
		{fields{}, "free", "public"},
		{fields{"visibility": "public"}, "free", "public"},
		{fields{"visibility": "public", "priceCents": 0}, "free", "public"},
		{fields{"visibility": "public", "priceCents": 100}, "paid", "public"},
		{fields{"visibility": "purchased_only", "priceCents": 100}, "paid", "purchased_only"},
		{fields{"visibility": "members_only"}, "members", "members_only"},
		{fields{"visibility": "private"}, "private", "private"},
		{fields{"accessType": "paid", "priceCents": 100}, "paid", "purchased_only"},
		{fields{"accessType": "followers"}, "followers", "members_only"},
		{fields{"accessType": "team", "visibility": "members_only"}, "team", "members_only"},
	} {
		body := article(try.given)
		body["organizationId"] = organization
		if got := c.read(c.create(body)); got.AccessType != try.access || got.Visibility != try.visibility {
			t.Errorf("%v became %s %s", try.given, got.AccessType, got.Visibility)
		}
	}
	c.send(http.MethodPost, "/api/content", article(fields{"accessType": "free", "visibility": "private"})).
		Names("visibility")
	c.send(http.MethodPost, "/api/content", article(fields{"visibility": "purchased_only"})).Names("priceCents")
}

func TestContentInUnknownCategoriesIsRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	c.send(http.MethodPost, "/api/content", article(fields{"categoryIds": []string{uuid.NewString()}})).
		Names("categoryIds.0")
	c.send(http.MethodPost, "/api/content", article(fields{"categoryIds": []string{"films"}})).Names("categoryIds.0")
	id := c.create(article(fields{"categoryIds": []string{}}))
	c.patch(id, fields{"categoryIds": []string{uuid.NewString()}}).Names("categoryIds.0")
	c.patch(id, fields{"categoryIds": []string{}}).Want(200, "")
	c.patch(id, fields{"title": "No word of categories"}).Want(200, "")
	if got := c.read(id); !slices.Equal(got.CategoryIDs, []string{}) {
		t.Errorf("%v", got.CategoryIDs)
	}
}

func TestCheckSlugDoesNotRevealDraftsOfOthers(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "creator", "active")
	personal := c.create(article(fields{"slug": "mine"}))
	c.create(article(fields{"slug": "draft", "organizationId": organization}))
	c.publish(c.create(article(fields{"slug": "live", "organizationId": organization})))
	stranger := w.creator()
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
		got := data[struct{ Available bool }](
			try.who.send(http.MethodGet, "/api/content/check-slug/"+try.path, nil).Want(200, ""))
		if got.Available != try.available {
			t.Errorf("%s: available is %v", try.path, got.Available)
		}
	}
	c.send(http.MethodGet, "/api/content/check-slug/no--slug", nil).Names("slug")
	w.get("/api/content/check-slug/mine").Want(401, "UNAUTHORIZED")
	c.send(http.MethodPost, "/api/content", article(fields{"slug": "mine"})).Want(409, "SLUG_TAKEN")
}

func TestOwnContentIsPagedAndFilteredByCreator(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	for range 3 {
		c.create(article(nil))
	}
	page := list[item](c.send(http.MethodGet, "/api/content?page=2&limit=2&creatorId="+c.id, nil))
	if len(page.Items) != 1 || page.Pagination.Total != 3 || page.Pagination.TotalPages != 2 || page.Pagination.Page != 2 {
		t.Errorf("%+v", page)
	}
	if page = list[item](c.send(http.MethodGet, "/api/content?creatorId="+w.creator().id, nil)); len(page.Items) != 0 {
		t.Errorf("of another creator: %+v", page)
	}
	list[item](c.send(http.MethodGet, "/api/content?creatorId="+uuid.NewString(), nil))
	c.send(http.MethodGet, "/api/content?creatorId=%25", nil).Names("creatorId")
}

func TestBrowseListsPublishedContentOfTheOrganization(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization, elsewhere := w.Organization(), w.Organization()
	one := w.creator().join(organization, "creator", "active")
	two := w.creator().join(organization, "creator", "active").join(elsewhere, "creator", "active")
	put := func(c user, title string, more fields) {
		body := article(fields{"title": title, "organizationId": organization})
		for name, v := range more {
			body[name] = v
		}
		c.publish(c.create(body))
	}
	put(one, "Free", nil)
	put(two, "Paid", fields{"accessType": "paid", "priceCents": 100})
	put(two, "Private", fields{"accessType": "private"})
	put(two, "Elsewhere", fields{"organizationId": elsewhere})
	one.create(article(fields{"title": "Draft", "organizationId": organization}))
	owner := w.signIn("customer").join(organization, "owner", "active")
	path := "/api/content/browse?sortBy=title&sortOrder=asc&organizationId=" + organization
	for name, c := range map[string]struct {
		who  user
		want []string
	}{
		"a creator":   {one, []string{"Free", "Paid"}},
		"their maker": {two, []string{"Free", "Paid", "Private"}},
		"the owner":   {owner, []string{"Free", "Paid", "Private"}},
		"a stranger":  {w.signIn("customer"), []string{"Free", "Paid"}},
	} {
		page := list[item](c.who.send(http.MethodGet, path, nil))
		if got := titles(page.Items); !slices.Equal(got, c.want) || page.Pagination.Total != len(c.want) {
			t.Errorf("%s sees %v of %d", name, got, page.Pagination.Total)
		}
		for _, i := range page.Items {
			if (i.ContentBody != nil) != (i.AccessType == "free") {
				t.Errorf("%s reads the words of %s content", name, i.AccessType)
			}
		}
	}
	page := list[item](one.send(http.MethodGet, path+"&limit=1&page=2&creatorId="+two.id, nil))
	if len(page.Items) != 0 || page.Pagination.Total != 1 || page.Pagination.Page != 2 {
		t.Errorf("beyond the end: %+v", page)
	}
	one.send(http.MethodGet, "/api/content/browse", nil).Names("organizationId")
	w.get(path).Want(401, "UNAUTHORIZED")
}

func TestPurchasesAndViewsAreCountedOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	id := c.publish(c.create(article(fields{"accessType": "paid", "priceCents": 100})))
	count := func(column string, want int) {
		t.Helper()
		w.Eventually(want, `SELECT `+column+` FROM content_stats WHERE content_id = $1`, id)
	}
	bought := func(purchase string) events.Payload {
		return events.PurchaseCompleted{
			PurchaseID:  purchase,
			CustomerID:  "u",
			ContentID:   id,
			CreatorID:   c.id,
			AmountCents: 100,
			Currency:    "gbp",
		}
	}
	refunded := func(purchase string, full bool) events.Payload {
		return events.PurchaseRefunded{
			PurchaseID:    purchase,
			CustomerID:    "u",
			ContentID:     id,
			RefundedCents: 50,
			AmountCents:   100,
			Full:          full,
		}
	}
	one, two := uuid.NewString(), uuid.NewString()
	w.tell(c.id, one, 1, bought(one))
	first := w.tell(c.id, two, 1, bought(two))
	count("purchase_count", 2)
	// Delivered again, as after a lost acknowledgement.
	w.Exec(`UPDATE outbox SET published_at = NULL WHERE event_id = $1`, first.ID)
	w.tell(c.id, one, 2, refunded(one, false))
	w.tell(c.id, one, 3, refunded(one, true))
	count("purchase_count", 1)
	for i, playback := range []string{uuid.NewString(), uuid.NewString()} {
		w.tell(c.id, playback, 1, events.PlaybackStarted{UserID: "u", ContentID: id})
		w.tell(c.id, playback, 2, events.PlaybackProgressed{
			UserID:          "u",
			ContentID:       id,
			PositionSeconds: 1,
			DurationSeconds: 2,
		})
		count("view_count", i+1)
	}
	download := uuid.NewString()
	w.tell(c.id, download, 1, events.MediaDownloaded{DownloadID: download, ContentID: id})
	count("download_count", 1)
	w.Eventually(7, `SELECT count(*)::int FROM reaction_inbox WHERE reaction = 'counters'`)
	if got := c.read(id); got.PurchaseCount != 1 || got.ViewCount != 2 || got.Download != "none" {
		t.Errorf("%+v", got)
	}
	c.patch(id, fields{"title": "Changed", "download": "original"}).Want(200, "")
	if got := c.read(id); got.PurchaseCount != 1 || got.ViewCount != 2 || got.DownloadCount != 1 ||
		got.Download != "original" {
		t.Errorf("a change forgot the counts: %+v", got)
	}
	page := list[item](c.send(http.MethodGet, "/api/content?sortBy=purchaseCount", nil))
	if page.Items[0].PurchaseCount != 1 {
		t.Errorf("%+v", page.Items)
	}
}

func TestAQuotaLimitsWhatACreatorKeeps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quota domain.Quota
		path  string
		body  func() fields
	}{
		"content": {domain.Quota{Content: 3}, "/api/content", func() fields { return article(nil) }},
		"categories": {domain.Quota{Categories: 3}, "/api/categories", func() fields {
			return fields{"name": "Category " + uuid.NewString()}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{quota: c.quota})
			u := w.creator()
			statuses := make(chan int, 10)
			ids := make(chan string, cap(statuses))
			var all sync.WaitGroup
			for range cap(statuses) {
				all.Go(func() {
					a := u.send(http.MethodPost, c.path, c.body())
					statuses <- a.Status
					ids <- a.Text("data.id")
				})
			}
			all.Wait()
			close(statuses)
			close(ids)
			seen := map[int]int{}
			for status := range statuses {
				seen[status]++
			}
			if seen[http.StatusCreated] != 3 || seen[http.StatusUnprocessableEntity] != 7 {
				t.Errorf("statuses %v", seen)
			}
			got := u.send(http.MethodPost, c.path, c.body()).Want(422, "QUOTA_EXCEEDED")
			if got.At("error.details.context.left") != 0.0 || got.Text("error.details.context.quota") != name {
				t.Errorf("%s", got.Body)
			}
			w.creator().send(http.MethodPost, c.path, c.body()).Want(201, "")
			for id := range ids {
				if id != "" {
					u.send(http.MethodDelete, c.path+"/"+id, nil).Want(204, "")
					break
				}
			}
			u.send(http.MethodPost, c.path, c.body()).Want(201, "")
		})
	}
}
