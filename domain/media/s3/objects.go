package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Info describes an object.
type Info struct {
	Key         string
	Size        int64 // bytes
	ETag        string
	ContentType string // empty in listings
	Modified    time.Time
}

// Object is an object that is being read. The caller closes Body.
type Object struct {
	Info
	Body io.ReadCloser
}

// Range is a part of an object. The zero value is the whole.
type Range struct {
	Offset int64
	// Length is the number of bytes, fewer when the object is shorter; 0 means to the end.
	Length int64
}

func (r Range) header() *string {
	switch {
	case r == Range{}:
		return nil
	case r.Length == 0:
		return aws.String(fmt.Sprintf("bytes=%d-", r.Offset))
	default:
		return aws.String(fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Length-1))
	}
}

// Head describes an object without reading it.
func (b *Bucket) Head(ctx context.Context, key string) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	out, err := b.client.api.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return Info{}, b.failure("head", key, err)
	}
	return Info{
		Key:         key,
		Size:        aws.ToInt64(out.ContentLength),
		ETag:        aws.ToString(out.ETag),
		ContentType: aws.ToString(out.ContentType),
		Modified:    aws.ToTime(out.LastModified),
	}, nil
}

// Get opens an object, or a range of it. With an ETag it opens that version or fails with
// ErrChanged. The time limit of the operation ends with the first byte; the body is read under
// ctx.
func (b *Bucket) Get(ctx context.Context, key string, part Range, etag string) (Object, error) {
	in := &awss3.GetObjectInput{Bucket: &b.name, Key: &key, Range: part.header()}
	if etag != "" {
		in.IfMatch = &etag
	}
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(b.client.timeout, func() { cancel(context.DeadlineExceeded) })
	out, err := b.client.api.GetObject(ctx, in)
	late.Stop()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		if cause != nil {
			err = errors.Join(err, cause)
		}
		return Object{}, b.failure("get", key, err)
	}
	return Object{
		Info: Info{
			Key:         key,
			Size:        aws.ToInt64(out.ContentLength),
			ETag:        aws.ToString(out.ETag),
			ContentType: aws.ToString(out.ContentType),
			Modified:    aws.ToTime(out.LastModified),
		},
		Body: &body{out.Body, func() { cancel(nil) }},
	}, nil
}

type body struct {
	io.ReadCloser
	release func()
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.release()
	return err
}

// Read returns an object's bytes, or those of a range: limit at most, more is an error.
func (b *Bucket) Read(ctx context.Context, key string, part Range, etag string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	object, err := b.Get(ctx, key, part, etag)
	if err != nil {
		return nil, err
	}
	defer func() { _ = object.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(object.Body, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("the object is larger than %d bytes", limit)
	}
	return content, b.failure("read", key, err)
}

// Put writes an object in one request. body is rewound before every attempt; only ctx limits its
// transfer.
func (b *Bucket) Put(
	ctx context.Context, key string, body io.ReadSeeker, size int64, contentType string,
) (etag string, err error) {
	out, err := b.client.api.PutObject(ctx, &awss3.PutObjectInput{
		Bucket:        &b.name,
		Key:           &key,
		Body:          body,
		ContentLength: &size,
		ContentType:   &contentType,
	})
	if err != nil {
		return "", b.failure("put", key, err)
	}
	return aws.ToString(out.ETag), nil
}

// PutStream writes an object of a known size from a reader that cannot be rewound, so there is
// one attempt, and the content is not part of the signature. A reader that ends early is an error.
func (b *Bucket) PutStream(
	ctx context.Context, key string, body io.Reader, size int64, contentType string,
) (etag string, err error) {
	out, err := b.client.api.PutObject(ctx, &awss3.PutObjectInput{
		Bucket:        &b.name,
		Key:           &key,
		Body:          body,
		ContentLength: &size,
		ContentType:   &contentType,
	}, awss3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware), func(o *awss3.Options) {
		o.Retryer = aws.NopRetryer{}
	})
	if err != nil {
		return "", b.failure("put", key, err)
	}
	return aws.ToString(out.ETag), nil
}

// PutJSON writes a value as a JSON object.
func (b *Bucket) PutJSON(ctx context.Context, key string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("put %s/%s: %w", b.name, key, err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	_, err = b.Put(ctx, key, bytes.NewReader(content), int64(len(content)), "application/json")
	return err
}

// Delete removes an object. A missing object is not an error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	_, err := b.client.api.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err = b.failure("delete", key, err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// page is how many keys one request lists or deletes, the protocol's maximum.
const page = 1000

// List calls f for every object whose key starts with prefix, in the order of keys, until f fails.
func (b *Bucket) List(ctx context.Context, prefix string, f func(Info) error) error {
	return b.ListAfter(ctx, prefix, "", f)
}

// ListAfter is [Bucket.List] for the keys that come after one.
func (b *Bucket) ListAfter(ctx context.Context, prefix, after string, f func(Info) error) error {
	size := int32(page)
	var token *string
	for {
		out, err := b.listPage(ctx, prefix, after, token, size)
		if err != nil {
			return err
		}
		for _, object := range out.Contents {
			info := Info{
				Key:      aws.ToString(object.Key),
				Size:     aws.ToInt64(object.Size),
				ETag:     aws.ToString(object.ETag),
				Modified: aws.ToTime(object.LastModified),
			}
			if err := f(info); err != nil {
				return err
			}
		}
		if token = out.NextContinuationToken; token == nil || !aws.ToBool(out.IsTruncated) {
			return nil
		}
	}
}

func (b *Bucket) listPage(
	ctx context.Context, prefix, after string, token *string, size int32,
) (*awss3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	in := &awss3.ListObjectsV2Input{
		Bucket:            &b.name,
		Prefix:            &prefix,
		ContinuationToken: token,
		MaxKeys:           &size,
	}
	if after != "" && token == nil {
		in.StartAfter = &after
	}
	out, err := b.client.api.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, b.failure("list", prefix, err)
	}
	return out, nil
}

// DeletePrefix removes every object whose key starts with prefix and returns how many. The prefix
// must end in a slash, so that it does not match other names. It may be repeated after an error.
func (b *Bucket) DeletePrefix(ctx context.Context, prefix string) (int, error) {
	if len(prefix) < 2 || !strings.HasSuffix(prefix, "/") {
		return 0, fmt.Errorf("delete %s/%s: the prefix does not end in a slash", b.name, prefix)
	}
	deleted := 0
	for {
		// Deleted objects are not listed again, so every page is the first.
		out, err := b.listPage(ctx, prefix, "", nil, page)
		if err != nil {
			return deleted, err
		}
		if len(out.Contents) == 0 {
			return deleted, nil
		}
		if err := b.deleteAll(ctx, prefix, out.Contents); err != nil {
			return deleted, err
		}
		deleted += len(out.Contents)
	}
}

func (b *Bucket) deleteAll(ctx context.Context, prefix string, objects []types.Object) error {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	ids := make([]types.ObjectIdentifier, len(objects))
	for i, object := range objects {
		ids[i] = types.ObjectIdentifier{Key: object.Key}
	}
	out, err := b.client.api.DeleteObjects(ctx, &awss3.DeleteObjectsInput{
		Bucket: &b.name, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)},
	})
	if err == nil && len(out.Errors) > 0 {
		first := out.Errors[0]
		err = fmt.Errorf("%d objects were not deleted, the first: %s %s",
			len(out.Errors), aws.ToString(first.Code), aws.ToString(first.Message))
	}
	return b.failure("delete", prefix, err)
}
