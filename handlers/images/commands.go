package images

import (
	"fmt"
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
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/view"
)

// imageCommands is the context "image", which attaches pictures to users, organizations and
// content, and removes them. The aggregate is the owner. The objects of the picture are stored
// before the command, under the record that it names.
func imageCommands() commands.Context {
	return commands.NewContext("image", openImages,
		commands.Handle(media.CommandAttachImage, (*imageBatch).wantAttach, (*imageBatch).attach),
		commands.Handle(media.CommandRemoveImage, (*imageBatch).wantRemove, (*imageBatch).remove),
	)
}

// ownerKey identifies the owner of a picture.
type ownerKey struct {
	kind media.ImageKind
	id   string
}

// imageBatch is the state that a batch of commands loads and changes.
type imageBatch struct {
	images map[string]media.Image
	owners map[media.ImageKind]map[string]postgres.ImageOwner
	items  map[string]content.Content
	media  map[string]media.Item
	actors *commands.Actors
	// categories show covers; roles are the actors' roles in their organizations.
	categories map[string]content.Category
	roles      contentstore.Roles
	now        time.Time
	// attached are the ids of the images that are shown after the batch, "" for none.
	attached *commands.State[ownerKey, attachedImage]

	wanted struct {
		owners map[media.ImageKind][]string
		images []string
		users  []string
	}
}

// attachedImage is the picture of an owner; the id is "" for none.
type attachedImage struct {
	owner ownerKey
	id    string
}

func openImages() *imageBatch {
	b := &imageBatch{
		images:     map[string]media.Image{},
		owners:     map[media.ImageKind]map[string]postgres.ImageOwner{media.Avatar: {}, media.Logo: {}},
		items:      map[string]content.Content{},
		media:      map[string]media.Item{},
		categories: map[string]content.Category{},
		actors:     commands.NewActors(),
		roles:      contentstore.Roles{},
		attached:   commands.NewState[ownerKey, attachedImage](),
	}
	b.wanted.owners = map[media.ImageKind][]string{}
	return b
}

func (b *imageBatch) wantAttach(cmd events.Command, p *media.AttachImage) {
	b.wantOwner(cmd, p.Kind)
	b.wanted.images = append(b.wanted.images, p.ImageID)
}

func (b *imageBatch) wantRemove(cmd events.Command, p *media.RemoveImage) { b.wantOwner(cmd, p.Kind) }

func (b *imageBatch) wantOwner(cmd events.Command, kind media.ImageKind) {
	b.wanted.owners[kind] = append(b.wanted.owners[kind], cmd.AggregateID)
	organizationID := ""
	if kind == media.Logo {
		organizationID = cmd.AggregateID
	}
	b.actors.Want(cmd.ActorID, organizationID)
	b.wanted.users = append(b.wanted.users, cmd.ActorID)
}

// Load implements [commands.Batch].
func (b *imageBatch) Load(load *pgx.Batch) {
	b.actors.Load(load)
	if ids := b.wanted.owners[media.Avatar]; len(ids) > 0 {
		postgres.QueueUserPictures(load, ids, b.owners[media.Avatar])
	}
	if ids := b.wanted.owners[media.Logo]; len(ids) > 0 {
		postgres.QueueOrganizationLogos(load, ids, b.owners[media.Logo])
	}
	if ids := b.wanted.owners[media.Thumbnail]; len(ids) > 0 {
		contentstore.QueueLock(load, ids, b.items)
		contentstore.QueueRoles(load, nil, b.wanted.users, ids, b.roles)
	}
	if ids := b.wanted.owners[media.Poster]; len(ids) > 0 {
		postgres.QueueLock(load, ids, b.media)
	}
	if ids := b.wanted.owners[media.Cover]; len(ids) > 0 {
		contentstore.QueueLockCategories(load, ids, b.categories)
		contentstore.QueueCategoryRoles(load, nil, b.wanted.users, ids, b.roles)
	}
	if len(b.wanted.images) > 0 {
		postgres.QueueImages(load, b.wanted.images, b.images)
	}
}

