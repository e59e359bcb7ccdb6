package domain

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Limits are what the tag of a field, or of the items of a list, declares:
//
//	required  nullable  minLength maxLength  minimum maximum  minItems maxItems
//	enum (repeated)  pattern  format (uuid, uri, email, date-time)  example (repeated)
//
// Parts are separated by commas, so no value has one. Absent numbers are nil.
type Limits struct {
	// Required says that the field must be there, and a string not empty.
	Required bool
	// Nullable describes a list in an answer that may be null; it is not checked.
	Nullable bool
	// MinLength and MaxLength count characters.
	MinLength *int
	MaxLength *int
	Minimum   *int
	Maximum   *int
	// MinItems and MaxItems count the entries of a list or object.
	MinItems *int
	MaxItems *int
	Enum     []string
	// Pattern is a regular expression, for Go and for JSON Schema alike.
	Pattern string
	Format  string
	// Examples are for the description; they are not checked.
	Examples []string
}

// Property is one field of a type that requests or answers carry.
type Property struct {
	// Index is the field's, as reflect counts.
	Index int
	// Name is the name in JSON, "" for an embedded struct whose fields are the outer one's.
	Name string
	// Omitted says that the zero value is left out: omitempty or omitzero.
	Omitted bool
	// Limits are those of the tag jsonschema.
	Limits Limits
	// Each are those of the tag each, for every item of a list.
	Each Limits
	// Rule is the tag rule: what a pattern means, in words.
	Rule string
	// Doc is the tag doc: a description.
	Doc string
}

var properties sync.Map // reflect.Type → []Property

// PropertiesOf returns the fields of a struct type that JSON sees, in their order. It is
// the one reader of the tags: the check of requests and the published descriptions are
// made from what it returns. It panics on a tag that it does not understand; the first
// test that uses the type then fails.
func PropertiesOf(t reflect.Type) []Property {
	if known, ok := properties.Load(t); ok {
		return known.([]Property)
	}
	var list []Property
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || (!f.IsExported() && !f.Anonymous) {
			continue
		}
		if name == "" && !f.Anonymous {
			name = f.Name
		}
		list = append(list, Property{
			Index:   i,
			Name:    name,
			Omitted: strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero"),
			Limits:  readLimits(t, f, "jsonschema"),
			Each:    readLimits(t, f, "each"),
			Rule:    f.Tag.Get("rule"),
			Doc:     f.Tag.Get("doc"),
		})
	}
	properties.Store(t, list)
	return list
}

func readLimits(t reflect.Type, f reflect.StructField, tag string) Limits {
	var l Limits
	declared := f.Tag.Get(tag)
	if declared == "" {
		return l
	}
	for part := range strings.SplitSeq(declared, ",") {
		name, value, _ := strings.Cut(part, "=")
		if !l.read(name, value) {
			panic("domain: " + t.String() + "." + f.Name + ": the tag " + tag + " has a part " + strconv.Quote(part))
		}
	}
	return l
}

// read takes one part of a tag, and reports false when it makes no sense.
func (l *Limits) read(name, value string) bool {
	var number **int
	switch name {
	case "required":
		l.Required = true
	case "nullable":
		l.Nullable = true
	case "minLength":
		number = &l.MinLength
	case "maxLength":
		number = &l.MaxLength
	case "minimum":
		number = &l.Minimum
	case "maximum":
		number = &l.Maximum
	case "minItems":
		number = &l.MinItems
	case "maxItems":
		number = &l.MaxItems
	case "enum":
		l.Enum = append(l.Enum, value)
	case "pattern":
		l.Pattern = value
	case "format":
		l.Format = value
	case "example":
		l.Examples = append(l.Examples, value)
	default:
		return false
	}
	if number == nil {
		return true
	}
	n, err := strconv.Atoi(value)
	*number = &n
	return err == nil
}
