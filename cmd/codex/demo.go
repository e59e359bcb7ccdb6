package main

import (
	"os"

	"github.com/codex-platform/codex/cmd/codex/demo"
)

type demoCmd struct {
	API      string `help:"Address of a running platform. Without it the one on this machine is used when it answers, else a throw-away one is started."`
	NATS     string `help:"Address of that platform's bus." default:"nats://127.0.0.1:4222"`
	Payments string `help:"Address of that platform's payments sandbox." default:"http://127.0.0.1:8090"`
}

// Run runs the demonstration.
func (d demoCmd) Run(a *app) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	return demo.Run(a.ctx, demo.Options{API: d.API, NATS: d.NATS, Payments: d.Payments, Binary: binary, Out: a.out})
}
