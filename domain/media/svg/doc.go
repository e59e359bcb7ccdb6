// Package svg sanitizes SVG documents that users upload.
//
// [Sanitize] reads a document token by token and writes a new one, with elements and attributes
// of a fixed list and checked, newly escaped values. Everything else is left out with its
// content: scripts, frames, objects, embeds, foreign objects, pictures, animations, links, event
// handlers, comments, processing instructions, and every namespace but SVG. The result refers to
// nothing outside the document.
//
// A document is rejected when it is not well-formed, declares a document type or entities, or is
// too expensive to draw (elements that use elements that use elements).
//
// Sanitizing is the first of two defences: the result must be served as image/svg+xml with a
// Content-Security-Policy that forbids scripts and loads.
package svg
