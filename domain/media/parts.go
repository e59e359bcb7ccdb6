package media

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
)

// The names of the commands about uploads in parts. The payload of the first is OpenParts, that of the
// others EndParts.
const (
	CommandOpenParts     = "upload.open"
	CommandCompleteParts = "upload.complete"
	CommandAbortParts    = "upload.abort"
)

// The limits of uploads in parts. A large file is uploaded in parts with a presigned URL each, so
// that a broken connection costs one part: the store knows the parts that it has, and the client
// sends the others.
const (
	// MinPartBytes is the least size of a part that stores accept, except for the last part.
	MinPartBytes = 5 << 20
	// maxParts is how many parts an upload has at most.
	maxParts = 256
	// PartsLife is how long an upload is open.
	PartsLife = 7 * 24 * time.Hour
	// MaxOpenUploads is how many uploads of one item may be open.
	MaxOpenUploads = 4
)

// PartsStatus is the status of an upload in parts.
type PartsStatus string

// The statuses. A completing upload waits for the store to assemble the file.
const (
	PartsOpen       PartsStatus = "open"
	PartsCompleting PartsStatus = "completing"
	PartsCompleted  PartsStatus = "completed"
	PartsAborted    PartsStatus = "aborted"
)

// PartsUpload is the upload of the file of an item in parts.
type PartsUpload struct {
	// ID is the id for clients.
	ID, MediaID string
	// ObjectKey and StoreID are for the store; StoreID is empty until the store has opened it.
	ObjectKey, StoreID string
	// SizeBytes is the declared size of the file.
	SizeBytes int64
	// PartSize is the size of every part but the last, in bytes.
	PartSize  int64
	PartCount int
	Status    PartsStatus
	// Metadata is what a tus client wrote about the file, as its header Upload-Metadata has it.
	Metadata             string
	CreatedAt, ExpiresAt time.Time
}

// Part is a stored part.
type Part struct {
	Number int
	ETag   string
	Size   int64
}

// SignParts requests presigned URLs of parts.
type SignParts struct {
	PartNumbers []int `json:"partNumbers" jsonschema:"required,minItems=1,maxItems=100" each:"minimum=1,maximum=10000"`
}

// Validate returns the fields that break the limits.
func (s SignParts) Validate() []domain.Field { return domain.Check(s) }

// CompleteParts requests the completion of an upload from the named parts, or from the stored ones.
type CompleteParts struct {
	Parts []NamedPart `json:"parts,omitempty" jsonschema:"maxItems=10000"`
	Completion
}

// NamedPart is a part that the client names.
type NamedPart struct {
	PartNumber int `json:"partNumber" jsonschema:"required,minimum=1,maximum=10000,example=1"`
	// ETag is that of the store's response to the part; quotation marks are ignored.
	ETag string `json:"etag" jsonschema:"required,minLength=1,maxLength=200,example=d41d8cd98f00b204e9800998ecf8427e"`
}

// Validate returns the fields that break the limits.
func (c CompleteParts) Validate() []domain.Field {
	bad := c.Checksum.check(domain.Check(c))
	seen := map[int]bool{}
	for _, p := range c.Parts {
		if seen[p.PartNumber] {
			return append(bad, domain.Field{Path: "parts", Message: "must name every part once"})
		}
		seen[p.PartNumber] = true
	}
	return bad
}

// EndParts is the payload of the commands that complete and abort an upload.
type EndParts struct {
	UploadID string      `json:"uploadId"`
	Parts    []NamedPart `json:"parts,omitempty"`
	Completion
}

// OpenParts is the payload of the command that opens an upload.
type OpenParts struct {
	Metadata string `json:"metadata,omitempty"`
}

// PartSize returns the size of the parts of a file: the least size, doubled until 256 parts suffice.
func PartSize(size int64) int64 {
	part := int64(MinPartBytes)
	for part*maxParts < size {
		part *= 2
	}
	return part
}

