package edge

import (
	"strings"

	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// section groups the routes under a prefix; the longest prefix that fits wins.
type section struct{ prefix, name, what string }

var sections = []section{
	{"/api/auth", "Accounts and sessions", "Sign up, sign in, prove an address, change a password."},
	{"/api/user", "The signed-in user", "Profile, pictures, preferences, becoming a creator."},
	{"/api/organizations", "Organizations", "Spaces that several creators share, and who belongs to them."},
	{"/api/content", "Content", "What creators make, from draft to live."},
	{"/api/content/public", "Public catalogue", "What is published, without a session."},
	{"/api/media", "Media", "Uploads, and what becomes of them."},
	{"/api/access", "Access and playback", "Who may see what and why, streams, progress and the library."},
	{"/checkout", "Checkout", "From an item to a payment page and back."},
	{"/purchases", "Purchases", "What the caller bought."},
	{"/webhooks", "Webhooks", "What Stripe tells us."},
	{"/api/transcoding", "Transcoding", "What a transcoder tells us, and how far it is."},
	{"/api/commands", "Operations", "What became of a command that was accepted."},
	{"/internal", "Between services", "Asked by programs that sign."},
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

// topics are what holds for every route.
var topics = []openapi.Topic{
	{ID: "answers", Title: "Answers", Text: []string{
		"One resource comes as `{\"data\": …}`. A list comes as `{\"items\": […], \"pagination\": {page, limit, total, totalPages}}`; a page beyond the last is empty and repeats the page that was asked for. Nothing to say is `204`.",
		"Answers may gain fields. A client ignores those it does not know.",
	}},
	{ID: "refusals", Title: "Refusals", Text: []string{
		"Every refusal is `{\"error\": {code, message, details}}`. The code says what kind it is; details is a list of `{path, message}` for refused input, and otherwise holds the facts of the case, with a finer code at `details.context.code`. Messages are for people and may change.",
		"What does not exist and what the caller may not know of look the same: `404`.",
	}},
	{ID: "sessions", Title: "Sessions", Text: []string{
		"Signing in sets the cookie `codex-session`. Cookies of the name `better-auth.session_token` are understood as well. A browser may change things from this site only: a request with a cookie and a foreign `Origin` is refused.",
	}},
	{ID: "changes", Title: "Changes", Text: []string{
		"When a change is answered it is committed, and whatever is read next shows it. With an `Idempotency-Key` the same request may be sent again for seven days: it happens once and is answered alike; the key with another request is refused with `422`.",
		"With `Prefer: respond-async`, or when the outcome takes longer than ten seconds, the answer is `202` with the operation's address in `Location`: there stands what became of it.",
	}},
	{ID: "requests", Title: "Requests", Text: []string{
		"Bodies are JSON in UTF-8, without unknown or repeated fields. A request without input takes no body or `{}`. Times are RFC 3339, prices whole pence, ids opaque.",
		"Limits per address and per user stand at each route. `X-RateLimit-Limit`, `-Remaining` and `-Reset` tell how much is left.",
	}},
	{ID: "generations", Title: "Two generations of one field", Text: []string{
		"Who may see an item was once called `visibility` and is now called `accessType`. Both are understood, and both are always answered.",
		"A request that gives both may do so only where they stand in one row of this table, and `accessType` decides. Two that contradict each other are refused with `400` and the code `VALIDATION_ERROR`, at the path `visibility`.",
	}, Table: [][]string{
		{"visibility", "price", "accessType", "who may see it once it is published"},
		{"public", "0 or none", "free", "everyone who is signed in"},
		{"public", "above 0", "paid", "who bought it, and the members of its organization"},
		{"purchased_only", "above 0", "paid", "who bought it, and the members of its organization"},
		{"members_only", "any", "members", "the members of its organization"},
		{"private", "any", "private", "its creator and the management of its organization"},
		{"members_only (answered)", "any", "followers, subscribers, team", "as the access type says"},
	}},
}

// inWords returns topics as Markdown.
func inWords(topics []openapi.Topic) string {
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

// String says in words who may.
func (a Auth) String() string {
	switch a.kind {
	case authOptional:
		return "Public; who is signed in sees more"
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
		return "whoever holds the token"
	default:
		return "Public"
	}
}

// security returns the ways to say who asks; one that is empty says that nobody has to.
func (a Auth) security() []map[string][]string {
	scheme, known := map[authKind]string{
		authOptional: "session", authSession: "session", authWorker: "workerSignature",
		authStripe: "stripeSignature", authTranscoder: "transcoderSignature", authToken: "playbackToken",
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
	{Name: "session", Value: openapi.SecurityScheme{Type: "apiKey", In: "cookie", Name: cookieNames[0], Description: "The cookie that signing in sets."}},
	{Name: "workerSignature", Value: openapi.SecurityScheme{Type: "apiKey", In: "header", Name: "X-Worker-Signature", Description: "Base64 HMAC-SHA-256 over X-Worker-Timestamp, a colon and the body; five minutes old at most."}},
	{Name: "stripeSignature", Value: openapi.SecurityScheme{Type: "apiKey", In: "header", Name: "Stripe-Signature", Description: "Stripe's signature with the endpoint's own secret."}},
	{Name: "transcoderSignature", Value: openapi.SecurityScheme{Type: "apiKey", In: "header", Name: "X-Runpod-Signature", Description: "Hex HMAC-SHA-256 over X-Runpod-Timestamp, a dot and the body; five minutes old at most."}},
	{Name: "playbackToken", Value: openapi.SecurityScheme{Type: "apiKey", In: "query", Name: "token", Description: "The token in the address that a stream route answered with."}},
}

var commandParameters = openapi.Ordered[openapi.Parameter]{
	{Name: "Idempotency-Key", Value: openapi.Parameter{
		Name: "Idempotency-Key", In: "header", Description: "Makes a repeated request the same command.",
		Schema: &openapi.Schema{Type: openapi.Types{"string"}, MinLength: number(1), MaxLength: number(255), Pattern: "^[!-~]+$"},
	}},
	{Name: "Prefer", Value: openapi.Parameter{
		Name: "Prefer", In: "header", Description: "respond-async: do not wait for the outcome.", Schema: &openapi.Schema{Type: openapi.Types{"string"}},
	}},
}

func number(n int) *int { return &n }

var answerHeaders = openapi.Ordered[openapi.Header]{
	header("X-Request-Id", "Names the request, in our log as well. A harmless one that the client sends is taken.", "string"),
	header("X-RateLimit-Limit", "How many requests the window allows.", "integer"),
	header("X-RateLimit-Remaining", "How many are left in it.", "integer"),
	header("X-RateLimit-Reset", "When the window ends, in seconds since 1970.", "integer"),
	header("Retry-After", "How many seconds to wait.", "integer"),
	header("Location", "Where to go on.", "string"),
}

func header(name, what, typ string) openapi.Member[openapi.Header] {
	return openapi.Member[openapi.Header]{Name: name, Value: openapi.Header{Description: what, Schema: &openapi.Schema{Type: openapi.Types{typ}}}}
}

// usualHeaders are on every answer.
var usualHeaders = func() openapi.Ordered[openapi.Header] {
	var list openapi.Ordered[openapi.Header]
	for _, h := range answerHeaders[:4] {
		list.Set(h.Name, openapi.Header{Ref: "#/components/headers/" + h.Name})
	}
	return list
}()
