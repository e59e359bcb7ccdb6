package media_test

import (
	"io"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
)

// The sums of "123456789": of FIPS 180-4 and of RFC 3720 (E3069283).
const (
	sha256OfDigits = "sha256:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="
	crc32cOfDigits = "crc32c:4waSgw=="
)

func TestAChecksumIsThatOfTheWholeFile(t *testing.T) {
	t.Parallel()
	for _, c := range []media.Checksum{sha256OfDigits, crc32cOfDigits, ""} {
		v := c.Verifier()
		_, _ = io.WriteString(v, "12345")
		if err := v.Err(); c != "" {
			wantError(t, err, domain.Rule, "UPLOAD_CHECKSUM_MISMATCH")
		}
		_, _ = io.WriteString(v, "6789")
		if err := v.Err(); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestAChecksumHasAKnownAlgorithmAndItsSize(t *testing.T) {
	t.Parallel()
	for c, want := range map[media.Checksum]bool{
		sha256OfDigits:                 true,
		crc32cOfDigits:                 true,
		"":                             false,
		"sha256:":                      false,
		"sha256:4waSgw==":              false,
		"crc32c:4waSgx==":              false, // bits that are not of the sum
		"crc32c:E3069283":              false,
		"md5:1B2M2Y8AsgTpgAmY7PhCfg==": false,
		"CRC32C:4waSgw==":              false,
		"crc32c:4waSgw==\n":            false,
		"4waSgw==":                     false,
	} {
		if c.Valid() != want {
			t.Errorf("%q is valid: %t", c, !want)
		}
	}
	r := registration()
	r.Checksum = "md5:1B2M2Y8AsgTpgAmY7PhCfg=="
	if bad := r.Validate(); len(bad) != 1 || bad[0].Path != "checksum" {
		t.Errorf("faults %v", bad)
	}
}
