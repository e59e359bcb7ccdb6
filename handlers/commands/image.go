package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	contentstore "github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// Image applies the commands of context "image": the pictures of users,
// organizations and content. The aggregate is the one that shows the picture; its
// objects are in the store by then, under the record that the command names.
type Image struct{}

// Name implements Context.
func (Image) Name() string { return "image" }

// Open implements Context.
func (Image) Open(batch []events.Command) Unit {
	u := &imageUnit{
		cmds: batch, wanted: make([]wantedImage, len(batch)), images: map[string]media.Image{}, actors: newActors(),
		owners: map[media.ImageKind]map[string]postgres.ImageOwner{media.Avatar: {}, media.Logo: {}},
		items:  map[string]content.Content{}, changed: map[imageOf]bool{},
	}
	for i, cmd := range batch {
		u.wanted[i] = decodeImage(cmd)
	}
	return u
}

// wantedImage is what one command asks for: an image, or none when id is empty.
type wantedImage struct {
	kind media.ImageKind
	id   string
	err  error
}

func decodeImage(cmd events.Command) wantedImage {
	var attach media.AttachImage
	var remove media.RemoveImage
	var err error
	switch cmd.Type {
	case "image.attach":
		err = json.Unmarshal(cmd.Payload, &attach)
	case "image.remove":
		err = json.Unmarshal(cmd.Payload, &remove)
		attach.Kind = remove.Kind
	default:
		return wantedImage{err: fmt.Errorf("unknown command %q", cmd.Type)}
	}
	if known := media.ImageTypes(attach.Kind) != nil; err == nil && !known {
		err = fmt.Errorf("unknown kind %q", attach.Kind)
	}
	if err != nil {
		return wantedImage{err: fmt.Errorf("decode %s: %w", cmd.Type, err)}
	}
	return wantedImage{kind: attach.Kind, id: attach.ImageID}
}

// imageOf is the place of a picture.
type imageOf struct {
	kind  media.ImageKind
	owner string
}

type imageUnit struct {
	cmds   []events.Command
	wanted []wantedImage

	images  map[string]media.Image
	owners  map[media.ImageKind]map[string]postgres.ImageOwner
	items   map[string]content.Content
	actors  *actors
	now     time.Time
	order   []imageOf
	changed map[imageOf]bool
	// attached are the images that are in use after the batch.
	attached map[imageOf]string
}

// Load implements Unit.
func (u *imageUnit) Load(b *pgx.Batch) {
	owners := map[media.ImageKind][]string{}
	var images []string
	for i, cmd := range u.cmds {
		w := u.wanted[i]
		if w.err != nil {
			continue
		}
		owners[w.kind] = append(owners[w.kind], cmd.AggregateID)
		if w.id != "" {
			images = append(images, w.id)
		}
		organization := ""
		if w.kind == media.Logo {
			organization = cmd.AggregateID
		}
		u.actors.want(cmd.ActorID, organization)
	}
	if len(u.actors.users) > 0 {
		u.actors.load(b)
	}
	if ids := owners[media.Avatar]; len(ids) > 0 {
		postgres.QueueUserPictures(b, ids, u.owners[media.Avatar])
	}
	if ids := owners[media.Logo]; len(ids) > 0 {
		postgres.QueueOrganizationLogos(b, ids, u.owners[media.Logo])
	}
	if ids := owners[media.Thumbnail]; len(ids) > 0 {
		contentstore.QueueLock(b, ids, u.items)
	}
	if len(images) > 0 {
		postgres.QueueImages(b, images, u.images)
	}
}

// Decide implements Unit.
func (u *imageUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd, w := u.cmds[i], u.wanted[i]
	if w.err != nil {
		return Outcome{}, w.err
	}
	u.now = now
	var address *string
	var image media.Image
	if w.id != "" {
		var found bool
		image, found = u.images[w.id]
		if !found || image.Kind != w.kind || image.OwnerID != cmd.AggregateID {
			return Outcome{}, media.ErrImageGone
		}
		address = &image.Address
	}
	facts, err := u.show(cmd, w.kind, address, now)
	if err != nil {
		return Outcome{}, err
	}
	if len(facts) > 0 {
		u.settle(imageOf{w.kind, cmd.AggregateID}, w.id)
	}
	switch {
	case w.kind == media.Logo:
		return Changed(wire.BrandingOf(address), facts...), nil
	case address == nil:
		return Done(facts...), nil
	case w.kind == media.Avatar:
		return Changed(wire.Avatar{AvatarURL: image.Address, Size: image.Size, MimeType: image.MIME}, facts...), nil
	default:
		return Changed(wire.Thumbnail{ThumbnailURL: image.Address, Size: image.Size, MimeType: image.MIME}, facts...), nil
	}
}

