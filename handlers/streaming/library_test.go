package streaming_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/streaming"
)

// library returns a page of a viewer's library, after changes that a test made with SQL.
func (v viewer) library(query string) edge.List[streaming.LibraryItem] {
	v.Helper()
	v.RefreshLibraries()
	return v.listLibrary(query)
}

func (v viewer) listLibrary(query string) edge.List[streaming.LibraryItem] {
	v.Helper()
	got := v.ask(http.MethodGet, "/api/access/user/library?"+query, "").Want(http.StatusOK, "")
	return handlertest.Decode[edge.List[streaming.LibraryItem]](got)
}

// shelf summarises a library: title and source of each item, in order.
func shelf(list edge.List[streaming.LibraryItem]) string {
	var all []string
	for _, item := range list.Items {
		all = append(all, item.Content.Title+":"+item.AccessType)
	}
	return strings.Join(all, " ")
}

// titled is a film with a title and a change to its row.
func (w *harness) titled(organization, title, change string) film {
	w.Helper()
	f := w.film(organization)
	w.Exec(`UPDATE content SET title = $2, published_at = now() - interval '1 day' WHERE id = $1`, f.id, title)
	if change != "" {
		w.Exec(`UPDATE content SET `+change+` WHERE id = $1`, f.id)
	}
	return f
}

// buyNow writes the purchase's row and its grant.
func (v viewer) buyNow(f film) {
	v.Helper()
	p := v.buy(f)
	v.Exec(`
INSERT INTO purchases (id, customer_id, content_id, amount_paid_cents, creator_payout_cents,
    stripe_payment_intent_id, status, purchased_at)
VALUES ($1, $2, $3, 2500, 2500, $4, 'completed', now())`, p.id, v.id, f.id, "pi_"+p.id)
	v.handle(p, p.completed(), 1)
}

// TestALibraryFollowsEveryChange changes everything that an entry is derived from, as the
// platform does, and never refreshes the entries itself.
func TestALibraryFollowsEveryChange(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	v := w.signIn()
	film, other := w.titled("", "film", ""), w.titled("", "other", "")
	shown := func(query, want string) {
		t.Helper()
		w.Until(fmt.Sprintf("library %q is %q", query, want), func() bool { return shelf(v.listLibrary(query)) == want })
	}
	announce := func(aggregate string, version int64, payload events.Payload) {
		t.Helper()
		w.Tell(w.Event(film.creator, aggregate, version, payload))
	}

	p := v.buy(film)
	w.publish(p, p.completed(), 1)
	q := v.buy(other)
	w.publish(q, q.completed(), 1)
	shown("sortBy=title", "film:purchased other:purchased")

	path := "/api/access/content/" + film.id + "/progress"
	v.ask(http.MethodPost, path, `{"positionSeconds":40,"durationSeconds":100}`).Want(http.StatusNoContent, "")
	shown("filter=in_progress", "film:purchased")
	v.ask(http.MethodPost, path, `{"positionSeconds":99,"durationSeconds":100}`).Want(http.StatusNoContent, "")
	shown("filter=completed", "film:purchased")

	w.Exec(`UPDATE content SET title = 'zoom' WHERE id = $1`, film.id)
	announce(film.id, 1, events.ContentRevised{ContentID: film.id, Fields: []string{"title"}})
	shown("sortBy=title", "other:purchased zoom:purchased")
	w.Exec(`UPDATE media_items SET duration_seconds = 200 WHERE id = $1`, other.media)
	announce(other.media, 1, events.MediaReady{MediaID: other.media, DurationSeconds: 200})
	shown("sortBy=duration", "other:purchased zoom:purchased")
	w.Exec(`UPDATE content SET status = 'draft' WHERE id = $1`, other.id)
	announce(other.id, 1, events.ContentUnpublished{ContentID: other.id})
	w.Eventually(1, `SELECT count(*) FROM library_entries WHERE access_type = 'kept'`)
	shown("sortBy=title", "other:purchased zoom:purchased") // bought
	w.Exec(`UPDATE content SET access_type = 'private' WHERE id = $1`, other.id)
	announce(other.id, 2, events.ContentPriceChanged{ContentID: other.id})
	w.Eventually(1, `SELECT count(*) FROM library_entries WHERE access_type IS NULL`)
	shown("", "zoom:purchased")

	w.publish(p, p.refunded(true), 2)
	w.Eventually(1, `SELECT count(*) FROM library_entries WHERE content_id = $1 AND NOT granted`, film.id) // was watched
	w.publish(q, q.refunded(true), 2)
	w.Eventually(0, `SELECT count(*) FROM library_entries WHERE content_id = $1`, other.id)
	shown("", "")
}

