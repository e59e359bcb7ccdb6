// Package openapi is the shape of an OpenAPI 3.1 document, and how the parts of one
// are made: schemas from Go types and the limits in their tags, examples from
// schemas. It knows nothing about the routes of this platform; package edge does.
//
// The order of members is stable: fields as their struct declares them, responses by
// status. The same declaration gives the same bytes.
//
// Schemas are JSON Schema 2020-12. They are made here and not by a library because
// three things come together: a field of a partial update is absent, null or a
// value; a pointer in a response is null where a pointer in a request is absent; and
// the tags are those of [domain.Check], which rejects what they forbid.
package openapi