func (u *imageUnit) settle(place imageOf, id string) {
	if !u.changed[place] {
		u.changed[place] = true
		u.order = append(u.order, place)
	}
	if u.attached == nil {
		u.attached = map[imageOf]string{}
	}
	u.attached[place] = id
}

// show makes a picture, or none, the one of its owner. Who may is decided here.
func (u *imageUnit) show(cmd events.Command, kind media.ImageKind, address *string, now time.Time) ([]events.Fact, error) {
	id := cmd.AggregateID
	if kind == media.Thumbnail {
		facts := content.Facts{ActorID: cmd.ActorID, ActorRole: u.actors.roles[cmd.ActorID]}
		next, happened, err := u.items[id].ShowThumbnail(address, facts, now)
		if err != nil {
			return nil, err
		}
		u.items[id] = next
		return numbered(next.Tenant(), id, next.Version, happened), nil
	}
	owner, found := u.owners[kind][id]
	var payload events.Payload
	switch {
	case kind == media.Avatar && (!found || cmd.ActorID != id):
		return nil, identity.ErrUserNotFound
	case kind == media.Avatar:
		payload = events.UserProfileUpdated{UserID: id, Fields: []string{"avatarUrl"}}
	default:
		if err := u.mayBrand(cmd.ActorID, id, found); err != nil {
			return nil, err
		}
		payload = events.OrganizationBrandingChanged{OrganizationID: id, Fields: []string{"logoUrl"}}
	}
	if orEmpty(owner.Address) == orEmpty(address) {
		return nil, nil
	}
	owner.Address = address
	owner.Version++
	u.owners[kind][id] = owner
	return numbered(id, id, owner.Version, []events.Payload{payload}), nil
}

// brandingRoles are the organization roles that decide what it looks like.
var brandingRoles = []string{"owner", "admin"}

var errNotManagement = domain.Refuse(domain.Forbidden, "", "Only the organization's management may do this")

// mayBrand lets the organization's management, and the platform's owner. To everyone
// else it makes no difference whether the organization exists.
func (u *imageUnit) mayBrand(actor, organizationID string, exists bool) error {
	switch {
	case u.actors.roles[actor] == string(organization.PlatformOwner) && !exists:
		return organization.ErrOrganizationNotFound
	case u.actors.roles[actor] == string(organization.PlatformOwner):
		return nil
	case u.actors.roles[actor] == "" || !slices.Contains(brandingRoles, u.actors.memberships[membership{organizationID, actor}]):
		return errNotManagement
	default:
		return nil
	}
}

// Save implements Unit.
func (u *imageUnit) Save(b *pgx.Batch) error {
	var items []content.Content
	owners := map[media.ImageKind][]postgres.ImageOwner{}
	var ids, kinds []string
	attached := []string{}
	for _, place := range u.order {
		ids, kinds = append(ids, place.owner), append(kinds, string(place.kind))
		if id := u.attached[place]; id != "" {
			attached = append(attached, id)
		}
		if place.kind == media.Thumbnail {
			items = append(items, u.items[place.owner])
		} else {
			owners[place.kind] = append(owners[place.kind], u.owners[place.kind][place.owner])
		}
	}
	if len(ids) == 0 {
		return nil
	}
	postgres.QueueSettleImages(b, attached, ids, kinds, u.now)
	if err := postgres.QueueSaveUserPictures(b, owners[media.Avatar], u.now); err != nil {
		return err
	}
	if err := postgres.QueueSaveOrganizationLogos(b, owners[media.Logo], u.now); err != nil {
		return err
	}
	return contentstore.QueueSave(b, nil, items)
}