func TestALibraryListsEachItemOnceUnderItsFirstSource(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	club, elsewhere := w.Organization(), w.Organization()
	v := w.signIn()
	v.join(club, "member")
	bought := w.titled(club, "bought", "")
	v.buyNow(bought)
	bought.grantTo(v)
	gift := w.titled(elsewhere, "gift", "")
	gift.grantTo(v)
	w.titled(club, "club", "")
	w.titled(club, "members", "access_type = 'members', price_cents = NULL")
	w.titled(club, "open", "access_type = 'free', price_cents = 0")
	for title, change := range map[string]string{
		"draft":     "status = 'draft'",
		"deleted":   "deleted_at = now()",
		"team":      "access_type = 'team', price_cents = NULL",
		"private":   "access_type = 'private'",
		"followers": "access_type = 'followers', price_cents = NULL",
	} {
		hidden := w.titled(club, title, change)
		if title != "followers" {
			hidden.grantTo(v) // does not help
		}
	}
	w.titled(elsewhere, "stranger", "")
	w.titled(elsewhere, "everybody", "access_type = 'free', price_cents = 0")

	all := v.library("sortBy=title")
	if got := shelf(all); got != "bought:purchased club:membership gift:complimentary members:membership open:free" {
		t.Errorf("library %s", got)
	}
	if p := all.Pagination; p.Page != 1 || p.Limit != 20 || p.Total != 5 || p.TotalPages != 1 || p.NextCursor != nil {
		t.Errorf("pagination %+v", p)
	}
	first := all.Items[0]
	if p := first.Purchase; p == nil || p.PriceCents != 2500 || time.Since(p.PurchasedAt) > time.Hour {
		t.Errorf("purchase %+v", p)
	}
	if first.Progress != nil {
		t.Errorf("progress %+v", first.Progress)
	}
	if c := first.Content; c.ID != bought.id || c.Slug != "p-"+bought.id || c.ContentType != "video" ||
		*c.DurationSeconds != 100 || *c.OrganizationID != club || *c.OrganizationSlug != "o-"+club {
		t.Errorf("content %+v", c)
	}
	for _, item := range all.Items[1:] {
		if item.Purchase != nil {
			t.Errorf("%s was not bought", item.Content.Title)
		}
	}
	v.join(club, "admin")
	want := "bought:purchased club:membership followers:membership members:membership " +
		"open:free private:membership team:membership"
	if got := shelf(v.library("sortBy=title&organizationId=" + club)); got != want {
		t.Errorf("an admin's library %s", got)
	}
	if got := shelf(w.signIn().library("")); got != "" {
		t.Errorf("another user's library %s", got)
	}
}

func TestALibraryFollowsItsItems(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	v := w.signIn()
	f := w.titled("", "before", "")
	f.grantTo(v)
	w.RefreshLibraries()
	w.Exec(`UPDATE content SET title = 'after', status = 'draft' WHERE id = $1`, f.id)
	shown := v.ask(http.MethodGet, "/api/access/user/library", "")
	if got := handlertest.Decode[edge.List[streaming.LibraryItem]](shown); len(got.Items) > 0 {
		t.Errorf("a draft is shown before its entry has followed: %+v", got.Items)
	}
	w.Tell(w.Event(f.creator, f.id, 1, events.ContentRevised{ContentID: f.id, Fields: []string{"title"}}))
	w.Eventually(
		1,
		`SELECT count(*)::int FROM library_entries WHERE content_id = $1 AND title = 'after' AND access_type IS NULL`,
		f.id,
	)

	w.Exec(`UPDATE media_items SET duration_seconds = 7 WHERE id = $1`, f.media)
	w.Tell(w.Event(f.creator, f.media, 1, events.MediaReady{MediaID: f.media, CreatorID: f.creator, MediaType: "video"}))
	w.Eventually(1, `SELECT count(*)::int FROM library_entries WHERE content_id = $1 AND seconds = 7`, f.id)
}

