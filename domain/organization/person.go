package organization

// PlatformRole is what a user may do on the whole platform, as far as organizations
// are concerned. Package identity knows all of them.
type PlatformRole string

// The platform roles that give rights here.
const (
	PlatformCreator PlatformRole = "creator"
	PlatformAdmin   PlatformRole = "admin"
	// PlatformOwner may do in every organization what its owners may.
	PlatformOwner PlatformRole = "platform_owner"
)

// Person is a user as organizations see one; the zero value stands for none.
type Person struct {
	ID        string
	Name      string
	Email     string
	AvatarURL *string
	Role      PlatformRole
}
