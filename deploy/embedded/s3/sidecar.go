package s3

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
)

// sideCar keeps metadata in files of their own, by bucket name: the file backend
// knows buckets by absolute path here, which would break when the data directory
// moves.
type sideCar struct {
	files meta.SideCar
	root  string
}

func (s sideCar) name(bucket string) string {
	if name, err := filepath.Rel(s.root, bucket); err == nil && filepath.IsLocal(name) {
		return name
	}
	return bucket
}

func (s sideCar) RetrieveAttribute(f *os.File, bucket, object, attribute string) ([]byte, error) {
	return s.files.RetrieveAttribute(f, s.name(bucket), object, attribute)
}

func (s sideCar) StoreAttribute(f *os.File, bucket, object, attribute string, content []byte) error {
	return s.files.StoreAttribute(f, s.name(bucket), object, attribute, content)
}

func (s sideCar) DeleteAttribute(bucket, object, attribute string) error {
	return s.files.DeleteAttribute(s.name(bucket), object, attribute)
}

func (s sideCar) ListAttributes(bucket, object string) ([]string, error) {
	return s.files.ListAttributes(s.name(bucket), object)
}

func (s sideCar) DeleteAttributes(bucket, object string) error {
	return s.files.DeleteAttributes(s.name(bucket), object)
}

func (s sideCar) RenameObject(bucket, from, to string) error {
	if err := s.files.RenameObject(s.name(bucket), from, to); err != nil {
		return fmt.Errorf("rename the metadata of an object: %w", err)
	}
	return nil
}
