package svg_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/svg"
)

const open = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">`

func sanitize(t *testing.T, document string) string {
	t.Helper()
	out, err := svg.Sanitize([]byte(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return string(out)
}

func TestAPlainDrawingIsKept(t *testing.T) {
	t.Parallel()
	in := `<?xml version="1.0"?><!-- made by hand -->` +
		`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10" width="10">
<defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient></defs>
<style>.b{fill:url(#a)}</style>
<path class="b" d="M0 0h10v10z" fill="url(#a)" style="stroke:none"/>` +
		`<use xlink:href="#a"/><text x="1">A &amp; B</text></svg>`
	want := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" width="10">` +
		`<defs><linearGradient id="a"><stop offset="0" stop-color="#fff"></stop></linearGradient></defs>` +
		`<style>.b{fill:url(#a)}</style>` +
		`<path class="b" d="M0 0h10v10z" fill="url(#a)" style="stroke:none"></path>` +
		`<use href="#a"></use><text x="1">A &amp; B</text></svg>`
	if got := sanitize(t, in); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestActiveContentIsRemoved(t *testing.T) {
	t.Parallel()
	for _, part := range []string{
		`<script>alert(1)</script>`, `<script href="https://evil.example/x.js"/>`,
		`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></body></foreignObject>`,
		`<iframe src="https://evil.example"/>`, `<object data="x"/>`, `<embed src="x"/>`,
		`<image href="https://evil.example/p.png"/>`,
		`<a href="javascript:alert(1)"><path d="M0 0"/></a>`,
		`<animate attributeName="href" to="javascript:alert(1)"/>`, `<set attributeName="onload" to="alert(1)"/>`,
		`<feImage href="https://evil.example/p.png"/>`, `<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>`,
		`<path onclick="alert(1)"/>`, `<path ONLOAD="alert(1)"/>`,
		`<use href="https://evil.example/a.svg#b"/>`, `<use xlink:href="data:image/svg+xml,x"/>`,
		`<path fill="url(https://evil.example/a)"/>`, `<path style="fill:url('//evil.example/a')"/>`,
		`<path style="background:\75rl(x)"/>`,
		`<style>@import "https://evil.example/a.css";</style>`, `<style>a{fill:url(https://evil.example)}</style>`,
		`<style><![CDATA[</style><script>alert(1)</script>]]></style>`,
		`<style>a{fill:u<![CDATA[rl(https://evil.example)]]>}</style>`,
		`<style>@imp<!-- -->ort "https://evil.example"<g/>;</style>`,
		`<path xml:base="https://evil.example"/>`, `<path href="javascript:alert(1)"/>`, `<handler>alert(1)</handler>`,
		`<?xml-stylesheet href="https://evil.example/a.css"?>`, `<!-- <script>alert(1)</script> -->`,
	} {
		got := sanitize(t, open+part+`<rect width="1"/></svg>`)
		lower := strings.ToLower(got)
		for _, word := range []string{
			"alert", "evil", "script", "onload", "onclick", "onerror", "data:", "import", "\\", "<!--", "<?",
		} {
			if strings.Contains(lower, word) {
				t.Errorf("%s left %s", part, got)
			}
		}
		if !strings.HasSuffix(got, `<rect width="1"></rect></svg>`) {
			t.Errorf("%s took more with it: %s", part, got)
		}
	}
}

func TestInvalidDocumentsAreRejected(t *testing.T) {
	t.Parallel()
	var nested strings.Builder
	for i := range 30 {
		fmt.Fprintf(&nested, `<g id="g%d"><use href="#g%d"/><use href="#g%d"/></g>`, i+1, i, i)
	}
	for name, c := range map[string]struct {
		document string
		want     error
	}{
		"nothing":                     {``, svg.ErrNotSVG},
		"text":                        {`hello`, svg.ErrNotSVG},
		"another root":                {`<html xmlns="http://www.w3.org/1999/xhtml"/>`, svg.ErrNotSVG},
		"svg without its namespace":   {`<svg/>`, svg.ErrNotSVG},
		"two roots":                   {open + `</svg>` + open + `</svg>`, svg.ErrNotSVG},
		"a document type":             {`<!DOCTYPE svg [<!ENTITY a "b">]>` + open + `&a;</svg>`, svg.ErrMalformed},
		"an entity":                   {open + `&lol;</svg>`, svg.ErrMalformed},
		"an element left open":        {open + `<g>`, svg.ErrMalformed},
		"another encoding":            {`<?xml version="1.0" encoding="utf-16"?>` + open + `</svg>`, svg.ErrMalformed},
		"a billion laughs of uses":    {open + `<g id="g0"/>` + nested.String() + `</svg>`, svg.ErrTooComplex},
		"an element that uses itself": {open + `<g id="a"><use href="#a"/></g></svg>`, svg.ErrTooComplex},
		"a pattern filled with itself": {
			open + `<pattern id="p"><rect fill="url(#q)"/></pattern>` +
				`<pattern id="q"><rect style="fill:url(#p)"/></pattern></svg>`,
			svg.ErrTooComplex,
		},
		"too deep":          {open + strings.Repeat(`<g>`, 100) + strings.Repeat(`</g>`, 100) + `</svg>`, svg.ErrTooComplex},
		"too many elements": {open + strings.Repeat(`<g/>`, 20_001) + `</svg>`, svg.ErrTooComplex},
		"too much text":     {open + `<text>` + strings.Repeat(`x`, 70_000) + `</text></svg>`, svg.ErrTooComplex},
	} {
		if out, err := svg.Sanitize([]byte(c.document)); !errors.Is(err, c.want) || out != nil {
			t.Errorf("%s: %q, %v, want %v", name, out, err, c.want)
		}
	}
}

// harmless fails unless a document is well-formed, has elements of one namespace
// only, no handler and no reference to the outside.
func harmless(t *testing.T, document []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%q is not well-formed: %v", document, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Space != svg.Namespace || strings.Contains(strings.ToLower(token.Name.Local), "script") {
				t.Fatalf("element %v in %q", token.Name, document)
			}
			for _, a := range token.Attr {
				outside := a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#")
				handler := strings.HasPrefix(strings.ToLower(a.Name.Local), "on")
				if handler || outside || strings.Contains(strings.ToLower(a.Value), "javascript:") {
					t.Fatalf("attribute %v in %q", a, document)
				}
			}
		case xml.Directive, xml.ProcInst, xml.Comment:
			t.Fatalf("%T in %q", token, document)
		}
	}
}

// FuzzSanitize: what comes out is harmless, and comes out of itself unchanged.
func FuzzSanitize(f *testing.F) {
	f.Fuzz(func(t *testing.T, document []byte) {
		once, err := svg.Sanitize(document)
		if err != nil {
			if once != nil {
				t.Fatalf("%q with %v", once, err)
			}
			return
		}
		harmless(t, once)
		twice, err := svg.Sanitize(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q, %v", once, twice, err)
		}
	})
}
