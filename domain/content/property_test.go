package content_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/events"
)

// maybe draws a field of an update: absent, null where it may be, or a value.
func maybe[T any](t *rapid.T, name string, nullable bool, values ...T) domain.Optional[T] {
	switch choice := rapid.IntRange(0, 3).Draw(t, name+" is"); {
	case choice == 0 && nullable:
		return null[T]()
	case choice <= 1:
		return domain.Optional[T]{}
	default:
		return set(rapid.SampledFrom(values).Draw(t, name))
	}
}

var (
	allAccess = []content.Access{
		content.Free, content.Paid, content.Followers, content.Subscribers, content.Team, content.Members, content.Private,
	}
	allVisibility = []content.Visibility{content.Public, content.PurchasedOnly, content.MembersOnly, content.PrivateOnly}
)

func anyUpdate(t *rapid.T) content.Update {
	return content.Update{
		AccessType:     maybe(t, "access", false, allAccess...),
		Visibility:     maybe(t, "visibility", false, allVisibility...),
		PriceCents:     maybe(t, "price", true, int64(0), 1, 2999),
		OrganizationID: maybe(t, "organization", true, organization),
		MinimumTierID:  maybe(t, "tier", true, mediaID),
		MediaItemID:    maybe(t, "media", true, mediaID),
		ContentType:    maybe(t, "type", false, content.Video, content.Audio, content.Written),
		ContentBody:    maybe(t, "body", true, "words", ""),
		CategoryIDs:    maybe(t, "categories", true, []string{}, []string{contentID}),
		Title:          maybe(t, "title", false, "A film", "Another"),
	}
}

// offered checks that access type, price, organization and tier of an item fit together.
func offered(t *rapid.T, c content.Content) {
	t.Helper()
	inside := []content.Access{content.Followers, content.Subscribers, content.Team, content.Members}
	switch tiered := c.MinimumTierID != ""; {
	case c.Access == content.Paid && c.Price() <= 0:
		t.Fatal("paid for nothing")
	case c.Access == content.Free && c.Price() != 0:
		t.Fatal("free at a price")
	case slices.Contains(inside, c.Access) && c.OrganizationID == "":
		t.Fatalf("%s without an organization", c.Access)
	case c.Access == content.Subscribers && !tiered:
		t.Fatal("subscribers without a tier")
	case tiered && c.Access != content.Subscribers && c.Access != content.Paid:
		t.Fatalf("a tier on %s content", c.Access)
	case tiered && c.OrganizationID == "":
		t.Fatal("a tier without an organization")
	case c.Visibility == content.PrivateOnly && c.Access != content.Private,
		c.Visibility == content.Public && c.Access != content.Free && c.Access != content.Paid:
		t.Fatalf("%s is shown as %s", c.Access, c.Visibility)
	}
}

// fitToBeLive checks what a published item must have.
func fitToBeLive(t *rapid.T, c content.Content, facts content.Facts) {
	t.Helper()
	sold := c.Access == content.Paid || c.Access == content.Subscribers
	switch {
	case sold && facts.PayoutsRequired && !facts.PayoutsReady:
		t.Fatal("sold without a payout account")
	case c.Type != content.Written && (c.MediaItemID == "" || facts.Media == nil || facts.Media.Status != "ready"):
		t.Fatal("live without its media")
	case c.OrganizationID != "" && !facts.MayPublish:
		t.Fatal("live in an organization that the creator left")
	}
}

// In any history versions count the events, a rejection changes nothing, access type and
// price fit together, and a published item has what it must have.
func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		item, _, err := content.New(contentID, video(), able(), at)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			facts := able()
			facts.Media.Status = rapid.SampledFrom([]string{"uploading", "ready"}).Draw(t, "media is")
			facts.SlugTaken = rapid.Bool().Draw(t, "taken")
			facts.PayoutsRequired = rapid.Bool().Draw(t, "payouts required")
			facts.PayoutsReady = rapid.Bool().Draw(t, "payouts ready")
			facts.MayPublish = rapid.Bool().Draw(t, "may publish")
			facts.Categories = rapid.SampledFrom([][]string{nil, {contentID}}).Draw(t, "categories")
			var next content.Content
			var payloads []events.Payload
			checked := false
			switch rapid.IntRange(0, 9).Draw(t, "command") {
			case 0, 1:
				next, payloads, err = item.Publish(facts, at)
				checked = item.Status != content.Published
			case 2:
				next, payloads, err = item.Unpublish(facts, at)
			case 3:
				picture := rapid.SampledFrom([]*string{nil, ptr("https://x.test/a.webp")}).Draw(t, "picture")
				next, payloads, err = item.ShowThumbnail(picture, facts, at)
			case 4:
				next, payloads, err = item.Delete(facts, at)
			default:
				update := anyUpdate(t)
				if bad := update.Validate(); len(bad) > 0 {
					continue
				}
				if update.MediaItemID.Set && update.MediaItemID.Value == nil {
					facts.Media = nil
				}
				next, payloads, err = item.Update(update, facts, at)
				checked = item.Status == content.Published
			}
			if err != nil {
				if !reflect.DeepEqual(next, item) || len(payloads) > 0 {
					t.Fatal("a rejection changed the state")
				}
				continue
			}
			if next.Version != item.Version+int64(len(payloads)) {
				t.Fatalf("version %d after %d events on %d", next.Version, len(payloads), item.Version)
			}
			offered(t, next)
			if checked && next.Status == content.Published {
				fitToBeLive(t, next, facts)
			}
			item = next
		}
	})
}

// An update that says nothing about the offer leaves it as it is.
func TestAnUpdateOfOtherFieldsLeavesTheOffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, _, err := content.New(contentID, video(), able(), at)
		if err != nil {
			t.Fatal(err)
		}
		update := content.Update{
			Title:       maybe(t, "title", false, "A", "B"),
			Tags:        maybe(t, "tags", true, []string{"a"}),
			Featured:    maybe(t, "featured", true, true, false),
			Description: maybe(t, "description", true, "words"),
			Category:    maybe(t, "category", true, "Films"),
		}
		after, _, err := before.Update(update, able(), at)
		if err != nil {
			t.Fatal(err)
		}
		if after.Access != before.Access || after.Price() != before.Price() ||
			after.Visibility != before.Visibility || after.Slug != before.Slug {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}
