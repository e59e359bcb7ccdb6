package edge

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestTheSessionTokenIsReadFromAnyOfTheCookiesOursFirst(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                               "",
		"other=x":                        "",
		"codex-session=":                 "",
		"codex-session=abc":              "abc",
		"codex-session=abc.signature":    "abc",
		"better-auth.session_token=a%2E": "a",
		"__Secure-better-auth.session_token=b; codex-session=c": "c",
		"codex-session=; __Secure-codex-session=d":              "d",
		"codex-session=a; codex-session=b":                      "a",
		"codex-session=%zz":                                     "",
		";;;=;=a":                                               "",
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.Header["Cookie"] = []string{header}
		token, found := sessionToken(&gin.Context{Request: request})
		if string(token) != want || found != (want != "") {
			t.Errorf("%q: %q, %v; want %q", header, token, found, want)
		}
	}
}

func TestWhatCountsAsOneAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7":                 "192.0.2.7",
		"::ffff:192.0.2.7":          "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff:ffff::":  "2001:db8:1:2::/64",
		"fe80::1%eth0":              "fe80::/64",
		"":                          "",
		"not an address":            "not an address",
		"2001:db8:1:3:ffff:ffff::1": "2001:db8:1:3::/64",
	} {
		if got := network(address); got != want {
			t.Errorf("%q counts as %q, want %q", address, got, want)
		}
	}
}
