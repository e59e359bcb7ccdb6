package migrations

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Grant gives a role what the running program needs, and nothing of the schema: it reads and
// writes rows, and calls functions, which may create the outbox's partitions. The owner of
// the schema calls it after [Apply]. What the owner creates later is granted as well.
func Grant(ctx context.Context, url, role string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("grant: open: %w", err)
	}
	defer func() { _ = db.Close() }()
	name := pgx.Identifier{role}.Sanitize()
	for _, statement := range []string{
		`GRANT USAGE ON SCHEMA public TO `,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO `,
		`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO `,
		`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO `,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO `,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO `,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO `,
		`REVOKE INSERT, UPDATE, DELETE ON ` + versionTable + ` FROM `,
	} {
		if _, err := db.ExecContext(ctx, statement+name); err != nil {
			return fmt.Errorf("grant to role %s: %w", role, err)
		}
	}
	return nil
}
