package paging_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// id returns the id of a list's item: of a library its content's, of members the
// user's, which is the username as well.
func id(tb testing.TB, item json.RawMessage) string {
	tb.Helper()
	var v struct {
		ID       string `json:"id"`
		UserID   string `json:"userId"`
		Username string `json:"username"`
		Content  struct {
			ID string `json:"id"`
		} `json:"content"`
	}
	check(tb, json.Unmarshal(item, &v))
	return cmp.Or(v.UserID, v.ID, v.Username, v.Content.ID)
}

// all turns the pages of a list, from the first to the one behind the last.
func (w *harness) all(tb testing.TB, l list, limit int) []string {
	tb.Helper()
	var ids []string
	for n := 1; ; n++ {
		p := w.read(tb, l.user, fmt.Sprintf("%s&page=%d&limit=%d", l.path, n, limit))
		for _, item := range p.Items {
			ids = append(ids, id(tb, item))
		}
		if got := p.Pagination; got.Page != n || got.TotalPages != (got.Total+int64(got.Limit)-1)/int64(got.Limit) {
			tb.Fatalf("%s: page %d says %+v", l.name, n, got)
		}
		if len(p.Items) < p.Pagination.Limit {
			if int64(len(ids)) != p.Pagination.Total {
				tb.Fatalf("%s: %d items on %d pages, and the total is %d", l.name, len(ids), n, p.Pagination.Total)
			}
			return ids
		}
	}
}

// walk follows the cursors of a list, from the first page to the last.
func (w *harness) walk(tb testing.TB, l list, limit int) (ids []string) {
	tb.Helper()
	p := w.read(tb, l.user, fmt.Sprintf("%s&limit=%d", l.path, limit))
	for n := 1; ; n++ {
		for _, item := range p.Items {
			ids = append(ids, id(tb, item))
		}
		if p.Pagination.Page != n {
			tb.Fatalf("%s: page %d says %+v", l.name, n, p.Pagination)
		}
		if p.Pagination.NextCursor == nil {
			return ids
		}
		p = w.read(tb, l.user, fmt.Sprintf("%s&limit=%d&page=99&cursor=%s", l.path, limit, *p.Pagination.NextCursor))
	}
}

