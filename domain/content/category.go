package content

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
)

// MaxCategorySlug is the longest slug of a category, in characters.
const MaxCategorySlug = 120

// Errors of categories that clients may switch on.
var (
	ErrCategoryNotFound = domain.Missing("CATEGORY_NOT_FOUND", "Category")
	ErrCategoryMember   = &domain.Error{
		Class:   domain.Forbidden,
		Code:    "ORGANIZATION_MISMATCH",
		Message: "Only members of the organization may do this",
	}
	ErrCategoryManager = domain.NewError(domain.Forbidden, "NOT_A_MANAGER",
		"Only owners and admins of the organization may change its categories")
)

// Category is a group of content items of one space.
type Category struct {
	ID             string
	OrganizationID string // empty: of the creator's personal items
	CreatorID      string
	Name           string
	// Slug is made from the first name and never changes.
	Slug        string
	Description *string
	Icon        *string
	// CoverImageKey is the object of the cover in the bucket of assets.
	CoverImageKey *string
	// SortOrder is the category's position among those of its space, from 0.
	SortOrder int
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt *time.Time
	// Version counts the changes.
	Version int64
}

// Scope is the space that the category belongs to.
func (c Category) Scope() Scope { return ScopeOf(c.CreatorID, c.OrganizationID) }

// CategoryFacts are what a decision about a category rests on, read in the same
// transaction.
type CategoryFacts struct {
	// ActorID is the user; ActorRole is their platform role now, empty when the account
	// does not exist.
	ActorID   string
	ActorRole string
	// Member and Manager say what the actor is in the organization of the category.
	Member  bool
	Manager bool
	// Quota limits the live categories of the actor, who has Categories now.
	Quota, Categories int64
	// SlugTaken reports whether another category of the space has a slug.
	SlugTaken func(slug string) bool
}

// NewCategory decides on a new category. Any active member may add one to an organization.
func NewCategory(id string, cmd CreateCategory, facts CategoryFacts, now time.Time) (Category, error) {
	c := Category{
		ID:             id,
		OrganizationID: domain.OrZero(cmd.OrganizationID),
		CreatorID:      facts.ActorID,
		Name:           cmd.Name,
		Description:    cmd.Description,
		Icon:           cmd.Icon,
		CoverImageKey:  cmd.CoverImageKey,
		SortOrder:      cmd.SortOrder,
		CreatedAt:      now,
		UpdatedAt:      now,
		Version:        1,
	}
	if !isCreator(facts.ActorRole) {
		return Category{}, ErrNotCreator
	}
	if c.OrganizationID != "" && !facts.Member {
		return Category{}, ErrCategoryMember
	}
	if err := domain.Use("categories", facts.Quota, facts.Categories, 1); err != nil {
		return Category{}, err
	}
	base := CategorySlug(cmd.Name)
	if base == "" {
		return Category{}, domain.BadFields([]domain.Field{{Path: "name", Message: noSlug}})
	}
	c.Slug = freeSlug(base, facts.SlugTaken)
	return c, nil
}

// Update decides on a change. The slug stays: addresses have it.
func (c Category) Update(cmd UpdateCategory, facts CategoryFacts, now time.Time) (Category, error) {
	if err := c.MayChange(facts); err != nil {
		return c, err
	}
	set(&c.Name, cmd.Name)
	set(&c.SortOrder, cmd.SortOrder)
	setPointer(&c.Description, cmd.Description)
	setPointer(&c.Icon, cmd.Icon)
	setPointer(&c.CoverImageKey, cmd.CoverImageKey)
	return c.changed(now), nil
}

// ReorderIn gives categories the positions 0, 1, 2, …. All of them must be of one scope; the
// zero Category stands for one that does not exist.
func ReorderIn(scope Scope, ordered []Category, facts CategoryFacts, now time.Time) ([]Category, error) {
	moved := make([]Category, len(ordered))
	for i, c := range ordered {
		if c.Scope() != scope {
			return nil, ErrCategoryNotFound
		}
		if err := c.MayChange(facts); err != nil {
			return nil, err
		}
		if c.SortOrder != i {
			c.SortOrder = i
			c = c.changed(now)
		}
		moved[i] = c
	}
	return moved, nil
}

// ShowCover gives the category a cover: the object of the key.
func (c Category) ShowCover(key string, facts CategoryFacts, now time.Time) (Category, error) {
	if err := c.MayChange(facts); err != nil {
		return c, err
	}
	c.CoverImageKey = &key
	return c.changed(now), nil
}

// Delete decides on the end of a category: no item is in it any more, and its slug is free.
func (c Category) Delete(facts CategoryFacts, now time.Time) (Category, error) {
	if err := c.MayChange(facts); err != nil {
		return c, err
	}
	c.DeletedAt = &now
	return c.changed(now), nil
}

// MayChange reports why the actor may not change the category. To users who are not members
// of its organization, and for personal categories to everyone but the creator, it does not
// exist.
func (c Category) MayChange(facts CategoryFacts) error {
	if !isCreator(facts.ActorRole) {
		return ErrNotCreator
	}
	switch {
	case c.ID == "" || c.DeletedAt != nil:
		return ErrCategoryNotFound
	case c.OrganizationID == "" && c.CreatorID != facts.ActorID:
		return ErrCategoryNotFound
	case c.OrganizationID == "":
		return nil
	case !facts.Member:
		return ErrCategoryNotFound
	case !facts.Manager:
		return ErrCategoryManager
	}
	return nil
}

func (c Category) changed(now time.Time) Category {
	c.UpdatedAt = now
	c.Version++
	return c
}

// freeSlug returns the slug, or with the first of -2, -3, … that makes it free.
func freeSlug(base string, taken func(string) bool) string {
	slug := base
	for n := 2; taken(slug); n++ {
		suffix := "-" + strconv.Itoa(n)
		short := []rune(base)
		if most := MaxCategorySlug - len(suffix); len(short) > most {
			short = short[:most]
		}
		slug = strings.TrimRight(string(short), "-") + suffix
	}
	return slug
}

// idSet returns ids in the form in which they are kept: lower case, sorted, each once.
func idSet(ids []string) []string {
	kept := make([]string, len(ids))
	for i, id := range ids {
		kept[i] = strings.ToLower(id)
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}
