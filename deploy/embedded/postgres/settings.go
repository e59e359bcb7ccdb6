package postgres

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// settings returns postgresql.conf as name and value. What is not named keeps
// the default of Postgres.
func settings(socketDir string) map[string]string {
	return map[string]string{ //nolint:gosec // password_encryption names a method, not a password
		// Reachable through the socket only.
		"listen_addresses":        "",
		"port":                    socketPort,
		"unix_socket_directories": socketDir,
		"unix_socket_permissions": "0700",
		"password_encryption":     "scram-sha-256",

		// Nothing acknowledged is lost, also in a power cut.
		"fsync":              "on",
		"synchronous_commit": "on",
		"full_page_writes":   "on",

		// A laptop: all processes at rest share well below 100 MB.
		"max_connections":                 "60",
		"shared_buffers":                  "32MB",
		"work_mem":                        "4MB",
		"maintenance_work_mem":            "32MB",
		"effective_cache_size":            "512MB",
		"huge_pages":                      "off",
		"jit":                             "off",
		"max_worker_processes":            "2",
		"max_parallel_workers":            "0",
		"max_parallel_workers_per_gather": "0",
		"max_logical_replication_workers": "0",
		"max_wal_senders":                 "0",
		"max_replication_slots":           "0",
		"autovacuum_max_workers":          "2",

		// Tables of a new installation grow fast, and are planned for without statistics
		// until the first ANALYZE: not a minute long.
		"autovacuum_naptime": "15s",

		// The log is recycled early: 512 MB on disk at most, and a crash recovery
		// of a few seconds.
		"max_wal_size":       "512MB",
		"min_wal_size":       "64MB",
		"checkpoint_timeout": "5min",

		// A client that forgot its transaction must not stop vacuum for ever; one
		// that went away must not keep its query running.
		"idle_in_transaction_session_timeout": "60s",
		"client_connection_check_interval":    "5s",

		// Values of rows (addresses, names) stay out of the log: no statements, no
		// "Key (email)=(…)" details.
		"log_min_messages":           "warning",
		"log_min_error_statement":    "panic",
		"log_error_verbosity":        "terse",
		"log_checkpoints":            "off",
		"log_line_prefix":            "%m [%p] ",
		"logging_collector":          "off",
		"log_destination":            "stderr",
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		"lc_messages":                "C",
		"default_text_search_config": "pg_catalog.simple",
	}
}

// writeSettings replaces postgresql.conf at every start, so that a new version of
// the program brings its settings. ALTER SYSTEM wins over it.
func (c cluster) writeSettings(socketDir string, overrides map[string]string, owner account) error {
	all := settings(socketDir)
	maps.Copy(all, overrides)
	var text strings.Builder
	text.WriteString("# Written at every start. To change a setting for good use ALTER SYSTEM.\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(all[name], "'", "''"))
	}
	path := filepath.Join(c.data(), "postgresql.conf")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write the settings of the database: %w", err)
	}
	return owner.own(path)
}
