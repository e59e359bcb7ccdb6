package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Class says what an error tells about the work that failed with it.
type Class int

// The classes. Only Input says something about the work itself; it is the one class
// over which work may be given up.
const (
	// Foreign is no error of the database, as far as can be seen: nil, the error of a
	// rule, of another system, or of a connection that broke in the middle of a
	// statement, which pgx reports as a plain io error.
	Foreign Class = iota
	// Unavailable is a database that cannot be reached or cannot work now: no
	// connection, no resources, starting or stopping, a standby, a deadline.
	Unavailable
	// Retry is a conflict with another transaction: serialization, deadlock, lock
	// time-out. The same work succeeds in a new transaction.
	Retry
	// Input is a statement that fails again however often it is tried, because of the data
	// that it was given: a value, a constraint, a limit of size.
	Input
	// Unknown is everything else that the database reports: missing rights, a schema of
	// another version, a statement that does not fit it, an internal error. An operator or
	// the next version can remove the cause, so the work is not given up.
	Unknown
)

// String implements fmt.Stringer.
func (c Class) String() string {
	switch c {
	case Foreign:
		return "foreign"
	case Unavailable:
		return "unavailable"
	case Retry:
		return "retry"
	case Input:
		return "input"
	default:
		return "unknown"
	}
}

// classOf are the classes of SQLSTATE codes, and of their first two characters where
// a code does not stand for itself. Source: appendix A of the Postgres manual.
var classOf = map[string]Class{
	"08": Unavailable, // connection exception
	"53": Unavailable, // insufficient resources
	"57": Unavailable, // operator intervention: shutdown, cancelled, statement time-out
	"58": Unavailable, // system error: input and output

	"25006": Unavailable, // read-only transaction: a standby after a failover
	"25P03": Unavailable, // idle-in-transaction time-out
	"25P04": Unavailable, // transaction time-out

	"40": Retry, // transaction rollback: serialization, deadlock
	"55": Retry, // object not in prerequisite state: lock not available, in use

	"21": Input, // cardinality violation
	"22": Input, // data exception
	"23": Input, // integrity constraint violation
	"44": Input, // check option violation
	"54": Input, // program limit exceeded: row, index entry or statement too large
	"P0": Input, // raised by a trigger or function of the schema

	"42": Unknown, // access rule or syntax: rights, names, types, the program's own statement

	"54011": Unknown, // too many columns: the schema's
	"54023": Unknown, // too many arguments: the program's
}

// Classify returns the class of an error, wrapped or not. Every exceeded deadline counts as
// the database's.
func Classify(err error) Class {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return Foreign
	case errors.As(err, &connect):
		return Unavailable // whatever the reason: a wrong password too can be set right
	case errors.As(err, &pg):
		return classOfCode(pg.Code)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, pgconn.ErrConnClosed), pgconn.SafeToRetry(err):
		return Unavailable
	default:
		return Foreign
	}
}

func classOfCode(code string) Class {
	if class, known := classOf[code]; known {
		return class
	}
	if len(code) >= 2 {
		if class, known := classOf[code[:2]]; known {
			return class
		}
	}
	return Unknown
}

// IsTemporary reports whether the same work may succeed later without a change to it:
// whatever the database reports and is not proven to come from the work's input.
func IsTemporary(err error) bool {
	switch Classify(err) {
	case Unavailable, Retry, Unknown:
		return true
	default:
		return false
	}
}

// IsUniqueViolation reports whether err is a violation of the unique constraint, or
// unique index, of this name.
func IsUniqueViolation(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.ConstraintName == constraint
}
