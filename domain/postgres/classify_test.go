package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/codex-platform/codex/domain/postgres"
)

func reported(code string) error { return &pgconn.PgError{Code: code} }

func TestOnlyWhatIsProvenToComeFromTheInputIsInput(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]postgres.Class{
		"08000": postgres.Unavailable, // connection_exception
		"08006": postgres.Unavailable, // connection_failure
		"08P01": postgres.Unavailable, // protocol_violation
		"53100": postgres.Unavailable, // disk_full
		"53200": postgres.Unavailable, // out_of_memory
		"53300": postgres.Unavailable, // too_many_connections
		"57014": postgres.Unavailable, // query_canceled
		"57P01": postgres.Unavailable, // admin_shutdown
		"57P02": postgres.Unavailable, // crash_shutdown
		"57P03": postgres.Unavailable, // cannot_connect_now
		"58030": postgres.Unavailable, // io_error
		"25006": postgres.Unavailable, // read_only_sql_transaction
		"25P03": postgres.Unavailable, // idle_in_transaction_session_timeout
		"25P04": postgres.Unavailable, // transaction_timeout

		"40001": postgres.Retry, // serialization_failure
		"40P01": postgres.Retry, // deadlock_detected
		"55P03": postgres.Retry, // lock_not_available
		"55006": postgres.Retry, // object_in_use

		"21000": postgres.Input, // cardinality_violation
		"22001": postgres.Input, // string_data_right_truncation
		"22003": postgres.Input, // numeric_value_out_of_range
		"22021": postgres.Input, // character_not_in_repertoire
		"22P02": postgres.Input, // invalid_text_representation
		"23502": postgres.Input, // not_null_violation
		"23503": postgres.Input, // foreign_key_violation
		"23505": postgres.Input, // unique_violation
		"23514": postgres.Input, // check_violation
		"44000": postgres.Input, // with_check_option_violation
		"54000": postgres.Input, // program_limit_exceeded
		"P0001": postgres.Input, // raise_exception

		"42501": postgres.Unknown, // insufficient_privilege
		"42601": postgres.Unknown, // syntax_error
		"42804": postgres.Unknown, // datatype_mismatch
		"42846": postgres.Unknown, // cannot_coerce
		"42P18": postgres.Unknown, // indeterminate_datatype
		"54011": postgres.Unknown, // too_many_columns
		"42P01": postgres.Unknown, // undefined_table
		"42703": postgres.Unknown, // undefined_column
		"42883": postgres.Unknown, // undefined_function
		"0A000": postgres.Unknown, // feature_not_supported: a cached plan after a migration
		"25P02": postgres.Unknown, // in_failed_sql_transaction: hides the first error
		"28P01": postgres.Unknown, // invalid_password
		"3D000": postgres.Unknown, // invalid_catalog_name
		"XX000": postgres.Unknown, // internal_error
		"XX001": postgres.Unknown, // data_corrupted
		"99999": postgres.Unknown,
		"":      postgres.Unknown,
	} {
		for name, err := range map[string]error{
			"plain":   reported(code),
			"wrapped": fmt.Errorf("insert: %w", reported(code)),
			"joined":  errors.Join(errors.New("rollback failed"), fmt.Errorf("apply: %w", reported(code))),
		} {
			if got := postgres.Classify(err); got != want {
				t.Errorf("%s %s is %s, want %s", code, name, got, want)
			}
		}
		if got := postgres.IsTemporary(reported(code)); got != (want != postgres.Input) {
			t.Errorf("%s is temporary: %t", code, got)
		}
	}
}

func TestAConnectionThatCannotBeMadeIsUnavailable(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := pgx.Connect(ctx, "postgres://codex@127.0.0.1:1/none?sslmode=disable")
	if err == nil {
		t.Fatal("connected")
	}
	for _, err := range []error{err, fmt.Errorf("look up the session: %w", err)} {
		if got := postgres.Classify(err); got != postgres.Unavailable {
			t.Errorf("%v is %s", err, got)
		}
	}
}

func TestErrorsWithoutACodeSayNothingAboutTheInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want postgres.Class
	}{
		{nil, postgres.Foreign},
		{errors.New("a rule"), postgres.Foreign},
		{pgx.ErrNoRows, postgres.Foreign},
		{io.ErrUnexpectedEOF, postgres.Foreign},
		{context.Canceled, postgres.Foreign},
		{context.DeadlineExceeded, postgres.Unavailable},
		{fmt.Errorf("begin: %w", context.DeadlineExceeded), postgres.Unavailable},
		{fmt.Errorf("begin: %w", pgconn.ErrConnClosed), postgres.Unavailable},
	} {
		if got := postgres.Classify(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

func TestAUniqueViolationIsToldByItsConstraint(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("insert user: %w", &pgconn.PgError{Code: "23505", ConstraintName: "users_email_key"})
	if !postgres.IsUniqueViolation(err, "users_email_key") || postgres.IsUniqueViolation(err, "users_pkey") {
		t.Error("the constraint is not compared")
	}
	for _, other := range []error{
		nil,
		errors.New("users_email_key"),
		&pgconn.PgError{Code: "23514", ConstraintName: "users_email_key"},
	} {
		if postgres.IsUniqueViolation(other, "users_email_key") {
			t.Errorf("%v is no unique violation", other)
		}
	}
}
