package media

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/codex-platform/codex/domain"
)

// Checksum is the checksum of a whole file as its client declares it: an algorithm and the sum in
// base64, "sha256:…" or "crc32c:…" (big-endian, as S3 has it). It is empty when there is none.
//
// The platform computes it from the stored bytes. Stores would not do: R2 has neither of the two for
// an object of several parts, S3 no SHA-256.
type Checksum string

// checksumSizes are the sizes of the sums in bytes.
var checksumSizes = map[string]int{"sha256": sha256.Size, "crc32c": crc32.Size}

// Valid reports whether the checksum has a known algorithm and a sum of its size.
func (c Checksum) Valid() bool {
	algorithm, text, _ := strings.Cut(string(c), ":")
	sum, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(sum) > 0 && len(sum) == checksumSizes[algorithm] &&
		base64.StdEncoding.EncodeToString(sum) == text
}

// check adds the checksum to the fields that break the limits, unless it is valid or among them.
func (c Checksum) check(bad []domain.Field) []domain.Field {
	if c == "" || c.Valid() || slices.ContainsFunc(bad, func(f domain.Field) bool { return f.Path == "checksum" }) {
		return bad
	}
	return append(bad, domain.Field{Path: "checksum", Message: "is not a sum of this algorithm"})
}

// Verifier computes the checksum of what is written to it.
type Verifier struct {
	declared Checksum
	hash     hash.Hash
}

// Verifier returns a verifier of the checksum; one of an empty checksum accepts everything.
func (c Checksum) Verifier() *Verifier {
	v := &Verifier{declared: c}
	switch algorithm, _, _ := strings.Cut(string(c), ":"); algorithm {
	case "sha256":
		v.hash = sha256.New()
	case "crc32c":
		v.hash = crc32.New(crc32.MakeTable(crc32.Castagnoli))
	}
	return v
}

// Write implements io.Writer. It never fails.
func (v *Verifier) Write(b []byte) (int, error) {
	if v.hash == nil {
		return len(b), nil
	}
	return v.hash.Write(b)
}

// Err returns ErrUploadChecksum when what was written has another checksum.
func (v *Verifier) Err() error {
	if v.hash == nil {
		return nil
	}
	algorithm, declared, _ := strings.Cut(string(v.declared), ":")
	if found := base64.StdEncoding.EncodeToString(v.hash.Sum(nil)); found != declared {
		return With(ErrUploadChecksum, map[string]any{
			"declaredChecksum": v.declared,
			"foundChecksum":    algorithm + ":" + found,
		})
	}
	return nil
}
