package edge

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/openapi"
	"github.com/codex-platform/codex/handlers/edge/strict"
	"github.com/codex-platform/codex/handlers/paging"
)

// Param declares a query parameter, a header, or a path parameter that is not a UUID.
type Param struct {
	Name string
	// Doc describes it.
	Doc string
	// Required parameters must be present. Path parameters always are.
	Required bool
	// Check returns what is wrong with a text, or "".
	Check func(string) string

	kind paramKind
	// maxLength is the longest text, in characters; 0 for no limit.
	maxLength int
	// values are those of a choice; the first is the default. "" is no choice.
	values []string
	// min, max and fallback are the limits and the default of a number.
	min, max, fallback int
}

type paramKind int

const (
	paramText paramKind = iota
	paramChoice
	paramUUID
	paramInt
	paramBool
)

// TextParam is a text of at most maxLength characters; 0 is no limit.
func TextParam(name string, maxLength int) Param {
	return Param{Name: name, kind: paramText, maxLength: maxLength}
}

// UUIDParam is a UUID in its usual form of 36 characters.
func UUIDParam(name string) Param { return Param{Name: name, kind: paramUUID} }

// BoolParam is true or false.
func BoolParam(name string) Param { return Param{Name: name, kind: paramBool} }

// IntParam is a whole number from min to max; absent is fallback.
func IntParam(name string, low, high, fallback int) Param {
	return Param{
		Name:     name,
		kind:     paramInt,
		min:      low,
		max:      high,
		fallback: fallback,
	}
}

// ChoiceParam is one of values; absent is the first.
func ChoiceParam(name string, values ...string) Param {
	return Param{Name: name, kind: paramChoice, values: values}
}

// OptionalChoiceParam is one of values, or absent.
func OptionalChoiceParam(name string, values ...string) Param {
	return ChoiceParam(name, append([]string{""}, values...)...)
}

var userID = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// UserIDParam is the id of a user: 1 to 64 letters and digits, no UUID.
func UserIDParam(name, doc string) Param {
	p := TextParam(name, 64)
	p.Doc, p.Check = doc, func(v string) string {
		if !userID.MatchString(v) {
			return "must have 1 to 64 letters and digits"
		}
		return ""
	}
	return p
}

// RequiredParam is a parameter that must be present.
func RequiredParam(p Param) Param {
	p.Required = true
	return p
}

// PagedParams are page (1–1000, default 1), limit (1–100, default 20), cursor, and more.
func PagedParams(more ...Param) []Param {
	paged := []Param{
		IntParam("page", 1, MaxPage, 1), IntParam("limit", 1, maxLimit, DefaultPageSize), CursorParam,
	}
	return append(paged, more...)
}

// CursorParam is the nextCursor of another page.
var CursorParam = Param{
	Name:      "cursor",
	Doc:       "nextCursor of the page before; page is then ignored",
	kind:      paramText,
	maxLength: 4096,
}

// SearchParam is a text to search for, of at most maxLength characters.
func SearchParam(maxLength int) Param {
	p := TextParam("search", maxLength)
	p.Check = func(v string) string {
		if len([]rune(v)) < paging.MinSearch {
			return fmt.Sprintf("must have at least %d characters", paging.MinSearch)
		}
		return ""
	}
	return p
}

const (
	// MaxPage is the highest number of a page.
	MaxPage  = 1000
	maxLimit = 100
	// DefaultPageSize is the limit of a list where the client sends none.
	DefaultPageSize = 20
)

// Text returns a text or a choice. It panics, as UUID, Int and Bool do, when the route does
// not declare the parameter, or declares another type.
func (r *Request) Text(name string) string { return r.params[name].(string) }

// UUID returns a UUID in lower case, "" when it is absent.
func (r *Request) UUID(name string) string { return r.params[name].(string) }

// Int returns a whole number.
func (r *Request) Int(name string) int { return r.params[name].(int) }

// Bool returns a boolean, nil when it is absent.
func (r *Request) Bool(name string) *bool { return r.params[name].(*bool) }

