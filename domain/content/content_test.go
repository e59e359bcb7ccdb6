package content_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const (
	creator      = "creator1"
	organization = "00000000-0000-7000-8000-000000000001"
	mediaID      = "00000000-0000-7000-8000-000000000002"
	contentID    = "00000000-0000-7000-8000-000000000003"
)

// Short names for the tables of cases.
type (
	create = content.Create
	facts  = content.Facts
	item   = content.Content
)

func ptr[T any](v T) *T { return &v }

func set[T any](v T) domain.Optional[T] { return domain.Optional[T]{Set: true, Value: &v} }

func null[T any]() domain.Optional[T] { return domain.Optional[T]{Set: true} }

// video is the order for a video draft in an organization.
func video() content.Create {
	return content.Create{
		Title:          "A film",
		Slug:           "a-film",
		ContentType:    content.Video,
		MediaItemID:    ptr(mediaID),
		OrganizationID: ptr(organization),
		AccessType:     content.Paid,
		PriceCents:     ptr(int64(2999)),
	}
}

// able are facts under which video is accepted and can be published.
func able() content.Facts {
	return content.Facts{
		ActorID:    creator,
		ActorRole:  "creator",
		MayPublish: true,
		Media: &content.Media{
			ID:        mediaID,
			CreatorID: creator,
			Type:      "video",
			Status:    "ready",
		},
	}
}

func draft(t *testing.T) content.Content {
	t.Helper()
	c, payloads, err := content.New(contentID, video(), able(), at)
	if err != nil || len(payloads) != 1 {
		t.Fatalf("new draft: %v, %v", payloads, err)
	}
	return c
}

func published(t *testing.T) content.Content {
	t.Helper()
	c, _, err := draft(t).Publish(able(), at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reasonOf names an error by its detail code, its code or its class.
func reasonOf(err error) string {
	e, ok := domain.AsError(err)
	switch {
	case !ok:
		return ""
	case e.Reason != "":
		return e.Reason
	case e.Code != "":
		return e.Code
	default:
		return string(e.Class)
	}
}

func TestCreatingContentFollowsTheRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*create, *facts)
		want   string
	}{
		{"a creator in the own organization", func(*create, *facts) {}, ""},
		{"a personal item", func(o *create, f *facts) { o.OrganizationID, f.MayPublish = nil, false }, ""},
		{"a customer", func(_ *create, f *facts) { f.ActorRole = "customer" }, "forbidden"},
		{"a deleted account", func(_ *create, f *facts) { f.ActorRole = "" }, "forbidden"},
		{
			"an organization in which they may not publish",
			func(_ *create, f *facts) { f.MayPublish = false },
			"ORGANIZATION_MISMATCH",
		},
		{"a slug that is taken", func(_ *create, f *facts) { f.SlugTaken = true }, "SLUG_TAKEN"},
		{"media that does not exist", func(_ *create, f *facts) { f.Media = nil }, "MEDIA_NOT_FOUND"},
		{"media of another user", func(_ *create, f *facts) { f.Media.CreatorID = "other" }, "MEDIA_NOT_FOUND"},
		{"deleted media", func(_ *create, f *facts) { f.Media.Deleted = true }, "MEDIA_NOT_FOUND"},
		{"media of the other type", func(_ *create, f *facts) { f.Media.Type = "audio" }, "CONTENT_TYPE_MISMATCH"},
		{"media that is not ready", func(_ *create, f *facts) { f.Media.Status = "uploading" }, ""},
	} {
		order, facts := video(), able()
		c.change(&order, &facts)
		item, payloads, err := content.New(contentID, order, facts, at)
		if reasonOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && (len(payloads) > 0 || item.ID != "") {
			t.Errorf("%s: the rejection left %v, %v", c.name, item, payloads)
		}
		if err == nil && (item.Status != content.Draft || item.Version != 1) {
			t.Errorf("%s: not a draft of version 1: %+v", c.name, item)
		}
	}
}

