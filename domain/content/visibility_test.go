package content_test

import (
	"fmt"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
)

// means is the table of both generations: what visibility and accessType, "" for not
// given, lead to at no price and at a price. A cell is the access type and the
// visibility of the item, or the field that is rejected.
var means = []struct {
	visibility content.Visibility
	access     content.Access
	free       string
	priced     string
}{
	{"", "", "free public", "!priceCents"},
	{"", "free", "free public", "!priceCents"},
	{"", "paid", "!priceCents", "paid purchased_only"},
	{"", "followers", "followers members_only", "followers members_only"},
	{"", "subscribers", "!minimumTierId", "!minimumTierId"},
	{"", "team", "team members_only", "team members_only"},
	{"", "members", "members members_only", "members members_only"},
	{"", "private", "private private", "private private"},

	{"public", "", "free public", "paid public"},
	{"public", "free", "free public", "!priceCents"},
	{"public", "paid", "!priceCents", "paid public"},
	{"public", "followers", "!visibility", "!visibility"},
	{"public", "subscribers", "!visibility", "!visibility"},
	{"public", "team", "!visibility", "!visibility"},
	{"public", "members", "!visibility", "!visibility"},
	{"public", "private", "!visibility", "!visibility"},

	{"purchased_only", "", "!priceCents", "paid purchased_only"},
	{"purchased_only", "free", "!visibility", "!visibility"},
	{"purchased_only", "paid", "!priceCents", "paid purchased_only"},
	{"purchased_only", "followers", "!visibility", "!visibility"},
	{"purchased_only", "subscribers", "!visibility", "!visibility"},
	{"purchased_only", "team", "!visibility", "!visibility"},
	{"purchased_only", "members", "!visibility", "!visibility"},
	{"purchased_only", "private", "!visibility", "!visibility"},

	{"members_only", "", "members members_only", "members members_only"},
	{"members_only", "free", "!visibility", "!visibility"},
	{"members_only", "paid", "!visibility", "!visibility"},
	{"members_only", "followers", "followers members_only", "followers members_only"},
	{"members_only", "subscribers", "!minimumTierId", "!minimumTierId"},
	{"members_only", "team", "team members_only", "team members_only"},
	{"members_only", "members", "members members_only", "members members_only"},
	{"members_only", "private", "!visibility", "!visibility"},

	{"private", "", "private private", "private private"},
	{"private", "free", "!visibility", "!visibility"},
	{"private", "paid", "!visibility", "!visibility"},
	{"private", "followers", "!visibility", "!visibility"},
	{"private", "subscribers", "!visibility", "!visibility"},
	{"private", "team", "!visibility", "!visibility"},
	{"private", "members", "!visibility", "!visibility"},
	{"private", "private", "private private", "private private"},
}

// cell is a cell of the table: access type and visibility of an item, or the rejected field.
func cell(item content.Content, bad []domain.Field) string {
	if len(bad) > 0 {
		return "!" + bad[0].Path
	}
	return fmt.Sprintf("%s %s", item.Access, item.Shown())
}

func badFields(err error) []domain.Field {
	if rejection, ok := domain.AsError(err); ok {
		return rejection.Fields
	}
	return nil
}

func TestBothGenerationsOfVisibilityMeanTheSame(t *testing.T) {
	t.Parallel()
	if len(means) != 5*8 {
		t.Fatalf("the table has %d rows", len(means))
	}
	for _, row := range means {
		for price, want := range map[int64]string{0: row.free, 100: row.priced} {
			order := video()
			order.Visibility, order.AccessType, order.PriceCents = row.visibility, row.access, &price
			bad := order.Validate()
			item, _, err := content.New(contentID, order, able(), at)
			if got := cell(item, append(bad, badFields(err)...)); got != want {
				t.Errorf("created as %q %q at %d: %s, want %s", row.visibility, row.access, price, got, want)
			}
			if row.visibility == "" && row.access == "" {
				continue // an update that says nothing changes nothing
			}
			// Where it was before does not matter.
			for _, before := range []content.Content{
				{Access: content.Free},
				{Access: content.Paid, Visibility: content.Public, PriceCents: ptr(int64(5))},
			} {
				before.ID = contentID
				before.CreatorID = creator
				before.OrganizationID = organization
				before.Type = content.Video
				before.MediaItemID = mediaID
				update := content.Update{PriceCents: set(price)}
				if row.visibility != "" {
					update.Visibility = set(row.visibility)
				}
				if row.access != "" {
					update.AccessType = set(row.access)
				}
				bad = update.Validate()
				item, _, err = before.Update(update, able(), at)
				if got := cell(item, append(bad, badFields(err)...)); got != want {
					t.Errorf("%s became %q %q at %d: %s, want %s", before.Access, row.visibility, row.access, price, got, want)
				}
			}
		}
	}
}