// Page returns the requested page of a list; see [PagedParams].
func (r *Request) Page() paging.Page {
	return paging.Page{Number: r.Int("page"), Limit: r.Int("limit"), Cursor: r.Text("cursor")}
}

// readParams reads and checks the declared parameters and reports all errors at once. A
// parameter that is given twice is an error. Path parameters without a declaration are
// UUIDs.
func (r *Request) readParams() error {
	var invalid []domain.Field
	r.params = map[string]any{}
	query := r.Request.URL.Query()
	for _, path := range r.Params {
		if !slices.ContainsFunc(r.route.Params, func(p Param) bool { return p.Name == path.Key }) {
			r.readParam(UUIDParam(path.Key), path.Value, &invalid)
		}
	}
	for _, p := range r.route.Params {
		if v, inPath := r.Params.Get(p.Name); inPath {
			r.readParam(RequiredParam(p), v, &invalid)
			continue
		}
		if len(query[p.Name]) > 1 {
			invalid = append(invalid, domain.Field{Path: p.Name, Message: "must be given once"})
		}
		r.readParam(p, query.Get(p.Name), &invalid)
	}
	for _, p := range r.route.Headers {
		r.readParam(p, r.GetHeader(p.Name), &invalid)
	}
	return domain.BadFields(invalid)
}

func (r *Request) readParam(p Param, v string, invalid *[]domain.Field) {
	value, message := p.parse(v)
	if v == "" && p.Required {
		message = "is required"
	}
	if message != "" {
		*invalid = append(*invalid, domain.Field{Path: p.Name, Message: message})
	}
	r.params[p.Name] = value
}

// parse returns a parameter's value, and what is wrong with it.
func (p Param) parse(v string) (any, string) {
	switch p.kind {
	case paramChoice:
		if v == "" {
			return p.values[0], ""
		}
		if !slices.Contains(p.values, v) {
			return p.values[0], "must be one of " + strings.Trim(strings.Join(p.values, ", "), ", ")
		}
		return v, ""
	case paramUUID:
		if v == "" {
			return "", ""
		}
		id, err := uuid.Parse(v)
		if err != nil || len(v) != 36 {
			return "", "must be a UUID"
		}
		return id.String(), ""
	case paramInt:
		if v == "" {
			return p.fallback, ""
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < p.min || n > p.max {
			return p.fallback, fmt.Sprintf("must be a whole number from %d to %d", p.min, p.max)
		}
		return n, ""
	case paramBool:
		return parseBool(v)
	default:
		return v, p.checkText(v)
	}
}

func parseBool(v string) (any, string) {
	switch v {
	case "":
		return (*bool)(nil), ""
	case "true", "false":
		is := v == "true"
		return &is, ""
	default:
		return (*bool)(nil), "must be true or false"
	}
}

func (p Param) checkText(v string) string {
	if message := strict.BadText(v); message != "" {
		return message
	}
	if p.maxLength > 0 && len([]rune(v)) > p.maxLength {
		return fmt.Sprintf("must have at most %d characters", p.maxLength)
	}
	if p.Check != nil && v != "" {
		return p.Check(v)
	}
	return ""
}

// schema returns the schema of a parameter's values.
func (p Param) schema() *openapi.Schema {
	s := &openapi.Schema{Type: openapi.Types{"string"}}
	switch p.kind {
	case paramText:
		if p.maxLength > 0 {
			s.MaxLength = &p.maxLength
		}
	case paramUUID:
		s.Format = "uuid"
	case paramBool:
		s.Type = openapi.Types{"boolean"}
	case paramInt:
		s.Type = openapi.Types{"integer"}
		s.Minimum, s.Maximum = &p.min, &p.max
		if !p.Required {
			s.Default = p.fallback
		}
	case paramChoice:
		for _, v := range p.values {
			if v != "" {
				s.Enum = append(s.Enum, v)
			}
		}
		if p.values[0] != "" && !p.Required {
			s.Default = p.values[0]
		}
	}
	return s
}
