package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// referenceView is what the page shows.
type referenceView struct {
	Info     openapi.Info
	Topics   []openapi.Topic
	Sections []docSection
	Count    int
}

type docSection struct {
	ID, Name, What string
	Operations     []docOperation
}

type docOperation struct {
	*openapi.Operation
	Method, Path string
	Rate         string
	Parameters   []docField
	BodyType     string
	Body         []docField
	Answers      []docAnswer
	Refusals     []docRefusal
	Command      bool
	Curl         string
}

type docField struct {
	Name, In, Type, Limits, What string
	Required                     bool
}

type docAnswer struct {
	Status, What, Type, Example string
	Fields                      []docField
}

type docRefusal struct{ Status, Code, Detail, Message string }

// reference turns the document into the page's view.
func reference(d *openapi.Document) referenceView {
	view := referenceView{Info: d.Info, Topics: d.Topics}
	for _, tag := range d.Tags {
		s := docSection{ID: slug(tag.Name), Name: tag.Name, What: tag.Description}
		for _, path := range d.Paths {
			for _, o := range path.Value {
				if slices.Contains(o.Value.Tags, tag.Name) {
					s.Operations = append(s.Operations, operation(d, path.Name, o.Name, o.Value))
				}
			}
		}
		view.Count += len(s.Operations)
		view.Sections = append(view.Sections, s)
	}
	return view
}

func slug(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func operation(d *openapi.Document, path, method string, o *openapi.Operation) docOperation {
	view := docOperation{Operation: o, Method: strings.ToUpper(method), Path: path, Rate: rate(o.Limit)}
	for _, p := range o.Parameters {
		if p.Ref != "" { // of commands, which are explained once
			view.Command = true
			continue
		}
		f := field(d, p.Name, p.Schema)
		f.In, f.Required, f.What = p.In, p.Required, p.Description
		view.Parameters = append(view.Parameters, f)
	}
	if o.RequestBody != nil {
		view.BodyType = o.RequestBody.Content[0].Name
		view.Body = fields(d, "", o.RequestBody.Content[0].Value.Schema, 0)
	}
	for _, r := range o.Responses {
		view.add(d, r.Name, r.Value)
	}
	view.Curl = curl(d, &view)
	return view
}

// add adds an answer or, of a status from 400, what it refuses.
func (v *docOperation) add(d *openapi.Document, status string, r *openapi.Response) {
	if status == "202" && v.Command {
		return
	}
	if status < "400" || (len(r.Content) > 0 && r.Content[0].Value.Example != nil) {
		a := docAnswer{Status: status, What: r.Description}
		if len(r.Content) > 0 {
			a.Type, a.Example = r.Content[0].Name, pretty(r.Content[0].Value.Example)
			a.Fields = fields(d, "", r.Content[0].Value.Schema, 0)
		}
		v.Answers = append(v.Answers, a)
		return
	}
	for _, media := range r.Content {
		for _, e := range media.Value.Examples {
			refusal := docRefusal{Status: status, Code: e.Name, Message: e.Value.Summary}
			if body, ok := e.Value.Value.(commands.ErrorBody); ok && body.Error.Code != e.Name {
				refusal.Code, refusal.Detail = body.Error.Code, e.Name
			}
			v.Refusals = append(v.Refusals, refusal)
		}
	}
}

func rate(l *openapi.Limit) string {
	switch {
	case l == nil:
		return ""
	case l.WindowSeconds == 60:
		return fmt.Sprintf("%d a minute", l.Requests)
	default:
		return fmt.Sprintf("%d in %d minutes", l.Requests, l.WindowSeconds/60)
	}
}

// maxNesting is how deep fields of fields are listed.
const maxNesting = 3

func resolve(d *openapi.Document, s *openapi.Schema) *openapi.Schema {
	for _, option := range s.AnyOf {
		if option.Ref != "" {
			s = option
		}
	}
	if name, is := strings.CutPrefix(s.Ref, "#/components/schemas/"); is {
		s, _ = d.Components.Schemas.Get(name)
	}
	return s
}

// fields lists the fields of an object, those of its parts below it.
func fields(d *openapi.Document, prefix string, s *openapi.Schema, depth int) []docField {
	s = resolve(d, s)
	var list []docField
	for _, p := range s.Properties {
		f := field(d, prefix+p.Name, p.Value)
		f.Required = slices.Contains(s.Required, p.Name)
		list = append(list, f)
		inner, below := resolve(d, p.Value), prefix+p.Name+"."
		if inner.Items != nil {
			inner, below = resolve(d, inner.Items), prefix+p.Name+"[]."
		}
		if depth < maxNesting {
			list = append(list, fields(d, below, inner, depth+1)...)
		}
	}
	return list
}

func field(d *openapi.Document, name string, s *openapi.Schema) docField {
	inner := resolve(d, s)
	f := docField{Name: name, Type: "any", What: s.Description}
	if len(inner.Type) > 0 {
		f.Type = inner.Type[0]
	}
	if inner.Items != nil {
		f.Type = "list"
		if item := resolve(d, inner.Items); len(item.Type) > 0 {
			f.Type = "list of " + item.Type[0] + "s"
		}
	}
	if s.Nullable() {
		f.Type += " or null"
	}
	limits := bounds(inner)
	if inner.Items != nil {
		for _, l := range bounds(inner.Items) {
			limits = append(limits, "each "+l)
		}
	}
	f.Limits = strings.Join(limits, "; ")
	return f
}

// bounds says a schema's limits in words.
func bounds(s *openapi.Schema) []string {
	var list []string
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			if v != nil {
				values = append(values, fmt.Sprint(v))
			}
		}
		list = append(list, strings.Join(values, " · "))
	}
	switch s.Format {
	case "":
	case "uuid":
		list = append(list, "UUID")
	case "uri":
		list = append(list, "http or https address")
	case "email":
		list = append(list, "e-mail address")
	case "date-time":
		list = append(list, "RFC 3339 time")
	default:
		list = append(list, s.Format)
	}
	list = append(list, between(s.MinLength, s.MaxLength, " characters"), between(s.Minimum, s.Maximum, ""), between(s.MinItems, s.MaxItems, " entries"))
	if s.Default != nil {
		list = append(list, fmt.Sprint("default ", s.Default))
	}
	return slices.DeleteFunc(list, func(l string) bool { return l == "" })
}