// OpenParts opens an upload in parts. open is how many other uploads of the item are open.
func (i Item) OpenParts(id string, f Facts, open int, now time.Time) (PartsUpload, error) {
	if err := i.MayUpload(f.Actor); err != nil {
		return PartsUpload{}, err
	}
	if open >= MaxOpenUploads {
		return PartsUpload{}, With(ErrTooManyUploads, map[string]any{"open": open, "maximum": MaxOpenUploads})
	}
	size := PartSize(i.SizeBytes)
	return PartsUpload{
		ID:        id,
		MediaID:   i.ID,
		ObjectKey: i.ObjectKey,
		SizeBytes: i.SizeBytes,
		PartSize:  size,
		PartCount: int((i.SizeBytes + size - 1) / size),
		Status:    PartsOpen,
		CreatedAt: now,
		ExpiresAt: now.Add(PartsLife),
	}, nil
}

// MayUpload returns an error for everyone but the owner, and for an item that does not wait for a
// file.
func (i Item) MayUpload(a Actor) error {
	if err := i.Authorize(a); err != nil {
		return err
	}
	if i.Status != Uploading {
		return i.notUploading()
	}
	return nil
}

// Usable reports whether parts may be sent.
func (u PartsUpload) Usable(now time.Time) bool {
	return u.Status == PartsOpen && u.StoreID != "" && now.Before(u.ExpiresAt)
}

// Length returns the size of one part in bytes, 0 when there is no such part.
func (u PartsUpload) Length(number int) int64 {
	if number < 1 || number > u.PartCount {
		return 0
	}
	return min(u.PartSize, u.SizeBytes-int64(number-1)*u.PartSize)
}

// Next returns the first part that is not stored in its full size, and where in the file it begins.
// When all are stored, it is the last: an upload is at its end when its completion is committed, so
// that a client which resumes an upload sends the part again whose end completes it.
func (u PartsUpload) Next(stored []Part) (number int, offset int64) {
	whole := map[int]bool{}
	for _, p := range stored {
		whole[p.Number] = p.Size == u.Length(p.Number)
	}
	number = 1
	for number < u.PartCount && whole[number] {
		number++
	}
	return number, int64(number-1) * u.PartSize
}

// TailPrefix is the prefix of objects with the beginnings of parts. A store accepts no part below
// [MinPartBytes] but the last, so what arrived of a part before a connection broke is kept there.
func (u PartsUpload) TailPrefix() string { return u.ObjectKey + ".tails/" + u.ID + "/" }

// TailKey is the key of the beginning of a part. It names the part, so that one which is left over
// when its part was stored counts no more.
func (u PartsUpload) TailKey(number int) string { return u.TailPrefix() + strconv.Itoa(number) }

// Assemble returns the parts of the file in their order. It returns an error, after which the
// upload stays open, when a part is missing or has another size or ETag than the named one.
func (u PartsUpload) Assemble(stored []Part, named []NamedPart) ([]Part, error) {
	byNumber := map[int]Part{}
	for _, p := range stored {
		byNumber[p.Number] = p
	}
	var different, missing []int
	for _, n := range named {
		if p, ok := byNumber[n.PartNumber]; ok && bare(p.ETag) != bare(n.ETag) || u.Length(n.PartNumber) == 0 {
			different = append(different, n.PartNumber)
		}
	}
	parts := make([]Part, 0, u.PartCount)
	for number := 1; number <= u.PartCount; number++ {
		p, ok := byNumber[number]
		isNamed := len(named) == 0 || slices.ContainsFunc(named, func(n NamedPart) bool { return n.PartNumber == number })
		if !ok || !isNamed || p.Size != u.Length(number) {
			missing = append(missing, number)
			continue
		}
		parts = append(parts, p)
	}
	switch {
	case len(different) > 0:
		return nil, With(ErrPartMismatch, map[string]any{"partNumbers": different})
	case len(missing) > 0:
		return nil, With(ErrPartsIncomplete, map[string]any{"partNumbers": missing})
	}
	return parts, nil
}

func bare(etag string) string { return strings.Trim(etag, `"`) }