// plain answers a list with a plain query: all of it, sorted.
func (w *harness) plain(tb testing.TB, l list) []string {
	tb.Helper()
	sql, ok := plain[l.name]
	if !ok {
		var kind, column, direction string
		_, err := fmt.Sscanf(l.name, "%s %s %s", &kind, &column, &direction)
		check(tb, err)
		sql = plain[kind]
		names := map[string]string{
			"createdAt": "created_at", "updatedAt": "updated_at", "publishedAt": "published_at", "uploadedAt": "uploaded_at",
			"title": "title", "viewCount": "(SELECT view_count FROM content_stats WHERE content_id = id)",
			"purchaseCount": "(SELECT purchase_count FROM content_stats WHERE content_id = id)",
		}
		sql += fmt.Sprintf(` ORDER BY %s %s NULLS LAST, id %s`, names[column], direction, direction)
	}
	rows, err := w.pool.Query(context.Background(), sql)
	check(tb, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(tb, err)
	return ids
}

const (
	plainHeavy  = ` organization_id = '` + heavyOrganization + `'`
	plainPublic = `SELECT id FROM content WHERE status = 'published' AND deleted_at IS NULL AND access_type <> 'private'`
	plainActive = `SELECT user_id FROM organization_memberships WHERE status = 'active' AND` + plainHeavy
	// plainStanding puts owners before admins before creators.
	plainStanding = ` ORDER BY role <> 'owner', role <> 'admin', role <> 'creator', role <> 'subscriber', joined_at, id`
	plainLibrary  = `SELECT c.id FROM content c JOIN content_access a ON a.content_id = c.id
		AND a.user_id = 'customer' AND a.deleted_at IS NULL
		LEFT JOIN video_playback p ON p.content_id = c.id AND p.user_id = 'customer'
		LEFT JOIN media_items i ON i.id = c.media_item_id AND i.deleted_at IS NULL
		WHERE c.status = 'published' AND c.deleted_at IS NULL AND c.access_type NOT IN ('team', 'private')`
	plainOwn = ` FROM organizations o JOIN organization_memberships m ON m.organization_id = o.id
		WHERE m.user_id = 'creator' AND m.status = 'active' ORDER BY `
)

// plain are the lists by their names, or by the part before a comma with the order
// still to come.
var plain = map[string]string{
	"purchases": `SELECT id FROM purchases WHERE customer_id = 'customer'
		ORDER BY created_at DESC, id DESC`,
	"purchases of a status": `SELECT id FROM purchases WHERE customer_id = 'customer'
		AND status = 'completed' ORDER BY created_at DESC, id DESC`,
	"library": plainLibrary + `
		ORDER BY GREATEST(a.created_at, p.updated_at) DESC, c.id DESC`,
	"library, title":    plainLibrary + ` ORDER BY c.title, c.id`,
	"library, duration": plainLibrary + ` ORDER BY i.duration_seconds DESC NULLS LAST, c.id DESC`,
	"library, in progress": plainLibrary + ` AND NOT p.completed
		ORDER BY GREATEST(a.created_at, p.updated_at) DESC, c.id DESC`,
	"library, type": plainLibrary + ` AND c.content_type = 'video'
		ORDER BY GREATEST(a.created_at, p.updated_at) DESC, c.id DESC`,
	"library, not started, type, duration": plainLibrary + ` AND p.user_id IS NULL AND c.content_type = 'audio'
		ORDER BY i.duration_seconds DESC NULLS LAST, c.id DESC`,
	"library of a member": `SELECT c.id FROM content c LEFT JOIN video_playback p ON p.content_id = c.id
		AND p.user_id = 'member'
		WHERE c.status = 'published' AND c.deleted_at IS NULL
		AND c.access_type IN ('free', 'paid', 'members') AND c.` + plainHeavy[1:] + `
		ORDER BY GREATEST(c.published_at, p.updated_at) DESC, c.id DESC`,
	"library of a member, title": `SELECT id FROM content WHERE status = 'published' AND deleted_at IS NULL
		AND access_type IN ('free', 'paid', 'members') AND` + plainHeavy + ` ORDER BY title, id`,
	"public, newest": plainPublic + ` AND` + plainHeavy + ` ORDER BY published_at DESC, id DESC`,
	"public, oldest": plainPublic + ` AND` + plainHeavy + ` ORDER BY published_at, id`,
	"public, title":  plainPublic + ` AND` + plainHeavy + ` ORDER BY title, id`,
	"public, by slug and type": plainPublic + ` AND` + plainHeavy + ` AND content_type = 'video'
		ORDER BY published_at DESC, id DESC`,
	"discover, newest": plainPublic + ` ORDER BY published_at DESC, id DESC`,
	"discover, oldest": plainPublic + ` ORDER BY published_at, id`,
	"discover, title":  plainPublic + ` ORDER BY title, id`,
	"discover, type":   plainPublic + ` AND content_type = 'audio' ORDER BY published_at DESC, id DESC`,
	"members": `SELECT user_id FROM organization_memberships WHERE` + plainHeavy + `
		ORDER BY created_at, id`,
	"members of a role": `SELECT user_id FROM organization_memberships WHERE` + plainHeavy + `
		AND role = 'member' AND status = 'active' ORDER BY created_at, id`,
	"creators":                 plainActive + ` AND role IN ('owner', 'admin', 'creator')` + plainStanding,
	"public members":           plainActive + plainStanding,
	"public members of a role": plainActive + ` AND role = 'member'` + plainStanding,
	"organizations, name":      `SELECT o.id` + plainOwn + `lower(o.name) DESC, o.id DESC`,
	"organizations, createdAt": `SELECT o.id` + plainOwn + `o.created_at DESC, o.id DESC`,
	"content of an access type": `SELECT id FROM content WHERE creator_id = 'creator' AND access_type = 'free'
		AND deleted_at IS NULL ORDER BY created_at DESC, id DESC`,
	"content of a category": `SELECT id FROM content WHERE creator_id = 'creator'
		AND category = 'category-3' AND deleted_at IS NULL ORDER BY title, id`,
	"content of an organization": `SELECT id FROM content WHERE creator_id = 'creator' AND` + plainHeavy + `
		AND deleted_at IS NULL ORDER BY created_at DESC, id DESC`,
	"browse a category": plainPublic + ` AND` + plainHeavy + ` AND category = 'category-3'
		ORDER BY created_at DESC, id DESC`,
	"public, category": plainPublic + ` AND` + plainHeavy + ` AND category_slug = 'category-3'
		ORDER BY published_at DESC, id DESC`,
	"content of a status and type": `SELECT id FROM content WHERE creator_id = 'creator' AND status = 'published'
		AND content_type = 'written' AND deleted_at IS NULL ORDER BY created_at DESC, id DESC`,
	"content,": `SELECT id FROM content WHERE creator_id = 'creator' AND deleted_at IS NULL`,
	"browse,":  plainPublic + ` AND` + plainHeavy,
	"media,":   `SELECT id FROM media_items WHERE creator_id = 'creator' AND deleted_at IS NULL`,
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := newHarness(t, mixed)
	t.Run("every page of every list is what a plain query says", func(t *testing.T) {
		for _, l := range indexed() {
			if got, want := w.all(t, l, 100), w.plain(t, l); !slices.Equal(got, want) {
				t.Errorf("%s: %d items, want %d; they differ from item %d on", l.name, len(got), len(want), difference(got, want))
			}
		}
	})
	t.Run("a page behind the last is empty and repeats its number", func(t *testing.T) {
		for _, l := range append(indexed(), derived()...) {
			p := w.read(t, l.user, l.path+"&page=1000&limit=50")
			if len(p.Items) > 0 || p.Items == nil || p.Pagination.Page != 1000 {
				t.Errorf("%s: %d items, %+v", l.name, len(p.Items), p.Pagination)
			}
		}
	})
	t.Run("a page is the same whatever its size", func(t *testing.T) {
		for _, l := range indexed() {
			want := w.plain(t, l)
			for _, at := range []struct{ page, limit int }{
				{1, 7},
				{2, 7},
				{30, 7},
				{len(want)/7 + 1, 7},
				{len(want)/13 - 1, 13},
			} {
				if at.page < 1 {
					continue
				}
				first := (at.page - 1) * at.limit
				p := w.read(t, l.user, fmt.Sprintf("%s&page=%d&limit=%d", l.path, at.page, at.limit))
				var got []string
				for _, item := range p.Items {
					got = append(got, id(t, item))
				}
				if want := want[min(first, len(want)):min(first+at.limit, len(want))]; !slices.Equal(got, want) {
					t.Errorf("%s, page %d of %d: %v, want %v", l.name, at.page, at.limit, got, want)
				}
			}
		}
	})
	t.Run("the hottest lists keep their plans", func(t *testing.T) { comparePlans(t, w) })
	t.Run("cursors lead through all of a list", func(t *testing.T) {
		for _, l := range indexed() {
			if got, want := w.walk(t, l, 90), w.plain(t, l); !slices.Equal(got, want) {
				t.Errorf("%s: %d items, want %d; they differ from item %d on", l.name, len(got), len(want), difference(got, want))
			}
		}
	})
}

func difference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// A client that turns pages while rows are added misses nothing and sees nothing twice that was
// there before, as far as page numbers can promise that; with cursors always.
func TestPagesAreStableWhileRowsAreAdded(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{rows: 60, items: 60, heavy: 60, others: 5})
	ctx := context.Background()
	added := 0
	add := func() {
		added++
		_, err := w.pool.Exec(
			ctx,
			`INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, status, published_at)
			VALUES (gen_random_uuid(), 'creator', $2, 'Zzz', 'added-' || $1::int, 'written', 'published', now())`,
			added,
			heavyOrganization,
		)
		check(t, err)
	}
	for _, l := range []list{
		{"content", "creator", "/api/content?sortBy=createdAt&sortOrder=asc"},
		{"public", "", "/api/content/public?sort=oldest&orgId=" + heavyOrganization},
		{"discover", "", "/api/content/public/discover?sort=oldest"},
		{"browse", "member", "/api/content/browse?sortOrder=asc&organizationId=" + heavyOrganization},
	} {
		before := w.all(t, l, 50)
		var seen []string
		for n := 1; len(seen) < len(before); n++ {
			for _, item := range w.read(t, l.user, fmt.Sprintf("%s&page=%d&limit=10", l.path, n)).Items {
				seen = append(seen, id(t, item))
			}
			add()
		}
		if !slices.Equal(seen[:len(before)], before) {
			t.Errorf("%s, which appends at the end: items are missing or doubled", l.name)
		}
	}

	// What is added in front moves the rest down by one: the next page repeats as many
	// items as were added, and none is missing.
	l := list{"content", "creator", "/api/content?"}
	before := w.all(t, l, 50)
	var seen []string
	for n := 1; ; n++ {
		p := w.read(t, l.user, fmt.Sprintf("%s&page=%d&limit=10", l.path, n))
		for _, item := range p.Items {
			seen = append(seen, id(t, item))
		}
		if len(p.Items) < 10 {
			break
		}
		add()
	}
	for range 3 { // a cursor is not moved by what is added in front
		p := w.read(t, l.user, l.path+"&limit=10")
		add()
		next := w.read(t, l.user, l.path+"&limit=10&cursor="+*p.Pagination.NextCursor)
		if now := w.all(t, l, 50); id(t, next.Items[0]) != now[11] {
			t.Errorf("behind a cursor stands %s, want %s", id(t, next.Items[0]), now[11])
		}
	}
	pages := (len(seen) + 9) / 10
	if doubled := len(seen) - len(before); doubled != pages-1 {
		t.Errorf("%d items were doubled while %d were added in front", doubled, pages-1)
	}
	slices.Sort(seen)
	slices.Sort(before)
	if got := slices.Compact(seen); !slices.Equal(got, before) {
		t.Errorf("missing after additions in front:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(before, "\n"))
	}
}