func between(low, high *int, what string) string {
	switch {
	case low != nil && high != nil:
		return digits(*low) + "–" + digits(*high) + what
	case high != nil:
		return "at most " + digits(*high) + what
	case low != nil:
		return "at least " + digits(*low) + what
	default:
		return ""
	}
}

// digits writes a number in groups of three, with thin spaces.
func digits(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && n > 9999; i -= 3 {
		text = text[:i] + "\u2009" + text[i:]
	}
	return text
}

// prose sets what stands between backticks as code.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

func pretty(example any) string {
	if example == nil {
		return ""
	}
	raw, err := openapi.Marshal(example)
	if err != nil {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// curl returns a command line that makes the request.
func curl(d *openapi.Document, o *docOperation) string {
	address, query := o.Path, []string{}
	for _, p := range o.Operation.Parameters {
		switch {
		case p.In == "path":
			address = strings.ReplaceAll(address, "{"+p.Name+"}", fmt.Sprint(p.Example))
		case p.In == "query" && p.Required:
			query = append(query, p.Name+"="+fmt.Sprint(p.Example))
		}
	}
	for _, s := range o.Security {
		if _, token := s["playbackToken"]; token {
			query = append(query, "token=…")
		}
	}
	if len(query) > 0 {
		address += "?" + strings.Join(query, "&")
	}
	server := ""
	if len(d.Servers) > 0 {
		server = d.Servers[0].URL
	}
	lines := []string{"curl"}
	if o.Method != http.MethodGet {
		lines[0] += " -X " + o.Method
	}
	lines[0] += " '" + server + address + "'"
	for _, s := range o.Security {
		for name := range s {
			scheme, _ := d.Components.SecuritySchemes.Get(name)
			switch scheme.In {
			case "cookie":
				lines = append(lines, "-b '"+scheme.Name+"=…'")
			case "header":
				lines = append(lines, "-H '"+scheme.Name+": …'")
			}
		}
	}
	if o.RequestBody != nil {
		lines = append(lines, body(o)...)
	}
	return strings.Join(lines, " \\\n  ")
}

func body(o *docOperation) []string {
	switch content := o.RequestBody.Content[0]; {
	case content.Value.Example != nil:
		return []string{"-H 'Content-Type: application/json'", "-d '" + strings.ReplaceAll(pretty(content.Value.Example), "'", `'\''`) + "'"}
	case content.Name == "multipart/form-data":
		name := "file"
		if len(content.Value.Schema.Properties) > 0 {
			name = content.Value.Schema.Properties[0].Name
		}
		return []string{"-F '" + name + "=@picture.png'"}
	default:
		return []string{"-H 'Content-Type: " + cmp.Or(content.Name, "application/octet-stream") + "'", "--data-binary @file"}
	}
}
