package identity

// The names of the commands about organizations and their members. Their payloads are the
// structs of the same names.
const (
	CommandCreateOrganization = "organization.create"
	CommandUpdateOrganization = "organization.update"
	CommandDeleteOrganization = "organization.delete"
	CommandInvite             = "organization.invite"
	CommandAcceptInvitation   = "organization.accept"
	CommandDeclineInvitation  = "organization.decline"
	CommandChangeMember       = "organization.change_role"
	CommandRemoveMember       = "organization.remove_member"
)
