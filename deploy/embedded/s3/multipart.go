package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3response"
)

// CreateMultipartUpload handles CreateMultipartUpload.
func (s *store) CreateMultipartUpload(
	ctx context.Context, in s3response.CreateMultipartUploadInput,
) (s3response.InitiateMultipartUploadResult, error) {
	name := value(in.Bucket)
	var err error
	if in.Bucket, err = s.locate(in.Bucket); err != nil {
		return s3response.InitiateMultipartUploadResult{}, err
	}
	result, err := s.files.CreateMultipartUpload(ctx, in)
	result.Bucket = name
	return result, err
}

// UploadPart handles UploadPart.
func (s *store) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return nil, err
	}
	located := *in
	located.Bucket = bucket
	located.Body = whole(in.Body, in.ContentLength)
	return s.files.UploadPart(ctx, &located)
}

// CompleteMultipartUpload handles CompleteMultipartUpload, and syncs the bytes to disk
// before it returns.
func (s *store) CompleteMultipartUpload(
	ctx context.Context, in *s3.CompleteMultipartUploadInput,
) (s3response.CompleteMultipartUploadResult, string, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return s3response.CompleteMultipartUploadResult{}, "", err
	}
	located := *in
	located.Bucket = bucket
	result, version, err := s.files.CompleteMultipartUpload(ctx, &located)
	result.Bucket = in.Bucket
	if err != nil {
		return result, version, err
	}
	return result, version, syncPath(filepath.Join(*bucket, value(in.Key)))
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted again meanwhile
	}
	if err != nil {
		return fmt.Errorf("open the uploaded object: %w", err)
	}
	defer file.Close() // opened for reading
	return syncFile(file)
}

// AbortMultipartUpload handles AbortMultipartUpload.
func (s *store) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return err
	}
	located := *in
	located.Bucket = bucket
	return s.files.AbortMultipartUpload(ctx, &located)
}

// ListMultipartUploads handles ListMultipartUploads.
func (s *store) ListMultipartUploads(
	ctx context.Context, in *s3.ListMultipartUploadsInput,
) (s3response.ListMultipartUploadsResult, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return s3response.ListMultipartUploadsResult{}, err
	}
	located := *in
	located.Bucket = bucket
	result, err := s.files.ListMultipartUploads(ctx, &located)
	result.Bucket = *in.Bucket
	return result, err
}

// ListParts handles ListParts.
func (s *store) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return s3response.ListPartsResult{}, err
	}
	located := *in
	located.Bucket = bucket
	result, err := s.files.ListParts(ctx, &located)
	result.Bucket = *in.Bucket
	return result, err
}
