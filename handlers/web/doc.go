// Package web serves the pages that people look at, and their assets. A page reads
// what the edge's routes would show as well; it decides nothing. Every page sets a
// policy that allows its own files and nothing else: no inline script, no inline
// style, nothing from elsewhere.
package web
