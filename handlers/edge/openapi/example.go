package openapi

import "slices"

// RequestExample returns a request that a schema accepts: its required fields and
// those that name an example.
func (s *Schemas) RequestExample(schema *Schema) any { return s.example("", schema, false) }

// ResponseExample returns a response with every field.
func (s *Schemas) ResponseExample(schema *Schema) any { return s.example("", schema, true) }

func (s *Schemas) example(name string, schema *Schema, all bool) any {
	schema = s.Resolve(schema)
	known, isKnown := usual[name]
	switch {
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case len(schema.AnyOf) > 0:
		return s.example(name, schema.AnyOf[0], all)
	case schema.Default != nil:
		return schema.Default
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case len(schema.Type) == 0:
		return nil
	case schema.Type[0] == "object":
		return s.fieldsExample(schema, all)
	case schema.Type[0] == "array":
		if item := s.example(singular(name), schema.Items, all); item != nil {
			return []any{item}
		}
		return []any{}
	case isKnown && fits(known, schema.Type):
		return known
	case schema.Nullable():
		return nil
	}
	return plain(schema)
}

func (s *Schemas) fieldsExample(schema *Schema, all bool) any {
	o := Ordered[any]{}
	for _, p := range schema.Properties {
		if all || slices.Contains(schema.Required, p.Name) || len(s.Resolve(p.Value).Examples) > 0 {
			o.Set(p.Name, s.example(p.Name, p.Value, all))
		}
	}
	return o
}

// plain is a value of a type about which nothing else is known.
func plain(schema *Schema) any {
	switch schema.Type[0] {
	case "boolean":
		return true
	case "integer", "number":
		if schema.Minimum != nil {
			return *schema.Minimum
		}
		return 1
	}
	switch schema.Format {
	case "uuid":
		return usual["id"]
	case "date-time":
		return usual["createdAt"]
	case "uri":
		return "https://codex.example/place"
	case "email":
		return usual["email"]
	}
	return "text"
}

func fits(value any, types Types) bool {
	switch value.(type) {
	case string:
		return types[0] == "string"
	case int, int64:
		return types[0] == "integer" || types[0] == "number"
	case bool:
		return types[0] == "boolean"
	}
	return false
}

func singular(name string) string {
	if n := len(name); n > 1 && name[n-1] == 's' {
		return name[:n-1]
	}
	return name
}

const (
	anID     = "0197f0c2-6f3a-7c1e-9d55-3a1f8e6b2c40"
	aUser    = "0197f0c26f3a7c1e9d553a1f8e6b2c41"
	aMoment  = "2026-01-31T12:00:00Z"
	later    = "2026-01-31T12:10:00Z"
	aPicture = "https://cdn.codex.example/falling-water/md.webp"
)

// usual are the examples of fields that say nothing better themselves. They tell
// one story: Ada sells a film in her organization.
var usual = map[string]any{
	"id":                   anID,
	"contentId":            anID,
	"mediaId":              anID,
	"mediaItemId":          anID,
	"organizationId":       anID,
	"purchaseId":           anID,
	"commandId":            anID,
	"categoryId":           anID,
	"sessionId":            "cs_test_a1",
	"userId":               aUser,
	"creatorId":            aUser,
	"customerId":           aUser,
	"name":                 "Ada",
	"displayName":          "Ada",
	"username":             "ada",
	"email":                "ada@example.com",
	"role":                 "creator",
	"status":               "published",
	"slug":                 "falling-water",
	"title":                "Falling water",
	"contentTitle":         "Falling water",
	"description":          "A film about a river.",
	"contentType":          "video",
	"mediaType":            "video",
	"mimeType":             "video/mp4",
	"accessType":           "paid",
	"visibility":           "purchased_only",
	"category":             "nature",
	"tag":                  "river",
	"organizationSlug":     "ada-films",
	"priceCents":           2999,
	"amountCents":          2999,
	"amountPaidCents":      2999,
	"platformFeeCents":     300,
	"organizationFeeCents": 0,
	"creatorPayoutCents":   2699,
	"currency":             "gbp",
	"createdAt":            aMoment,
	"updatedAt":            aMoment,
	"publishedAt":          aMoment,
	"purchasedAt":          aMoment,
	"joinedAt":             aMoment,
	"expiresAt":            later,
	"thumbnailUrl":         aPicture,
	"avatarUrl":            aPicture,
	"logoUrl":              aPicture,
	"page":                 1,
	"limit":                20,
	"total":                1,
	"totalPages":           1,
	"positionSeconds":      42,
	"durationSeconds":      120,
	"percentComplete":      35,
	"fileSizeBytes":        1048576,
	"completed":            false,
	"streamingUrl":         "https://codex.example/api/access/content/" + anID + "/hls/master.m3u8?token=…",
	"readyVariant":         "720p",
	"token":                "…",
	"sessionUrl":           "https://checkout.stripe.com/c/pay/cs_test_a1",
	"contentBody":          "Some words to read.",
	"code":                 "NOT_FOUND",
	"message":              "Content not found",
}

// Usual returns the example of a field or parameter of this name, nil when there is
// none or the schema would reject it.
func Usual(name string, schema *Schema) any {
	if v, known := usual[name]; known && fits(v, schema.Type) && (schema.Format != "uuid" || v != aUser) {
		return v
	}
	return nil
}
