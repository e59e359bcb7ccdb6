package signature_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/signature"
)

// The test cases 1 and 2 of RFC 4231.
func TestSumIsHMACSHA256(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secret []byte
		parts  [][]byte
		want   string
	}{
		{
			bytes.Repeat([]byte{0x0b}, 20),
			[][]byte{[]byte("Hi There")},
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		},
		{
			[]byte("Jefe"),
			[][]byte{[]byte("what do ya "), nil, []byte("want for nothing?")},
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		},
	} {
		if got := hex.EncodeToString(signature.Sum(c.secret, c.parts...)); got != c.want {
			t.Errorf("the sum under %q is %s, want %s", c.secret, got, c.want)
		}
	}
}

func TestASignatureUnderAnyValidSecretMatches(t *testing.T) {
	t.Parallel()
	old, current, other := []byte("old secret"), []byte("current secret"), []byte("other secret")
	message := []byte("message")
	macs := signature.Sums([][]byte{current, nil, old}, message)
	if len(macs) != 2 {
		t.Errorf("%d signatures for two secrets and an empty one", len(macs))
	}
	for _, c := range []struct {
		given []byte
		want  bool
	}{
		{signature.Sum(current, message), true},
		{signature.Sum(old, message), true},
		{signature.Sum(other, message), false},
		{signature.Sum(nil, message), false},
		{signature.Sum(current, []byte("messagf")), false},
		{signature.Sum(current, message)[:signature.Size-1], false},
		{nil, false},
	} {
		if got := macs.Match(c.given); got != c.want {
			t.Errorf("%x matches: %t", c.given, got)
		}
	}
	if none := signature.Sums(nil, message); none.Match(signature.Sum(nil, message)) || none.Match(nil) {
		t.Error("something matches without a secret")
	}
}

func TestASignatureHasOneEncodingOnly(t *testing.T) {
	t.Parallel()
	mac := signature.Sum([]byte("secret"), []byte("message"))
	text := base64.StdEncoding.EncodeToString(mac)
	if got, ok := signature.DecodeBase64(base64.StdEncoding, text); !ok || !bytes.Equal(got, mac) {
		t.Errorf("%s is not read", text)
	}
	last := text[len(text)-2]
	for _, other := range []string{
		text + "\n",
		text[:10] + "\r\n" + text[10:],
		text[:len(text)-1],
		text[:len(text)-2] + string(last+1) + "=", // other stray bits
		"*" + text[1:],
	} {
		if _, ok := signature.DecodeBase64(base64.StdEncoding, other); ok {
			t.Errorf("%q is read", other)
		}
	}
}

func TestATimestampIsInWholeSecondsAndWithinTheTolerance(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 999_999_999, time.UTC)
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	tolerance := signature.Tolerance{Age: 300 * time.Second, Skew: time.Minute}
	for timestamp, want := range map[string]error{
		at(0):                       nil,
		at(-300 * time.Second):      nil,
		at(-301 * time.Second):      signature.ErrExpired,
		at(60 * time.Second):        nil,
		at(61 * time.Second):        signature.ErrFuture,
		"0":                         signature.ErrExpired,
		strconv.Itoa(math.MaxInt64): signature.ErrFuture,
		"":                          signature.ErrNoTimestamp,
		"-1":                        signature.ErrBadTimestamp,
		"+" + at(0):                 signature.ErrBadTimestamp,
		"0" + at(0):                 signature.ErrBadTimestamp,
		at(0) + ".5":                signature.ErrBadTimestamp,
		at(0) + " ":                 signature.ErrBadTimestamp,
		"9223372036854775808":       signature.ErrBadTimestamp,
	} {
		if got := tolerance.Check(timestamp, now); !errors.Is(got, want) {
			t.Errorf("%q: %v, want %v", timestamp, got, want)
		}
	}
}

// FuzzTolerance: what is accepted lies within the tolerance, whatever the clock says.
func FuzzTolerance(f *testing.F) {
	f.Add("1777636800", int64(1777636800))
	f.Add("9223372036854775807", int64(0))
	f.Fuzz(func(t *testing.T, timestamp string, clock int64) {
		if clock < 0 {
			return // before 1970 no clock of ours has been
		}
		err := signature.Tolerance{Age: 300 * time.Second, Skew: time.Minute}.Check(timestamp, time.Unix(clock, 0))
		at, unreadable := strconv.ParseInt(timestamp, 10, 64)
		within := unreadable == nil && at >= 0 && strconv.FormatInt(at, 10) == timestamp && clock-at <= 300 && at-clock <= 60
		if (err == nil) != within {
			t.Errorf("%q at %d: %v", timestamp, clock, err)
		}
	})
}