func TestWhatMayBePublished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*item, *facts)
		want   string
	}{
		{"ready media", func(*item, *facts) {}, ""},
		{"media still transcoding", func(_ *item, f *facts) { f.Media.Status = "transcoding" }, "MEDIA_NOT_READY"},
		{"media with a first rendition", func(_ *item, f *facts) {
			f.Media.Status, f.Media.Playable = "transcoding", true
		}, ""},
		{"missing media", func(_ *item, f *facts) { f.Media = nil }, "MEDIA_NOT_FOUND"},
		{"written without media", func(c *item, f *facts) { c.Type, f.Media = content.Written, nil }, ""},
		{
			"no payout account where one is required",
			func(_ *item, f *facts) { f.PayoutsRequired = true },
			"CREATOR_CONNECT_REQUIRED",
		},
		{
			"a payout account where one is required",
			func(_ *item, f *facts) { f.PayoutsRequired, f.PayoutsReady = true, true },
			"",
		},
		{"free needs no payout account", func(c *item, f *facts) {
			c.Access, c.PriceCents, f.PayoutsRequired = content.Free, nil, true
		}, ""},
		{"another user's item", func(_ *item, f *facts) { f.ActorID = "other" }, "CONTENT_NOT_FOUND"},
		{"a deleted item", func(c *item, _ *facts) { c.DeletedAt = &at }, "CONTENT_NOT_FOUND"},
		{"a former creator", func(_ *item, f *facts) { f.ActorRole = "customer" }, "forbidden"},
		{"a former member", func(_ *item, f *facts) { f.MayPublish = false }, "ORGANIZATION_MISMATCH"},
	} {
		item, facts := draft(t), able()
		c.change(&item, &facts)
		next, payloads, err := item.Publish(facts, at)
		if reasonOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err == nil && (next.Status != content.Published || next.PublishedAt == nil || len(payloads) != 1) {
			t.Errorf("%s: %+v, %v", c.name, next, payloads)
		}
		if err != nil && !reflect.DeepEqual(next, item) {
			t.Errorf("%s: the rejection changed the state", c.name)
		}
	}
}

// Making a published item paid passes the same checks as publishing a paid one.
func TestUpdatesOfAPublishedItemPassTheChecksOfPublishing(t *testing.T) {
	t.Parallel()
	facts := able()
	item := published(t)
	item.Access, item.PriceCents = content.Free, nil
	facts.PayoutsRequired = true
	_, _, err := item.Update(content.Update{AccessType: set(content.Paid), PriceCents: set(int64(500))}, facts, at)
	if reasonOf(err) != "CREATOR_CONNECT_REQUIRED" {
		t.Errorf("made paid without a payout account: %v", err)
	}
	facts = able()
	facts.Media.Status = "uploading"
	_, _, err = published(t).Update(content.Update{MediaItemID: set(mediaID)}, facts, at)
	if reasonOf(err) != "MEDIA_NOT_READY" {
		t.Errorf("given media that is not ready: %v", err)
	}

	facts = able()
	facts.Media = nil
	_, _, err = published(t).Update(content.Update{MediaItemID: null[string]()}, facts, at)
	if reasonOf(err) != "MEDIA_NOT_FOUND" {
		t.Errorf("without its media: %v", err)
	}
}

func TestAnUpdateEventNamesTheChangedFieldsOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		update content.Update
		want   []events.Payload
	}{
		{"nothing", content.Update{}, nil},
		{"the same again", content.Update{Title: set("A film")}, nil},
		{"a title", content.Update{Title: set("Another")}, []events.Payload{
			events.ContentRevised{ContentID: contentID, Fields: []string{"title"}},
		}},
		{"a price", content.Update{PriceCents: set(int64(500))}, []events.Payload{events.ContentPriceChanged{
			ContentID:     contentID,
			AccessType:    "paid",
			PriceCents:    500,
			OldAccessType: "paid",
			OldPriceCents: 2999,
		}}},
		{"made free", content.Update{AccessType: set(content.Free), PriceCents: null[int64]()}, []events.Payload{
			events.ContentPriceChanged{
				ContentID:     contentID,
				AccessType:    "free",
				OldAccessType: "paid",
				OldPriceCents: 2999,
			},
		}},
		{"both", content.Update{Featured: set(true), PriceCents: set(int64(1))}, []events.Payload{
			events.ContentRevised{ContentID: contentID, Fields: []string{"featured"}},
			events.ContentPriceChanged{
				ContentID:     contentID,
				AccessType:    "paid",
				PriceCents:    1,
				OldAccessType: "paid",
				OldPriceCents: 2999,
			},
		}},
	} {
		item := draft(t)
		next, payloads, err := item.Update(c.update, able(), at)
		if err != nil || !reflect.DeepEqual(payloads, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, payloads, err, c.want)
		}
		if next.Version != item.Version+int64(len(c.want)) {
			t.Errorf("%s: version %d after %d events", c.name, next.Version, len(c.want))
		}
	}
}

