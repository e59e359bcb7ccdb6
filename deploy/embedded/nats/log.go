package nats

import (
	"fmt"
	"log/slog"
)

// bridge hands the server's warnings and errors to slog. The rest is dropped:
// notices repeat the configuration, debug and trace carry payloads.
type bridge struct {
	logger *slog.Logger
	fatal  chan string
}

func (b *bridge) Warnf(format string, values ...any) {
	b.logger.Warn("nats-server warning", "text", fmt.Sprintf(format, values...))
}

func (b *bridge) Errorf(format string, values ...any) {
	b.logger.Error("nats-server error", "text", fmt.Sprintf(format, values...))
}

// Fatalf is where a stand-alone nats-server would exit.
func (b *bridge) Fatalf(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	select {
	case b.fatal <- text:
	default:
	}
	b.logger.Error("nats-server cannot go on", "text", text)
}

func (b *bridge) Noticef(string, ...any) {}
func (b *bridge) Debugf(string, ...any)  {}
func (b *bridge) Tracef(string, ...any)  {}
