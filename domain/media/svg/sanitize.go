package svg

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Namespace is the namespace of the elements that are kept.
const Namespace = "http://www.w3.org/2000/svg"

// Limits of one document. A logo has a few hundred elements; maxDrawn limits the elements that a
// browser draws for it, which are more where elements are used several times.
const (
	maxDepth    = 64
	maxElements = 20_000
	maxText     = 64 << 10
	maxDrawn    = 100_000
)

var (
	// ErrMalformed means that the document is not well-formed XML, or declares a document type.
	ErrMalformed = errors.New("not a well-formed SVG document")
	// ErrNotSVG means that the root element is not svg.
	ErrNotSVG = errors.New("not an SVG document")
	// ErrTooComplex means that the document is too expensive to draw.
	ErrTooComplex = errors.New("the SVG document is too complex")
)

// Sanitize returns a safe document that looks the same as far as possible. The error is
// ErrMalformed, ErrNotSVG or ErrTooComplex.
func Sanitize(document []byte) ([]byte, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	decoder.Strict = true
	w := &writer{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, ErrMalformed
		}
		if err := w.token(token); err != nil {
			return nil, err
		}
	}
	if w.elements == 0 {
		return nil, ErrNotSVG
	}
	if w.drawn() > maxDrawn {
		return nil, ErrTooComplex
	}
	return w.out.Bytes(), nil
}

// writer writes the sanitized document.
type writer struct {
	out      bytes.Buffer
	elements int
	// open are the kept elements around the current token, skipped counts the omitted ones.
	open    []string
	skipped int
	text    int
	// sheet is the style sheet that is being read, which comments and CDATA sections split.
	sheet strings.Builder
	references
}

func (w *writer) token(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		return w.start(token)
	case xml.EndElement:
		w.end()
	case xml.CharData:
		return w.characters(token)
	case xml.Directive: // a document type, which may declare entities
		return ErrMalformed
	}
	return nil
}

func (w *writer) start(e xml.StartElement) error {
	if w.skipped > 0 || w.inStyle() || e.Name.Space != Namespace || !elements[e.Name.Local] {
		if w.elements == 0 {
			return ErrNotSVG
		}
		w.skipped++
		return nil
	}
	root := len(w.open) == 0
	if root && (w.elements > 0 || e.Name.Local != "svg") {
		return ErrNotSVG
	}
	if w.elements++; w.elements > maxElements || len(w.open) >= maxDepth {
		return ErrTooComplex
	}
	w.out.WriteString("<" + e.Name.Local)
	if root {
		w.out.WriteString(` xmlns="` + Namespace + `"`)
	}
	id := ""
	seen := map[string]bool{}
	for _, a := range e.Attr {
		name, value, ok := attribute(a)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		if name == "id" {
			id = value
		}
		w.out.WriteString(" " + name + `="`)
		escape(&w.out, value)
		w.out.WriteByte('"')
	}
	w.out.WriteByte('>')
	w.open = append(w.open, e.Name.Local)
	w.enter(id)
	for _, a := range e.Attr {
		if name, value, ok := attribute(a); ok {
			w.refer(name, value)
		}
	}
	return nil
}

func (w *writer) end() {
	if w.skipped > 0 {
		w.skipped--
		return
	}
	if w.inStyle() {
		if css := w.sheet.String(); safeStyle(css) {
			w.refer("style", css)
			escape(&w.out, css)
		}
		w.sheet.Reset()
	}
	last := len(w.open) - 1
	w.out.WriteString("</" + w.open[last] + ">")
	w.open = w.open[:last]
	w.leave()
}

// inStyle reports whether the innermost kept element is a style sheet.
func (w *writer) inStyle() bool {
	return len(w.open) > 0 && w.open[len(w.open)-1] == "style"
}

// characters keeps the text of elements that show text, and collects style sheets, which are
// checked as a whole.
func (w *writer) characters(text []byte) error {
	if w.skipped > 0 || len(w.open) == 0 || (!w.inStyle() && !textual[w.open[len(w.open)-1]]) {
		return nil
	}
	if w.text += len(text); w.text > maxText {
		return ErrTooComplex
	}
	if w.inStyle() {
		w.sheet.Write(text)
	} else {
		escape(&w.out, string(text))
	}
	return nil
}

var escapes = strings.NewReplacer(
	"&", "&amp;",
	"<", "&lt;",
	">", "&gt;",
	`"`, "&quot;",
	"'", "&#39;",
	"\n", "&#10;",
	"\r", "&#13;",
	"\t", "&#9;",
)

func escape(w io.Writer, s string) { _, _ = escapes.WriteString(w, s) }