func TestAnUpdateKeepsTheOfferConsistent(t *testing.T) {
	t.Parallel()
	for name, update := range map[string]content.Update{
		"paid without a price":         {PriceCents: null[int64]()},
		"paid for nothing":             {PriceCents: set(int64(0))},
		"free with a price":            {AccessType: set(content.Free)},
		"team without an organization": {AccessType: set(content.Team), OrganizationID: null[string]()},
		"subscribers without a tier":   {AccessType: set(content.Subscribers)},
		"a tier on free content": {
			AccessType:    set(content.Free),
			PriceCents:    null[int64](),
			MinimumTierID: set(mediaID),
		},
	} {
		item := draft(t)
		next, _, err := item.Update(update, able(), at)
		if reasonOf(err) != string(domain.Invalid) || !reflect.DeepEqual(next, item) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFieldsBeyondTheLimitsAreNamed(t *testing.T) {
	t.Parallel()
	for path, change := range map[string]func(*content.Create){
		"title":          func(c *content.Create) { c.Title = "  " },
		"slug":           func(c *content.Create) { c.Slug = "no--double" },
		"description":    func(c *content.Create) { c.Description = ptr(strings.Repeat("x", 10_001)) },
		"contentType":    func(c *content.Create) { c.ContentType = "film" },
		"mediaItemId":    func(c *content.Create) { c.MediaItemID = nil },
		"organizationId": func(c *content.Create) { c.OrganizationID = ptr("x") },
		"tags":           func(c *content.Create) { c.Tags = make([]string, 21) },
		"tags.0":         func(c *content.Create) { c.Tags = []string{""} },
		"thumbnailUrl":   func(c *content.Create) { c.ThumbnailURL = ptr("javascript:alert(1)") },
		"accessType":     func(c *content.Create) { c.AccessType = "everyone" },
		"visibility":     func(c *content.Create) { c.Visibility = "hidden" },
		"priceCents":     func(c *content.Create) { c.PriceCents = ptr(int64(money.MaxPrice) + 1) },
		"category":       func(c *content.Create) { c.Category = ptr("") },
		"shaderConfig.x": func(c *content.Create) { c.ShaderConfig = map[string]any{"x": "y"} },
		"contentBody":    func(c *content.Create) { c.ContentType, c.ContentBody = content.Written, nil },
	} {
		order := video()
		change(&order)
		named := false
		for _, field := range order.Validate() {
			named = named || field.Path == path
		}
		if !named {
			t.Errorf("%s is not named in %v", path, order.Validate())
		}
	}
	order := video()
	order.Title, order.Slug = "  A film ", "A-Film"
	if bad := order.Validate(); len(bad) > 0 || order.Title != "A film" || order.Slug != "a-film" {
		t.Errorf("%v, %q, %q: title is trimmed and slug lower-cased", bad, order.Title, order.Slug)
	}
}

func TestAPublishedItemRemembersTheMediaThatWasReplaced(t *testing.T) {
	t.Parallel()
	const other = "01900000-0000-7000-8000-00000000bbbb"
	facts := able()
	facts.Media.ID = other
	facts.Media.Status = "transcoding"
	before := published(t)
	kept, _, err := before.Update(content.Update{MediaItemID: set(other)}, facts, at)
	if err == nil || kept.MediaItemID != mediaID || kept.ReplacedMediaID != "" {
		t.Errorf("media that is not ready replaced %+v", kept)
	}
	facts.Media.Status = "ready"
	next, payloads, err := before.Update(content.Update{MediaItemID: set(other)}, facts, at)
	if err != nil || len(payloads) != 1 || next.Status != content.Published || next.Slug != before.Slug {
		t.Fatalf("%+v, %v, %v", next, payloads, err)
	}
	if next.MediaItemID != other || next.ReplacedMediaID != mediaID || !next.ReplacedAt.Equal(at) {
		t.Errorf("%+v", next)
	}
	again, _, err := next.Update(content.Update{Title: set("Another")}, facts, at.Add(1))
	if err != nil || again.ReplacedMediaID != mediaID || !again.ReplacedAt.Equal(at) {
		t.Errorf("another change: %+v, %v", again, err)
	}
	if unpublished, _, err := draft(t).Update(content.Update{MediaItemID: set(other)}, facts, at); err != nil ||
		unpublished.ReplacedMediaID != "" {
		t.Errorf("a draft: %+v, %v", unpublished, err)
	}
}
