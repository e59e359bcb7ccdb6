package edge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/strict"
	"github.com/codex-platform/codex/handlers/paging"
)

// Param declares a query parameter, or a path parameter that is not a UUID.
type Param struct {
	Name string
	Kind paramKind
	// Required parameters must be there. Path parameters always are.
	Required bool
	// Max is the most characters of a text.
	Max int
	// Values are what a choice may be; the first is taken when it is absent. "" among
	// them stands for no choice.
	Values []string
	// Low, High and Fallback are the limits and the default of a number.
	Low, High, Fallback int
	// Doc says what it means.
	Doc string
	// check says what is wrong with a text, or "".
	check func(string) string
}

type paramKind int

const (
	paramText paramKind = iota
	paramChoice
	paramUUID
	paramNumber
	paramFlag
)

func textParam(name string, most int) Param { return Param{Name: name, Kind: paramText, Max: most} }
func uuidParam(name string) Param           { return Param{Name: name, Kind: paramUUID} }
func flagParam(name string) Param           { return Param{Name: name, Kind: paramFlag} }

// numberParam is a whole number from low to high; absent is fallback.
func numberParam(name string, low, high, fallback int) Param {
	return Param{Name: name, Kind: paramNumber, Low: low, High: high, Fallback: fallback}
}

// oneOfParam is one of values; absent is the first.
func oneOfParam(name string, values ...string) Param {
	return Param{Name: name, Kind: paramChoice, Values: values}
}

// optionalParam is one of values, or absent.
func optionalParam(name string, values ...string) Param {
	return oneOfParam(name, append([]string{""}, values...)...)
}

// pagedWith are page (1–1000, default 1), limit (1–100, default 20) and cursor, and more.
func pagedWith(more ...Param) []Param {
	return append([]Param{numberParam("page", 1, maxPage, 1), numberParam("limit", 1, maxLimit, defaultLimit), cursorParam}, more...)
}

// cursorParam is the nextCursor of another page.
var cursorParam = Param{
	Name: "cursor",
	Kind: paramText,
	Max:  4096,
	Doc:  "nextCursor of the page before; page is then ignored",
}

// searchParam is a text that is searched for, of at most so many characters.
func searchParam(most int) Param {
	p := textParam("search", most)
	p.check = func(v string) string {
		if len([]rune(v)) < paging.MinSearch {
			return fmt.Sprintf("must have at least %d characters", paging.MinSearch)
		}
		return ""
	}
	return p
}

// required makes a parameter one that must be there.
func required(p Param) Param {
	p.Required = true
	return p
}

const (
	maxPage      = 1000
	maxLimit     = 100
	defaultLimit = 20
)

// params are the parameters of a request, as its route declares them and already
// checked. Asking for one that is not declared, or as another kind, panics.
type params map[string]any

const paramsKey = "params"

// paramsOf returns the request's parameters.
func paramsOf(c *gin.Context) params { return c.MustGet(paramsKey).(params) }

func (p params) text(name string) string { return p[name].(string) }
func (p params) uuid(name string) string { return p[name].(string) }
func (p params) number(name string) int  { return p[name].(int) }

// flag returns a parameter that is true or false, nil when it is absent.
func (p params) flag(name string) *bool { return p[name].(*bool) }

// page returns the page that is asked for.
func (p params) page() paging.Page {
	return paging.Page{Number: p.number("page"), Limit: p.number("limit"), Cursor: p.text("cursor")}
}

// readParams reads and checks declared parameters before the handler runs. All that
// is wrong is refused at once; a parameter given twice is wrong whatever it says.
// Path parameters that are not declared are UUIDs.
func (e *Edge) readParams(declared []Param) gin.HandlerFunc {
	return func(c *gin.Context) {
		var bad []domain.Field
		values := params{}
		query := c.Request.URL.Query()
		for _, path := range c.Params {
			if !slices.ContainsFunc(declared, func(p Param) bool { return p.Name == path.Key }) {
				values.read(uuidParam(path.Key), path.Value, &bad)
			}
		}
		for _, p := range declared {
			if v, inPath := c.Params.Get(p.Name); inPath {
				values.read(required(p), v, &bad)
				continue
			}
			if len(query[p.Name]) > 1 {
				bad = append(bad, domain.Field{Path: p.Name, Message: "must be given once"})
			}
			values.read(p, query.Get(p.Name), &bad)
		}
		if len(bad) > 0 {
			e.refuse(c, domain.BadFields(bad))
			return
		}
		c.Set(paramsKey, values)
	}
}

// read reads one parameter.
func (p params) read(d Param, v string, bad *[]domain.Field) {
	value, message := d.parse(v)
	if v == "" && d.Required {
		message = "is required"
	}
	if message != "" {
		*bad = append(*bad, domain.Field{Path: d.Name, Message: message})
	}
	p[d.Name] = value
}

// parse returns a parameter's value, and what is wrong with it.
func (d Param) parse(v string) (any, string) {
	switch d.Kind {
	case paramChoice:
		if v == "" {
			return d.Values[0], ""
		}
		if !slices.Contains(d.Values, v) {
			return d.Values[0], "must be one of " + strings.Trim(strings.Join(d.Values, ", "), ", ")
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
	case paramNumber:
		if v == "" {
			return d.Fallback, ""
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < d.Low || n > d.High {
			return d.Fallback, fmt.Sprintf("must be a whole number from %d to %d", d.Low, d.High)
		}
		return n, ""
	case paramFlag:
		return parseFlag(v)
	default:
		return v, d.badText(v)
	}
}

func parseFlag(v string) (any, string) {
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

func (d Param) badText(v string) string {
	if message := strict.BadText(v); message != "" {
		return message
	}
	if d.Max > 0 && len([]rune(v)) > d.Max {
		return fmt.Sprintf("must have at most %d characters", d.Max)
	}
	if d.check != nil && v != "" {
		return d.check(v)
	}
	return ""
}
