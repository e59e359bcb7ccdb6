package web_test

import (
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestMain(m *testing.M) { handlertest.Main(m) }
