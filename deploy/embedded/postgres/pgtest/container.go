package pgtest

import (
	"context"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/container"
)

// fromImage runs an official Postgres image, or one with its conventions. Ready
// means reachable over TCP: the server that such images run while they initialise
// listens on a unix socket only.
func fromImage(image string) (source, error) {
	hostPort, purge, err := container.Start(container.Spec{
		Variable: ImageVariable,
		Image:    image,
		Port:     "5432/tcp",
		Env: []string{
			"POSTGRES_USER=codex",
			"POSTGRES_PASSWORD=codex",
			"POSTGRES_DB=postgres",
			"POSTGRES_HOST_AUTH_METHOD=trust",
		},
		Cmd:   []string{"postgres", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"},
		Ready: answers,
	})
	if err != nil {
		return source{}, err
	}
	return source{adminURL: tcpURL(hostPort), stop: func(context.Context) error { return purge() }}, nil
}

func answers(hostPort string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, tcpURL(hostPort))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func tcpURL(hostPort string) string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("codex", "codex"),
		Host:     hostPort,
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}).String()
}
