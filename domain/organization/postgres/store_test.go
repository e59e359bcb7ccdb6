package postgres_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
)

func TestOrganizationsAndMembershipsAreReadAsSaved(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	_, err := pool.Exec(t.Context(), `
INSERT INTO users (id, name, email, role, image, avatar_url, version, created_at, updated_at) VALUES
    ('u1', 'Ada', 'ada@example.org', 'creator', 'https://a.test/old.png', 'https://a.test/new.png', 1, $1, $1),
    ('u2', 'Grace', 'grace@example.org', 'customer', 'https://a.test/g.png', NULL, 1, $1, $1)`, noon)
	if err != nil {
		t.Fatal(err)
	}
	cmd := organization.CreateOrganization{Name: "Trains", Slug: "trains"}
	facts := organization.CreateFacts{ActorID: "u1", ActorRole: organization.PlatformCreator}
	o, owner, _, err := organization.Create(uuid.NewString(), cmd, facts, noon)
	if err != nil {
		t.Fatal(err)
	}
	owner.ID = uuid.NewString()
	invited, _, err := organization.Membership{}.Invite(
		organization.Invite{UserID: "u2", Role: organization.Creator},
		uuid.NewString(),
		organization.MemberFacts{
			Organization: o,
			Actor:        organization.Authority{UserID: "u1", Member: organization.Owner},
			Owners:       1,
		},
		noon,
	)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, pool, func(b *pgx.Batch) error {
		return errors.Join(
			postgres.QueueSaveOrganizations(b, []organization.Organization{o}),
			postgres.QueueSaveMembers(b, []organization.Membership{owner, invited}),
		)
	})

	people := map[string]organization.Person{}
	organizations := map[string]organization.Organization{}
	members := map[organization.MembershipKey]organization.Membership{}
	slugs := map[string]organization.SlugOwner{}
	apply(t, pool, func(b *pgx.Batch) error {
		postgres.QueuePeople(b, []string{"u1", "u2", "u3"}, people)
		postgres.QueueLockOrganizations(b, []string{o.ID}, organizations)
		postgres.QueueMembers(b, []string{o.ID}, []string{"u2"}, members)
		postgres.QueueSlugOwners(b, []string{"trains", "ships"}, slugs)
		return nil
	})

	text := func(s string) *string { return &s }
	if want := map[string]organization.Person{
		"u1": {
			ID:        "u1",
			Name:      "Ada",
			Email:     "ada@example.org",
			AvatarURL: text("https://a.test/new.png"),
			Role:      organization.PlatformCreator,
		},
		"u2": {
			ID:        "u2",
			Name:      "Grace",
			Email:     "grace@example.org",
			AvatarURL: text("https://a.test/g.png"),
			Role:      "customer",
		},
	}; !reflect.DeepEqual(people, want) {
		t.Errorf("people %+v", people)
	}
	if got := organizations[o.ID]; got.Slug != "trains" || got.Version != 2 || !got.Live() {
		t.Errorf("organization %+v", got)
	}
	if got := members[owner.Key()]; got.ID != owner.ID || got.Role != organization.Owner || got.JoinedAt == nil {
		t.Errorf("the owner, who was not asked for, is %+v", got)
	}
	got := members[invited.Key()]
	if got.ID != invited.ID || got.Status != organization.Invited || *got.InvitedBy != "u1" || got.JoinedAt != nil ||
		!got.ExpiresAt.Equal(noon.Add(7*24*time.Hour)) {
		t.Errorf("the invited user is %+v", got)
	}
	if want := map[string]organization.SlugOwner{"trains": {ID: o.ID}}; !reflect.DeepEqual(slugs, want) {
		t.Errorf("slugs %v", slugs)
	}
}

func TestALiveOrganizationHoldsTheSlugOfADeletedOne(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	deleted := organization.Organization{
		ID:        uuid.NewString(),
		Name:      "Trains",
		Slug:      "trains",
		Version:   3,
		CreatedAt: noon,
		UpdatedAt: noon,
		DeletedAt: &noon,
	}
	next := deleted
	next.ID, next.DeletedAt = uuid.NewString(), nil
	apply(t, pool, func(b *pgx.Batch) error {
		return postgres.QueueSaveOrganizations(b, []organization.Organization{deleted, next})
	})

	slugs := map[string]organization.SlugOwner{}
	apply(t, pool, func(b *pgx.Batch) error {
		postgres.QueueSlugOwners(b, []string{"trains"}, slugs)
		return nil
	})
	if owner := slugs["trains"]; owner.ID != next.ID || !owner.Holds(noon) {
		t.Errorf("slugs %v, want %s", slugs, next.ID)
	}
}
