package content

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
)

// Errors that clients may switch on.
var (
	ErrNotFound      = domain.Missing("CONTENT_NOT_FOUND", "Content")
	ErrMediaNotFound = domain.Missing("MEDIA_NOT_FOUND", "Media")
	ErrSlugTaken     = domain.NewError(domain.Conflict, "SLUG_TAKEN", "Another content item has this slug")
	ErrMediaType     = domain.NewError(domain.Rule, "CONTENT_TYPE_MISMATCH",
		"The content type does not match the media type")
	ErrMediaNotReady = domain.NewError(domain.Rule, "MEDIA_NOT_READY", "The media item is not ready")
	ErrPayouts       = domain.NewError(domain.Rule, "CREATOR_CONNECT_REQUIRED",
		"Selling needs a payout account that can receive money")
	ErrNotCreator = domain.NewError(domain.Forbidden, "", "Only creators may do this")
	// ErrOrganization rejects an organization in which the actor may not publish.
	ErrOrganization = &domain.Error{
		Class:   domain.Forbidden,
		Code:    "ORGANIZATION_MISMATCH",
		Message: "You may not publish in this organization",
	}
)

// New decides on a new draft.
func New(id string, cmd Create, facts Facts, now time.Time) (Content, []events.Payload, error) {
	if !isCreator(facts.ActorRole) {
		return Content{}, nil, ErrNotCreator
	}
	if err := domain.Use("content", facts.Quota, facts.Items, 1); err != nil {
		return Content{}, nil, err
	}
	c := drafted(id, cmd, facts, now)
	if err := c.mayBelong(facts); err != nil {
		return Content{}, nil, err
	}
	if err := known(cmd.CategoryIDs, facts); err != nil {
		return Content{}, nil, err
	}
	if err := c.fits(facts, true); err != nil {
		return Content{}, nil, err
	}
	return c, []events.Payload{events.ContentCreated{
		ContentID:      c.ID,
		CreatorID:      c.CreatorID,
		OrganizationID: c.OrganizationID,
		MediaItemID:    c.MediaItemID,
		ContentType:    string(c.Type),
		AccessType:     string(c.Access),
		PriceCents:     c.Price(),
		Currency:       c.Currency,
	}}, nil
}

// replacing remembers the media that was published before, when the item has other media now.
func (c Content) replacing(before Content, now time.Time) Content {
	if before.MediaItemID != "" && c.MediaItemID != "" && c.MediaItemID != before.MediaItemID {
		c.ReplacedMediaID = before.MediaItemID
		c.ReplacedAt = &now
	}
	return c
}

func isCreator(role string) bool { return role == "creator" || role == "admin" }

// mayBelong rejects an organization in which the actor may not publish, whether it
// exists or not.
func (c Content) mayBelong(facts Facts) error {
	if c.OrganizationID != "" && !facts.MayPublish {
		return ErrOrganization
	}
	return nil
}

// known rejects categories that the item's space does not have.
func known(ids []string, facts Facts) error {
	v := &domain.Validation{}
	for i, id := range ids {
		if !slices.Contains(facts.Categories, strings.ToLower(id)) {
			v.Reject("categoryIds."+strconv.Itoa(i), "is not a category of this space")
		}
	}
	return domain.BadFields(v.Fields)
}

// fits checks the item against the facts: its slug, its media, its offer. offered says that
// the command sets the price or who may see the item: a price that was set before there was
// a minimum hinders no other change.
func (c Content) fits(facts Facts, offered bool) error {
	v := &domain.Validation{}
	checkOffer(v, c.Access, c.Price(), c.OrganizationID, c.MinimumTierID)
	if offered {
		v.Fields = domain.MergeFields(v.Fields, checkPrice(c.Price(), money.CurrencyOf(c.Currency)))
	}
	if len(v.Fields) > 0 {
		return domain.BadFields(v.Fields)
	}
	if facts.SlugTaken {
		return ErrSlugTaken
	}
	if c.MediaItemID != "" {
		m := facts.Media
		if m == nil || m.Deleted || m.CreatorID != c.CreatorID {
			return ErrMediaNotFound
		}
		if string(c.Type) != m.Type {
			return ErrMediaType
		}
	}
	return nil
}

// owned rejects everyone but the creator; to others the item does not exist.
func (c Content) owned(facts Facts) error {
	if c.ID == "" || c.DeletedAt != nil || c.CreatorID != facts.ActorID {
		return ErrNotFound
	}
	if !isCreator(facts.ActorRole) {
		return ErrNotCreator
	}
	return nil
}

// changeable rejects everyone but the creator, and a creator who has left the organization of
// the item: what it shows is not theirs to change any more.
func (c Content) changeable(facts Facts) error {
	if err := c.owned(facts); err != nil {
		return err
	}
	if c.OrganizationID != "" && facts.OrganizationLive && !facts.MayPublish {
		return ErrOrganization
	}
	return nil
}