func TestALibraryIsFilteredAndSorted(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	v := w.signIn()
	watched := func(f film, position int, done bool, ago string) {
		w.Exec(`
INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds, completed, updated_at)
VALUES ($1, $2, $3, 90, $4, now() - $5::interval)`,
			v.id, f.id, position, done, ago)
	}
	var films []film
	for i, title := range []string{"alpha", "beta 100%", "gamma_x", "delta"} {
		f := w.titled("", title, "")
		f.grantTo(v)
		w.Exec(`UPDATE content_access SET created_at = now() - make_interval(days => $2) WHERE content_id = $1`, f.id, 10+i)
		w.Exec(`UPDATE media_items SET duration_seconds = $2 WHERE id = $1`, f.media, 50+i)
		films = append(films, f)
	}
	w.Exec(`UPDATE content SET content_type = 'written', media_item_id = NULL, description = 'about alpha'
		WHERE id = $1`, films[3].id)
	watched(films[1], 30, false, "1 hour")
	watched(films[2], 89, true, "2 hours")

	for query, want := range map[string]string{
		"":                                  "beta 100% gamma_x alpha delta",
		"sortBy=recent":                     "beta 100% gamma_x alpha delta",
		"sortBy=title":                      "alpha beta 100% delta gamma_x",
		"sortBy=duration":                   "gamma_x beta 100% alpha delta",
		"filter=in_progress":                "beta 100%",
		"filter=completed":                  "gamma_x",
		"filter=not_started":                "alpha delta",
		"contentType=written":               "delta",
		"contentType=video":                 "beta 100% gamma_x alpha",
		"contentType=audio":                 "",
		"accessType=complimentary":          "beta 100% gamma_x alpha delta",
		"accessType=purchased":              "",
		"search=ALPHA":                      "alpha delta",
		"search=" + url.QueryEscape("100%"): "beta 100%",
		"search=" + url.QueryEscape("0%"):   "beta 100%",
		"search=_x":                         "gamma_x",
		"search=" + url.QueryEscape(`a\`):   "",
		"page=2&limit=3":                    "delta",
		"page=9&limit=3":                    "",
		"filter=all&contentType=all&accessType=all&limit=1": "beta 100%",
	} {
		var titles []string
		list := v.library(query)
		for _, item := range list.Items {
			titles = append(titles, item.Content.Title)
		}
		if got := strings.Join(titles, " "); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	if p := v.library("page=9&limit=3").Pagination; p.Page != 9 || p.Limit != 3 || p.Total != 4 || p.TotalPages != 2 {
		t.Errorf("a page beyond the last: %+v", p)
	}
	p := v.library("filter=in_progress").Items[0].Progress
	if p == nil || p.PercentComplete != 33 || p.PositionSeconds != 30 || p.Completed {
		t.Errorf("progress %+v", p)
	}
	for _, query := range []string{
		"filter=some",
		"sortBy=date",
		"contentType=text",
		"accessType=paid",
		"organizationId=1",
		"page=0",
		"limit=101",
		"search=a",
		"search=" + strings.Repeat("a", 201),
		"cursor=x",
	} {
		v.ask(http.MethodGet, "/api/access/user/library?"+query, "").Want(http.StatusBadRequest, "VALIDATION_ERROR")
	}
	if got := w.get("/api/access/user/library"); got.Status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.Status)
	}
}

func TestPagesOfALibraryMergeAllSources(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	club, v := w.Organization(), w.signIn()
	v.join(club, "member")
	const each = 4
	for i := range each {
		// The sources alternate in every order.
		v.buyNow(w.titled("", fmt.Sprint(i, "a"), ""))
		w.titled(club, fmt.Sprint(i, "b"), "")
		w.titled("", fmt.Sprint(i, "c"), "").grantTo(v)
		w.titled(club, fmt.Sprint(i, "d"), "access_type = 'free', price_cents = 0")
	}
	w.Exec(`UPDATE content SET published_at = now() - (ascii(title) + 7 * ascii(right(title, 1))) % 5 * interval '1 hour'`)
	w.Exec(`
UPDATE content_access a SET created_at = now() - ascii(c.title) % 3 * interval '1 hour'
FROM content c WHERE c.id = a.content_id`)
	w.Exec(`UPDATE media_items SET duration_seconds = 1 + ascii(right(id::text, 1)) % 4`)
	for _, order := range []string{"recent", "title", "duration"} {
		whole := v.library("limit=100&sortBy=" + order)
		if len(whole.Items) != 4*each || whole.Pagination.Total != 4*each {
			t.Fatalf("%s: %d items, %+v", order, len(whole.Items), whole.Pagination)
		}
		var paged edge.List[streaming.LibraryItem]
		for page := 1; page <= 6; page++ {
			list := v.library(fmt.Sprintf("sortBy=%s&limit=3&page=%d", order, page))
			if more := list.Pagination.NextCursor != nil; more != (page < 6) {
				t.Errorf("%s, page %d: another page follows is %v", order, page, more)
			}
			if p := list.Pagination; p.Page != page || p.Limit != 3 || p.Total != 4*each || p.TotalPages != 6 {
				t.Errorf("%s, page %d: %+v", order, page, p)
			}
			paged.Items = append(paged.Items, list.Items...)
		}
		if shelf(paged) != shelf(whole) {
			t.Errorf("%s: in pages %s\nat once %s", order, shelf(paged), shelf(whole))
		}
		paged.Items = nil
		for cursor := ""; ; {
			list := v.library(fmt.Sprintf("sortBy=%s&limit=3&cursor=%s", order, cursor))
			paged.Items = append(paged.Items, list.Items...)
			if list.Pagination.NextCursor == nil {
				break
			}
			cursor = *list.Pagination.NextCursor
		}
		if shelf(paged) != shelf(whole) {
			t.Errorf("%s: by cursor %s\nat once %s", order, shelf(paged), shelf(whole))
		}
	}
	for source, n := range map[string]int{
		"all":           4 * each,
		"purchased":     each,
		"membership":    each,
		"complimentary": each,
		"free":          each,
		"followers":     0,
		"subscription":  0,
	} {
		list := v.library("accessType=" + source)
		if len(list.Items) != n || list.Pagination.Total != int64(n) {
			t.Errorf("%s: %d items, %+v", source, len(list.Items), list.Pagination)
		}
	}
}

// TestTheLibraryAgreesWithTheDecision compares both for random data. What is in a library
// may be seen; what may be seen is in the library, unless it is free, or the viewer created
// it.
func TestTheLibraryAgreesWithTheDecision(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	viewers, items := w.populate(rand.New(rand.NewPCG(seed, 1)))
	found := map[postgres.Question]postgres.Facts{}
	var questions []postgres.Question
	for _, v := range viewers {
		for _, id := range items {
			questions = append(questions, postgres.Question{UserID: v.id, ContentID: id})
		}
	}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, questions, found)
	if err := w.Pool.SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
	there, absent := 0, 0
	for _, v := range viewers {
		sources := v.sources()
		for _, id := range items {
			f := found[postgres.Question{UserID: v.id, ContentID: id}]
			verdict := access.Decide(f.Content, f.Viewer, w.Now())
			if message := disagreement(verdict, f.Viewer, sources[id], w.Now()); message != "" {
				t.Errorf("%s (%s, role %q, %d grants) is in the library as %q: %s",
					id, verdict.Rule, f.Viewer.Role, len(f.Viewer.Grants), sources[id], message)
			}
			if sources[id] != "" {
				there++
			} else {
				absent++
			}
		}
	}
	if there == 0 || absent == 0 {
		t.Errorf("one-sided: %d there, %d absent", there, absent)
	}
}

// disagreement returns how the source of a library item contradicts a verdict, or "". source
// is empty for an item that is not in the library.
func disagreement(verdict access.Verdict, viewer access.Viewer, source string, now time.Time) string {
	has := func(s string) bool {
		return slices.ContainsFunc(viewer.Grants, func(g access.Grant) bool {
			return g.Live(now) && (s == "" || string(g.Source) == s)
		})
	}
	want := verdict.Allowed
	switch verdict.Reason {
	case access.ByCreator: // may be in the library for another reason
		want = source != ""
	case access.ByFree:
		want = viewer.Role != "" || has("")
	default:
	}
	switch {
	case want != (source != ""):
		return "the decision is " + string(verdict.Reason)
	case source == "",
		source == "membership" && viewer.Role != "" && verdict.Reason != access.ByFree,
		source == "free" && verdict.Reason == access.ByFree && !has(""):
		return ""
	case !has(source):
		return "there is no such source"
	default:
		return ""
	}
}

// sources returns the sources of a viewer's library by the ids of the items.
func (v viewer) sources() map[string]string {
	v.Helper()
	found := map[string]string{}
	for page := 1; ; page++ {
		list := v.library(fmt.Sprintf("limit=100&page=%d", page))
		for _, item := range list.Items {
			if _, twice := found[item.Content.ID]; twice {
				v.Errorf("%s is listed twice", item.Content.ID)
			}
			found[item.Content.ID] = item.AccessType
		}
		if int64(page) >= list.Pagination.TotalPages {
			return found
		}
	}
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

// populate makes organizations, viewers with random roles, items of every kind and
// grants in every state.
func (w *harness) populate(random *rand.Rand) (viewers []viewer, items []string) {
	w.Helper()
	organizations := []string{w.Organization(), w.Organization(), w.Organization()}
	w.Exec(`UPDATE organizations SET deleted_at = now() WHERE id = $1`, organizations[2])
	b := &pgx.Batch{}
	for range 6 {
		v := w.signIn()
		viewers = append(viewers, v)
		for _, organization := range organizations {
			if random.IntN(4) > 0 {
				queueMembership(b, random, organization, v.id)
			}
		}
	}
	for range 120 {
		id, creator := uuid.NewString(), viewers[random.IntN(len(viewers))].id
		items = append(items, id)
		queueItem(b, random, id, creator, pick(random, append(organizations, "")...))
		for _, v := range viewers {
			for range max(0, random.IntN(4)-1) {
				queueGrant(b, random, v.id, id)
			}
		}
	}
	if err := w.Pool.SendBatch(w.Context(), b).Close(); err != nil {
		w.Fatal(err)
	}
	return viewers, items
}

func queueMembership(b *pgx.Batch, random *rand.Rand, organization, user string) {
	b.Queue(`INSERT INTO organization_memberships (organization_id, user_id, role, status) VALUES ($1, $2, $3, $4)`,
		organization, user,
		pick(random, "owner", "admin", "creator", "subscriber", "member", "member"),
		pick(random, "active", "active", "active", "inactive", "invited"))
}

func queueItem(b *pgx.Batch, random *rand.Rand, id, creator, organization string) {
	rule := pick(random, "free", "paid", "paid", "followers", "subscribers", "team", "members", "private")
	price := pick(random, "NULL", "0", "500")
	switch rule {
	case "free":
		price = pick(random, "NULL", "0")
	case "paid":
		price = pick(random, "NULL", "2999")
	}
	deleted := pick(random, "NULL", "NULL", "NULL", "NULL", "now()")
	b.Queue(fmt.Sprintf(`
INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, access_type, price_cents,
    status, published_at, deleted_at)
VALUES ($1, $2, NULLIF($3, '')::uuid, 'Item', $4, 'written', $5, %s, $6, now(), %s)`, price, deleted),
		id, creator, organization, "i-"+id, rule, pick(random, "published", "published", "published", "draft"))
}

func queueGrant(b *pgx.Batch, random *rand.Rand, user, item string) {
	expires := pick(random, "NULL", "now() + interval '1 day'", "now() - interval '1 day'")
	revoked := pick(random, "NULL", "NULL", "now()")
	b.Queue(fmt.Sprintf(`
INSERT INTO content_access (user_id, content_id, access_type, source_id, expires_at, deleted_at)
VALUES ($1, $2, $3, $4, %s, %s)`, expires, revoked),
		user, item, pick(random, "purchased", "subscription", "complimentary", "preview"), uuid.NewString())
}
