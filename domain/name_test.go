package domain_test

import (
	"testing"

	"github.com/codex-platform/codex/domain"
)

func TestNamesAreVisibleAndNormalised(t *testing.T) {
	t.Parallel()
	if got := domain.Name("  Cafe\u0301 "); got != "Caf\u00e9" {
		t.Errorf("%q", got)
	}
	for name, accepted := range map[string]bool{
		"Ada Lovelace":            true,
		"Ñandú & Søn №5, 東京 — ½":  true,
		"नमस्ते क\u094d\u200dष":   true,
		"می\u200cخواهم":           true,
		"👩\u200d👩\u200d👧":         true,
		"👩🏽\u200d🚀 ❤\ufe0f":       true,
		"1\ufe0f\u20e3 first":     true,
		"\U0001f3f3\ufe0f\u200d🌈": true,
		"葛\U000e0100城":            true,
		"e\u0301 alone":           true,

		"":                                true, // required is another rule
		"two\nlines":                      false,
		"two\u2028lines":                  false,
		"nul\x00":                         false,
		"bell\u0007":                      false,
		"c1\u0085":                        false,
		"\u200b":                          false,
		"a\u200bb":                        false,
		"a\u200db":                        false,
		"a\u200cb":                        false,
		"a\u2060b":                        false,
		"\ufeffbom":                       false,
		"soft\u00adhyphen":                false,
		"\u202eevil":                      false,
		"a\u2066b\u2069":                  false,
		"a\u061cb":                        false,
		"a\u200eb":                        false,
		"a\U000e0041\U000e007f":           false,
		"🏴\U000e0067\U000e0062\U000e007f": false,
		"a\ufe0fb":                        false,
		"a\ufe00":                         false,
		"❤\ufe0f\ufe0f":                   false,
		"a\U000e0100":                     false,
		"\u3164":                          false,
		"\u115f\u1160":                    false,
		"\uffa0":                          false,
		"\u2800\u2800":                    false,
		"\u00a0\u3000":                    false,
		"\u0301\u0301":                    false,
		"a\u034fb":                        false,
		"a\u17b4":                         false,
		"a\u180eb":                        false,
		"\ue000":                          false,
		"a\U0010ffff":                     false,
		"a\ufffd":                         false,
		"a\U000e0fffb":                    false,
	} {
		v := &domain.Validation{}
		v.Name("name", name)
		if got := len(v.Fields) == 0; got != accepted {
			t.Errorf("%+q: accepted %v", name, got)
		}
	}
}
