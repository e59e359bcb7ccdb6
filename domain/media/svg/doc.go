// Package svg makes the vector pictures of strangers harmless.
//
// [Sanitize] reads a document token by token and writes a new one: nothing of the
// input's markup is copied, only names from a list and values that were looked at,
// escaped anew. What is not on the list is left out, with everything inside it:
// scripts, frames, objects, embeds, foreign objects, pictures, animations, links,
// event handlers, comments, processing instructions, and every namespace but SVG's
// own. What remains refers to nothing outside the document.
//
// A document that is not well-formed, declares a document type or entities, or would
// cost more to draw than a logo may (elements that use elements that use elements)
// is refused.
//
// It is one of two fences. Whoever serves the result must also serve it as
// image/svg+xml with a policy that forbids scripts and loads.
package svg
