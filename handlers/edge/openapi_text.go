package edge

import (
	"slices"
	"strings"

	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// section groups the routes below a path; the longest prefix wins.
type section struct{ prefix, name, doc string }

var sections = []section{
	{"/api/auth", "Accounts and sessions", "Sign up, sign in, verify an e-mail address, change a password."},
	{"/api/user", "The signed-in user", "Profile, pictures, preferences, becoming a creator."},
	{"/api/organizations", "Organizations", "Organizations of several creators, and their members."},
	{"/api/content", "Content", "Content items, from draft to published."},
	{"/api/content/public", "Public catalogue", "Published content, without a session."},
	{"/api/media", "Media", "Uploads and their processing."},
	{"/api/access", "Access and playback", "Access decisions, streams, progress and the library."},
	{"/checkout", "Checkout", "Buying a content item."},
	{"/purchases", "Purchases", "The caller's purchases."},
	{"/webhooks", "Webhooks", "Events from Stripe."},
	{"/api/transcoding", "Transcoding", "Callbacks of transcoders, and the status of jobs."},
	{"/api/commands", "Operations", "The outcome of commands that were accepted with 202."},
	{"/internal", "Between services", "Requests of programs that sign."},
	{"/api/test", "Test helpers", "In development only: accounts without a mailbox."},
	{"/", "Service", "The service itself."},
}

func sectionOf(path string) section {
	best := sections[len(sections)-1]
	for _, s := range sections {
		if (path == s.prefix || strings.HasPrefix(path, s.prefix+"/")) && len(s.prefix) > len(best.prefix) {
			best = s
		}
	}
	return best
}

// topics describe what all routes have in common.
var topics = []openapi.Topic{
	{ID: "responses", Title: "Responses", Text: []string{
		"One resource is `{\"data\": …}`. A list is `{\"items\": […], \"pagination\": {page, limit, total, totalPages, " +
			"nextCursor}}`; a page beyond the last is empty and repeats the requested number. A response without content is " +
			"`204`.",
		"Responses may gain fields. A client ignores those it does not know.",
	}},
	{ID: "errors", Title: "Errors", Text: []string{
		"Every error is `{\"error\": {code, message, details}}`. The code names its class. For invalid input, details is a " +
			"list of `{path, message}`; otherwise it holds the facts of the case, with a finer code at " +
			"`details.context.code`. Messages are for people and may change.",
		"What does not exist and what the caller may not know of look the same: `404`.",
	}},
	{ID: "sessions", Title: "Sessions", Text: []string{
		"Signing in sets the cookie `codex-session`. Cookies named `better-auth.session_token` are accepted as well. A " +
			"browser may send changes from this site only: a request with a cookie and the `Origin` of another site is " +
			"rejected.",
	}},
	{ID: "changes", Title: "Changes", Text: []string{
		"A successful response to a change means that it is committed; later reads show it. With an `Idempotency-Key` the " +
			"same request may be repeated for seven days: it is applied once and gets the same status. A resource in the " +
			"response is shown as it is then; one that is gone or that the caller may no longer see gets its `404` or " +
			"`403`. The key with another request is rejected with `422`.",
		"With `Prefer: respond-async`, or when the outcome takes longer than ten seconds, the response is `202` with the " +
			"address of the operation in `Location`, which shows the outcome.",
	}},
	{ID: "requests", Title: "Requests", Text: []string{
		"Bodies are JSON in UTF-8, without unknown or repeated fields. A request without input has no body, or `{}`. Times " +
			"are RFC 3339, prices whole numbers of the minor unit of their currency (pence, yen), ids opaque.",
		"Each route has a limit per address and per user; `X-RateLimit-Limit`, `-Remaining` and `-Reset` show its state.",
	}},
	{
		ID:    "generations",
		Title: "Two generations of one field",
		Text: []string{
			"Who may see an item was once called `visibility` and is now called `accessType`. Requests may use either, " +
				"responses have both.",
			"A request with both must have a combination of this table, and `accessType` decides. Other combinations are " +
				"rejected with `400` and the code `VALIDATION_ERROR`, at the path `visibility`.",
		},
		Table: [][]string{
			{"visibility", "price", "accessType", "who may see it once it is published"},
			{"public", "0 or none", "free", "all signed-in users"},
			{"public", "above 0", "paid", "its buyers, and the members of its organization"},
			{"purchased_only", "above 0", "paid", "its buyers, and the members of its organization"},
			{"members_only", "any", "members", "the members of its organization"},
			{"private", "any", "private", "its creator and the management of its organization"},
			{"members_only (in responses)", "any", "followers, subscribers, team", "as the access type says"},
		},
	},
}

// markdown returns topics as Markdown.
func markdown(topics []openapi.Topic) string {
	var b strings.Builder
	for _, t := range topics {
		b.WriteString("## " + t.Title + "\n\n")
		for _, text := range t.Text {
			b.WriteString(text + "\n\n")
		}
		for i, row := range t.Table {
			b.WriteString("| " + strings.Join(row, " | ") + " |\n")
			if i == 0 {
				b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
			}
		}
		if t.Table != nil {
			b.WriteByte('\n')
		}
	}
	return strings.TrimSpace(b.String())
}

// String describes who may use a route.
func (a Auth) String() string {
	switch a.kind {
	case authOptional:
		return "public; a signed-in user may see more"
	case authSession:
		if len(a.roles) > 0 {
			return "signed in as " + strings.Join(a.roles, ", ")
		}
		return "signed in"
	case authWorker:
		return "a program of the platform, by its signature"
	case authStripe:
		return "Stripe, by its signature"
	case authTranscoder:
		return "a transcoder, by its signature"
	case authToken:
		return "the holder of a playback token"
	default:
		return "public"
	}
}

// security returns the security requirement; an empty alternative makes it optional.
func (a Auth) security() []map[string][]string {
	scheme, known := map[authKind]string{
		authOptional:   "session",
		authSession:    "session",
		authWorker:     "workerSignature",
		authStripe:     "stripeSignature",
		authTranscoder: "transcoderSignature",
		authToken:      "playbackToken",
	}[a.kind]
	list := []map[string][]string{}
	if known {
		list = append(list, map[string][]string{scheme: {}})
	}
	if a.kind == authOptional {
		list = append(list, map[string][]string{})
	}
	return list
}

var securitySchemes = openapi.Ordered[openapi.SecurityScheme]{
	securityScheme("session", "cookie", cookieNames[0], "The cookie that signing in sets."),
	securityScheme("workerSignature", "header", "X-Worker-Signature",
		"Base64 HMAC-SHA-256 over X-Worker-Timestamp, a colon and the body; five minutes old at most."),
	securityScheme("stripeSignature", "header", "Stripe-Signature",
		"Stripe's signature with the endpoint's own secret."),
	securityScheme("transcoderSignature", "header", "X-Runpod-Signature",
		"Hex HMAC-SHA-256 over X-Runpod-Timestamp, a dot and the body; five minutes old at most."),
	securityScheme("playbackToken", "query", "token", "The token in a URL that a stream route returned."),
}

func securityScheme(name, in, parameter, doc string) openapi.Member[openapi.SecurityScheme] {
	return openapi.Member[openapi.SecurityScheme]{Name: name, Value: openapi.SecurityScheme{
		Type:        "apiKey",
		In:          in,
		Name:        parameter,
		Description: doc,
	}}
}

// commandParameters are the headers of operations that send a command.
var commandParameters = openapi.Ordered[openapi.Parameter]{
	{Name: "Idempotency-Key", Value: openapi.Parameter{
		Name:        "Idempotency-Key",
		In:          "header",
		Description: "Makes a repeated request the same command.",
		Schema: &openapi.Schema{
			Type:      openapi.Types{"string"},
			MinLength: new(1),
			MaxLength: new(255),
			Pattern:   "^[!-~]+$",
		},
	}},
	{Name: "Prefer", Value: openapi.Parameter{
		Name:        "Prefer",
		In:          "header",
		Description: "respond-async: do not wait for the outcome.",
		Schema:      &openapi.Schema{Type: openapi.Types{"string"}},
	}},
}

var responseHeaders = openapi.Ordered[openapi.Header]{
	header("X-Request-Id", "Identifies the request, also in our log. The client's own is used when it is safe.", "string"),
	header("X-RateLimit-Limit", "How many requests the window allows.", "integer"),
	header("X-RateLimit-Remaining", "How many are left in it.", "integer"),
	header("X-RateLimit-Reset", "When the window ends, in seconds since 1970.", "integer"),
	header("Retry-After", "How many seconds to wait.", "integer"),
	header("Location", "The address of the operation, or of the redirect.", "string"),
}

func header(name, doc, kind string) openapi.Member[openapi.Header] {
	return openapi.Member[openapi.Header]{Name: name, Value: openapi.Header{
		Description: doc,
		Schema:      &openapi.Schema{Type: openapi.Types{kind}},
	}}
}

// commonHeaders are on every response.
var commonHeaders = func() openapi.Ordered[openapi.Header] {
	var list openapi.Ordered[openapi.Header]
	for _, h := range responseHeaders[:4] {
		list = append(list, headerReference(h.Name))
	}
	return list
}()

// withHeader returns the common headers and one more.
func withHeader(name string) openapi.Ordered[openapi.Header] {
	return append(slices.Clone(commonHeaders), headerReference(name))
}

func headerReference(name string) openapi.Member[openapi.Header] {
	return openapi.Member[openapi.Header]{Name: name, Value: openapi.Header{Ref: "#/components/headers/" + name}}
}
