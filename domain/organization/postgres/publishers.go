package postgres

import (
	"strings"

	"github.com/codex-platform/codex/domain/organization"
)

// Publishes is the condition of a membership whose role is one of
// [organization.PublishingRoles]; the membership is the table or alias m.
func Publishes(m string) string {
	names := make([]string, len(organization.PublishingRoles))
	for i, role := range organization.PublishingRoles {
		names[i] = "'" + string(role) + "'"
	}
	return m + ".role IN (" + strings.Join(names, ", ") + ")"
}
