package web

import (
	"net/http"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/commands"
)

func TestEveryStatusOfAnErrorHasAdvice(t *testing.T) {
	t.Parallel()
	statuses := []int{http.StatusRequestTimeout, http.StatusRequestEntityTooLarge}
	for _, class := range []domain.Class{
		domain.Invalid, domain.Unauthorized, domain.PaymentRequired, domain.Forbidden, domain.NotFound, domain.Conflict,
		domain.Rule, domain.Limited, domain.Upstream, domain.Unavailable, domain.Internal, domain.NotConfigured,
	} {
		status, _ := commands.ErrorResponse(&domain.Error{Class: class})
		statuses = append(statuses, status)
	}
	for _, status := range statuses {
		if advice[status] == "" {
			t.Errorf("%d has no advice", status)
		}
	}
}