// Update decides on a change. A change of a published item passes the same checks as
// publishing. A creator who left an organization can only take the item out of it.
func (c Content) Update(cmd Update, facts Facts, now time.Time) (Content, []events.Payload, error) {
	if err := c.owned(facts); err != nil {
		return c, nil, err
	}

	next, fields := c.with(cmd, facts.Currency)
	if err := next.mayBelong(facts); err != nil {
		return c, nil, err
	}
	if cmd.CategoryIDs.Value != nil {
		if err := known(*cmd.CategoryIDs.Value, facts); err != nil {
			return c, nil, err
		}
	}
	if (cmd.ContentBody.Set || cmd.ContentType.Set) && next.Type == Written && domain.OrZero(next.Body) == "" {
		return c, nil, domain.BadFields([]domain.Field{{Path: "contentBody", Message: bodyRequired}})
	}
	offered := cmd.PriceCents.Set || cmd.AccessType.Set || cmd.Visibility.Set
	if err := next.fits(facts, offered); err != nil {
		return c, nil, err
	}
	if next.Status == Published {
		if err := next.fitToPublish(facts); err != nil {
			return c, nil, err
		}
		next = next.replacing(c, now)
	}
	payloads := c.changes(next, fields)
	if len(payloads) > 0 {
		next.UpdatedAt = now
		next.Version += int64(len(payloads))
	}
	return next, payloads, nil
}

// changes returns the events of a change of these fields.
func (c Content) changes(next Content, fields []string) (payloads []events.Payload) {
	if len(fields) > 0 {
		payloads = append(payloads, events.ContentRevised{ContentID: c.ID, Fields: fields})
	}
	if next.Access != c.Access || next.Price() != c.Price() || next.Price() > 0 && next.Currency != c.Currency {
		payloads = append(payloads, events.ContentPriceChanged{
			ContentID:     c.ID,
			AccessType:    string(next.Access),
			PriceCents:    next.Price(),
			Currency:      next.Currency,
			OldAccessType: string(c.Access),
			OldPriceCents: c.Price(),
			OldCurrency:   c.Currency,
		})
	}
	return payloads
}

// Publish decides on the publication. It has no effect on an item that is published.
func (c Content) Publish(facts Facts, now time.Time) (Content, []events.Payload, error) {
	if err := c.owned(facts); err != nil {
		return c, nil, err
	}
	if c.Status == Published {
		return c, nil, nil
	}
	if err := c.mayBelong(facts); err != nil {
		return c, nil, err
	}
	if fields := checkPrice(c.Price(), money.CurrencyOf(c.Currency)); len(fields) > 0 {
		return c, nil, domain.BadFields(fields)
	}
	if err := c.fitToPublish(facts); err != nil {
		return c, nil, err
	}
	c.Status = Published
	c.PublishedAt = &now
	c.UpdatedAt = now
	c.Version++
	return c, []events.Payload{events.ContentPublished{
		ContentID:      c.ID,
		CreatorID:      c.CreatorID,
		OrganizationID: c.OrganizationID,
		PublishedAt:    now,
	}}, nil
}

// fitToPublish checks what a published item must have: media that can be played and, to be
// sold, a payout account.
func (c Content) fitToPublish(facts Facts) error {
	if c.Type != Written {
		if m := facts.Media; c.MediaItemID == "" || m == nil || m.Deleted || m.CreatorID != c.CreatorID {
			return ErrMediaNotFound
		} else if m.Status != "ready" && !m.Playable {
			return ErrMediaNotReady
		}
	}
	if (c.Access == Paid || c.Access == Subscribers) && facts.PayoutsRequired && !facts.PayoutsReady {
		return ErrPayouts
	}
	return nil
}

// Unpublish makes the item a draft again. The time of publication is kept. Besides the creator
// an owner of the organization may do it, under whose name the item is published.
func (c Content) Unpublish(facts Facts, now time.Time) (Content, []events.Payload, error) {
	takesDown := c.OrganizationID != "" && c.DeletedAt == nil && c.Status == Published && facts.MayTakeDown
	if !takesDown && !isCreator(facts.ActorRole) {
		return c, nil, ErrNotCreator
	}
	if err := c.changeable(facts); err != nil && !takesDown {
		return c, nil, err
	}
	if c.Status != Published {
		return c, nil, nil
	}
	c.Status, c.UpdatedAt = Draft, now
	c.Version++
	return c, []events.Payload{events.ContentUnpublished{ContentID: c.ID}}, nil
}

// ShowThumbnail decides on the item's picture, nil for none.
func (c Content) ShowThumbnail(address *string, facts Facts, now time.Time) (Content, []events.Payload, error) {
	if err := c.changeable(facts); err != nil {
		return c, nil, err
	}
	if domain.OrZero(address) == domain.OrZero(c.ThumbnailURL) {
		return c, nil, nil
	}
	c.ThumbnailURL, c.UpdatedAt = address, now
	c.Version++
	return c, []events.Payload{events.ContentRevised{ContentID: c.ID, Fields: []string{"thumbnailUrl"}}}, nil
}

// Delete decides on the deletion. The slug is free then; the media stays.
func (c Content) Delete(facts Facts, now time.Time) (Content, []events.Payload, error) {
	if err := c.changeable(facts); err != nil {
		return c, nil, err
	}
	c.DeletedAt, c.UpdatedAt = &now, now
	c.Version++
	return c, []events.Payload{events.ContentDeleted{ContentID: c.ID}}, nil
}