func (b *imageBatch) attach(cmd events.Command, p *media.AttachImage, now time.Time) (commands.Outcome, error) {
	image, found := b.images[p.ImageID]
	if !found || image.Kind != p.Kind || image.OwnerID != cmd.AggregateID {
		return commands.Outcome{}, media.ErrImageGone
	}
	if p.Kind == media.Cover {
		return b.showCover(cmd, image, now)
	}
	facts, err := b.show(cmd, p.Kind, p.ImageID, &image.Address, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(imageView(image), facts...).Of(image.ID), nil
}

func (b *imageBatch) remove(cmd events.Command, p *media.RemoveImage, now time.Time) (commands.Outcome, error) {
	facts, err := b.show(cmd, p.Kind, "", nil, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	if p.Kind == media.Logo {
		return commands.OK(view.BrandingOf(nil), facts...).Of(cmd.AggregateID), nil
	}
	return commands.NoContent(facts...), nil
}

// show makes an image, or none, the picture of an owner.
func (b *imageBatch) show(
	cmd events.Command, kind media.ImageKind, imageID string, address *string, now time.Time,
) (facts []events.Fact, err error) {
	b.now = now
	switch kind {
	case media.Thumbnail:
		facts, err = b.showThumbnail(cmd, address, now)
	case media.Poster:
		facts, err = b.showPoster(cmd, address, now)
	case media.Avatar, media.Logo:
		facts, err = b.showOf(cmd, kind, address)
	default:
		err = fmt.Errorf("unknown kind of image %q", kind)
	}
	if err == nil && len(facts) > 0 {
		key := ownerKey{kind, cmd.AggregateID}
		b.attached.Put(key, attachedImage{owner: key, id: imageID})
	}
	return facts, err
}

// showCover makes an image the cover of its category. No event follows: see the commands of
// categories.
func (b *imageBatch) showCover(cmd events.Command, image media.Image, now time.Time) (commands.Outcome, error) {
	before := b.categories[cmd.AggregateID]
	facts := b.roles.CategoryFacts(cmd.ActorID, b.actors.Role(cmd.ActorID), before.OrganizationID)
	key := image.Prefix + shownName
	next, err := before.ShowCover(key, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.now = now
	b.categories[next.ID] = next
	of := ownerKey{media.Cover, next.ID}
	b.attached.Put(of, attachedImage{owner: of, id: image.ID})
	return commands.OK(imageView(image)).Of(image.ID), nil
}

func (b *imageBatch) showThumbnail(cmd events.Command, address *string, now time.Time) ([]events.Fact, error) {
	id := cmd.AggregateID
	organizationID := b.items[id].OrganizationID
	facts := content.Facts{
		ActorID:          cmd.ActorID,
		ActorRole:        b.actors.Role(cmd.ActorID),
		MayPublish:       b.roles.MayPublish(organizationID, cmd.ActorID),
		OrganizationLive: b.roles.Live(organizationID),
	}
	next, payloads, err := b.items[id].ShowThumbnail(address, facts, now)
	if err != nil {
		return nil, err
	}
	b.items[id] = next
	return events.Facts(next.Tenant(), id, next.Version, payloads...), nil
}

func (b *imageBatch) showPoster(cmd events.Command, address *string, now time.Time) ([]events.Fact, error) {
	actor := media.Actor{ID: cmd.ActorID, Role: b.actors.Role(cmd.ActorID)}
	next, payloads, err := b.media[cmd.AggregateID].ShowPoster(address, media.Facts{Actor: actor}, now)
	if err != nil {
		return nil, err
	}
	b.media[next.ID] = next
	return events.Facts(next.CreatorID, next.ID, next.Version, payloads...), nil
}

// showOf is show for a user or an organization.
func (b *imageBatch) showOf(cmd events.Command, kind media.ImageKind, address *string) ([]events.Fact, error) {
	id := cmd.AggregateID
	owner, found := b.owners[kind][id]
	var payload events.Payload
	switch {
	case kind == media.Avatar && (!found || cmd.ActorID != id):
		return nil, identity.ErrUserNotFound
	case kind == media.Avatar:
		payload = events.UserProfileUpdated{UserID: id, Fields: []string{"avatarUrl"}}
	default:
		if err := b.mayBrand(cmd.ActorID, id, found); err != nil {
			return nil, err
		}
		payload = events.OrganizationBrandingChanged{OrganizationID: id, Fields: []string{"logoUrl"}}
	}
	if domain.OrZero(owner.Address) == domain.OrZero(address) {
		return nil, nil
	}
	owner.Address = address
	owner.Version++
	b.owners[kind][id] = owner
	return events.Facts(id, id, owner.Version, payload), nil
}

var errNotManagement = domain.NewError(domain.Forbidden, "", "Only the organization's management may do this")

// mayBrand permits the management of the organization and the platform's owner. For others
// the error is the same whether or not the organization exists.
func (b *imageBatch) mayBrand(actor, organizationID string, exists bool) error {
	role := b.actors.Role(actor)
	member := organization.Authority{Member: organization.Role(b.actors.OrganizationRole(organizationID, actor))}
	switch {
	case role == string(organization.PlatformOwner) && !exists:
		return organization.ErrOrganizationNotFound
	case role == string(organization.PlatformOwner):
		return nil
	case role == "" || !member.Manages():
		return errNotManagement
	default:
		return nil
	}
}

// Save implements [commands.Batch].
func (b *imageBatch) Save(save *pgx.Batch) error {
	changed := b.attached.Changed()
	if len(changed) == 0 {
		return nil
	}
	var items []content.Content
	var categories []content.Category
	var posters []media.Item
	owners := map[media.ImageKind][]postgres.ImageOwner{}
	var ids, kinds []string
	attached := []string{}
	for _, image := range changed {
		kind, owner := image.owner.kind, image.owner.id
		ids = append(ids, owner)
		kinds = append(kinds, string(kind))
		if image.id != "" {
			attached = append(attached, image.id)
		}
		switch kind {
		case media.Thumbnail:
			items = append(items, b.items[owner])
		case media.Cover:
			categories = append(categories, b.categories[owner])
		case media.Poster:
			posters = append(posters, b.media[owner])
		default:
			owners[kind] = append(owners[kind], b.owners[kind][owner])
		}
	}

	postgres.QueueSettleImages(save, attached, ids, kinds, b.now)
	if err := postgres.QueueSaveUserPictures(save, owners[media.Avatar], b.now); err != nil {
		return err
	}
	if err := postgres.QueueSaveOrganizationLogos(save, owners[media.Logo], b.now); err != nil {
		return err
	}
	if err := postgres.QueueSave(save, posters); err != nil {
		return err
	}
	if err := contentstore.QueueSaveCategories(save, categories); err != nil {
		return err
	}
	return contentstore.QueueSave(save, nil, items)
}
