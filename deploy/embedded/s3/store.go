package s3

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// store is the gateway's backend: versitygw's file backend with absolute bucket
// paths, and fixed answers for everything that is configured per bucket.
//
// It embeds the backend that supports nothing, so that an operation not written
// here is rejected instead of reaching the files by a relative path.
type store struct {
	backend.BackendUnsupported
	files *posix.Posix
	root  string
	owner string
	acl   []byte
	// cors is the configuration of every bucket; nil for none.
	cors []byte
	once sync.Once
}

// opening guards the moment in which the file backend changes into the working
// directory it is in.
var opening sync.Mutex

func openStore(cfg Config) (*store, error) {
	root := filepath.Join(cfg.Dir, "buckets")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("the object directory %s cannot be created: %w", root, err)
	}
	attributes, err := openMetadata(cfg.Dir, root)
	if err != nil {
		return nil, err
	}
	options := posix.PosixOpts{ForceNoObjLockFile: true}
	options.SetNewDirPerm(0o700)
	options.SetNewFilePerm(0o600)
	opening.Lock()
	files, err := posix.New(".", attributes, options)
	opening.Unlock()
	if err != nil {
		return nil, fmt.Errorf("open the object directory %s: %w", root, err)
	}
	acl, err := json.Marshal(auth.ACL{Owner: cfg.AccessKey})
	if err != nil {
		return nil, fmt.Errorf("describe the owner of the buckets: %w", err)
	}
	cors, err := corsConfiguration(cfg.CORSOrigins)
	if err != nil {
		return nil, err
	}
	return &store{
		files: files,
		root:  root,
		owner: cfg.AccessKey,
		acl:   acl,
		cors:  cors,
	}, nil
}

// String and Shutdown complete the backend.
func (s *store) String() string { return "codex object store" }

// Shutdown closes the files backend; twice is fine.
func (s *store) Shutdown() { s.once.Do(s.files.Shutdown) }

func (s *store) createBucket(name string) error {
	if !utils.IsValidBucketName(name) {
		return fmt.Errorf("%q is not a valid bucket name", name)
	}
	err := os.Mkdir(filepath.Join(s.root, name), 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the object directory %s cannot be written: %w", s.root, err)
	}
	return nil
}

// locate returns the directory of an existing bucket, in the form the inputs
// of the file backend take.
func (s *store) locate(bucket *string) (*string, error) {
	if bucket == nil || !utils.IsValidBucketName(*bucket) {
		return nil, s3err.GetBucketErr(s3err.ErrInvalidBucketName, value(bucket))
	}
	path := filepath.Join(s.root, *bucket)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.IsDir()) {
		return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucket, *bucket)
	}
	if err != nil {
		return nil, fmt.Errorf("look for the bucket: %w", err)
	}
	return &path, nil
}

// corsConfiguration allows pages to upload with presigned URLs, and lets their scripts see
// what S3 answers. Pages of any origin may read, with ranges: the signature is the
// permission, and a browser that was redirected from one origin to another names none.
func corsConfiguration(origins []string) ([]byte, error) {
	if len(origins) == 0 {
		return nil, nil
	}
	seconds := int32(3600)
	rule := func(origins []string, methods ...auth.CORSHTTPMethod) auth.CORSRule {
		r := auth.CORSRule{
			AllowedMethods: methods,
			AllowedHeaders: []auth.CORSHeader{"*"},
			ExposeHeaders: []auth.CORSHeader{
				"ETag", "Content-Length", "Content-Range", "Accept-Ranges", "Last-Modified", "x-amz-request-id",
			},
			MaxAgeSeconds: &seconds,
		}
		for _, origin := range origins {
			r.AllowedOrigins = append(r.AllowedOrigins, auth.CORSOrigin(origin))
		}
		return r
	}
	configuration := auth.CORSConfiguration{Rules: []auth.CORSRule{
		rule(origins, "GET", "HEAD", "PUT", "POST"),
		rule([]string{"*"}, "GET", "HEAD"),
	}}
	if err := configuration.Validate(); err != nil {
		return nil, fmt.Errorf("the CORS origins %q are not valid: %w", origins, err)
	}
	text, err := xml.Marshal(configuration)
	if err != nil {
		return nil, fmt.Errorf("write the CORS configuration: %w", err)
	}
	return text, nil
}

// openMetadata chooses where content types and ETags live. Extended attributes
// are better: they appear with the file or not at all. The choice is made once
// per directory, so that data copied elsewhere stays readable.
func openMetadata(dir, root string) (meta.MetadataStorer, error) {
	separate := filepath.Join(dir, "metadata")
	if _, err := os.Stat(separate); errors.Is(err, fs.ErrNotExist) {
		attributes := meta.XattrMeta{}
		if canStore(attributes, root) {
			return attributes, nil
		}
	}
	if err := os.MkdirAll(separate, 0o700); err != nil {
		return nil, fmt.Errorf("the object directory %s cannot be written: %w", dir, err)
	}
	files, err := meta.NewSideCar(separate)
	if err != nil {
		return nil, fmt.Errorf("open the metadata of the objects: %w", err)
	}
	return sideCar{files: files, root: root}, nil
}

// canStore tries instead of asking: tmpfs, overlays and network file systems
// differ in what they say and what they do.
func canStore(attributes meta.XattrMeta, dir string) bool {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return false
	}
	defer os.Remove(probe.Name()) // a leftover probe is no bucket
	defer probe.Close()           // nothing was written
	if attributes.StoreAttribute(probe, "", "", "probe", []byte("1")) != nil {
		return false
	}
	stored, err := attributes.RetrieveAttribute(probe, "", "", "probe")
	return err == nil && string(stored) == "1"
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
