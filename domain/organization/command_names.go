package organization

// The names of the commands about organizations (payloads CreateOrganization,
// UpdateOrganization and DeleteOrganization) and their members (payloads of the same names).
const (
	CommandCreate            = "organization.create"
	CommandUpdate            = "organization.update"
	CommandDelete            = "organization.delete"
	CommandInvite            = "organization.invite"
	CommandAcceptInvitation  = "organization.accept"
	CommandDeclineInvitation = "organization.decline"
	CommandChangeMember      = "organization.change_role"
	CommandRemoveMember      = "organization.remove_member"
)
