package svg

import (
	"encoding/xml"
	"regexp"
	"strings"
)

func set(names string) map[string]bool {
	list := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		list[name] = true
	}
	return list
}

// elements are those that are kept. None of them loads anything, runs anything or
// leads anywhere; of use, references says how often it may be nested.
var elements = set(`svg g defs symbol use title desc style
	path rect circle ellipse line polyline polygon text tspan
	linearGradient radialGradient stop clipPath mask pattern marker
	filter feGaussianBlur feOffset feBlend feColorMatrix feComposite feFlood feMerge feMergeNode feDropShadow`)

// textual are the elements whose text is kept as it is.
var textual = set(`title desc text tspan`)

// attributes are those that are kept when their value is plain; see attribute.
var attributes = set(`id class style href version viewBox preserveAspectRatio width height
	x y x1 x2 y1 y2 cx cy r rx ry fx fy fr
	d points pathLength transform gradientTransform patternTransform gradientUnits patternUnits patternContentUnits
	clipPathUnits maskUnits maskContentUnits markerUnits markerWidth markerHeight refX refY orient spreadMethod offset
	dx dy rotate textLength lengthAdjust text-anchor dominant-baseline alignment-baseline baseline-shift
	letter-spacing word-spacing
	font-family font-size font-style font-weight font-variant font-stretch text-decoration writing-mode direction
	fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit
	stroke-dasharray stroke-dashoffset color opacity visibility display overflow clip-path clip-rule mask filter
	marker-start marker-mid marker-end stop-color stop-opacity paint-order vector-effect shape-rendering text-rendering
	color-interpolation color-interpolation-filters mix-blend-mode isolation enable-background
	filterUnits primitiveUnits in in2 result stdDeviation mode type values operator k1 k2 k3 k4 flood-color flood-opacity`)

const (
	xlink        = "http://www.w3.org/1999/xlink"
	xmlNamespace = "http://www.w3.org/XML/1998/namespace"
)

var (
	idForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$`)
	local    = regexp.MustCompile(`^#[A-Za-z_][A-Za-z0-9_.:-]{0,127}$`)
	localURL = regexp.MustCompile(`url\(\s*(['"]?)#([A-Za-z_][A-Za-z0-9_.:-]{0,127})(['"]?)\s*\)`)
)

// attribute returns the name and value under which an attribute is kept, if it is.
func attribute(a xml.Attr) (name, value string, ok bool) {
	name, value = a.Name.Local, strings.TrimSpace(a.Value)
	switch {
	case a.Name.Space == xmlNamespace && name == "space":
		return "xml:space", value, value == "preserve" || value == "default"
	case a.Name.Space == xlink && name == "href":
	case a.Name.Space != "":
		return "", "", false
	}
	switch {
	case !attributes[name]:
		return "", "", false
	case name == "href": // of use and of gradients: within the document only
		return name, value, local.MatchString(value)
	case name == "id":
		return name, value, idForm.MatchString(value)
	case name == "style":
		return name, value, safeStyle(value)
	default:
		return name, value, safeValue(value)
	}
}

// safeValue reports whether a value refers to nothing outside the document.
func safeValue(value string) bool {
	rest := localURL.ReplaceAllString(value, "")
	lower := strings.ToLower(rest)
	return !strings.Contains(lower, "url") && !strings.Contains(lower, "script:") && !strings.ContainsAny(rest, `<>\`)
}

// safeStyle reports whether declarations or a style sheet are plainly safe: no
// at-rule, no escape, no comment, no function that loads.
func safeStyle(css string) bool {
	lower := strings.ToLower(localURL.ReplaceAllString(css, ""))
	if strings.ContainsAny(css, `@\<>`) || strings.Contains(css, "/*") || strings.Contains(css, "<!--") {
		return false
	}
	for _, word := range []string{"url", "import", "image", "expression", "script", "behavior", "binding", "src"} {
		if strings.Contains(lower, word) {
			return false
		}
	}
	return true
}
