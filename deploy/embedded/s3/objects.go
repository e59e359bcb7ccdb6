package s3

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// PutObject stores the object; its bytes are synced to disk before it appears.
func (s *store) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	var err error
	if in.Bucket, err = s.locate(in.Bucket); err != nil {
		return s3response.PutObjectOutput{}, err
	}
	in.Body = whole(in.Body, in.ContentLength)
	return s.files.PutObjectWithPostFunc(ctx, in, syncFile)
}

// syncFile tolerates file systems that cannot sync a file (some FUSE ones).
func syncFile(file *os.File) error {
	if err := file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// HeadObject answers HeadObject.
func (s *store) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return nil, err
	}
	located := *in
	located.Bucket = bucket
	return s.files.HeadObject(ctx, &located)
}

// GetObject answers GetObject, with its ranges.
func (s *store) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return nil, err
	}
	located := *in
	located.Bucket = bucket
	return s.files.GetObject(ctx, &located)
}

// DeleteObject answers DeleteObject.
func (s *store) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return nil, err
	}
	located := *in
	located.Bucket = bucket
	return s.files.DeleteObject(ctx, &located)
}

// DeleteObjects answers DeleteObjects.
func (s *store) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return s3response.DeleteResult{}, err
	}
	located := *in
	located.Bucket = bucket
	return s.files.DeleteObjects(ctx, &located)
}

// CopyObject reads the source and stores it under the new key. The file backend's
// own copy takes the source bucket by name and would look for it in the working
// directory.
func (s *store) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	sourceBucket, sourceKey, version, err := backend.ParseCopySource(value(in.CopySource))
	if err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	if version != "" {
		return s3response.CopyObjectOutput{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, version)
	}
	source, err := s.GetObject(ctx, &s3.GetObjectInput{
		Bucket:            &sourceBucket,
		Key:               &sourceKey,
		IfMatch:           in.CopySourceIfMatch,
		IfNoneMatch:       in.CopySourceIfNoneMatch,
		IfModifiedSince:   in.CopySourceIfModifiedSince,
		IfUnmodifiedSince: in.CopySourceIfUnmodifiedSince,
	})
	if err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	defer source.Body.Close() // opened for reading
	stored, err := s.PutObject(ctx, copyInput(in, source))
	if err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	head, err := s.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
	if err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	return s3response.CopyObjectOutput{CopyObjectResult: &s3response.CopyObjectResult{
		ETag: &stored.ETag, LastModified: head.LastModified,
	}}, nil
}

func copyInput(in s3response.CopyObjectInput, source *s3.GetObjectOutput) s3response.PutObjectInput {
	put := s3response.PutObjectInput{
		Bucket:              in.Bucket,
		Key:                 in.Key,
		Body:                source.Body,
		ContentLength:       source.ContentLength,
		ExpectedBucketOwner: in.ExpectedBucketOwner,
	}
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		put.Metadata, put.ContentType, put.ContentEncoding = in.Metadata, in.ContentType, in.ContentEncoding
		put.ContentDisposition, put.ContentLanguage = in.ContentDisposition, in.ContentLanguage
		put.CacheControl, put.Expires = in.CacheControl, in.Expires
		return put
	}
	put.Metadata, put.ContentType, put.ContentEncoding = source.Metadata, source.ContentType, source.ContentEncoding
	put.ContentDisposition, put.ContentLanguage = source.ContentDisposition, source.ContentLanguage
	put.CacheControl, put.Expires = source.CacheControl, source.ExpiresString
	return put
}

// ListObjects answers ListObjects.
func (s *store) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return s3response.ListObjectsResult{}, err
	}
	located := *in
	located.Bucket = bucket
	result, err := s.files.ListObjects(ctx, &located)
	result.Name = in.Bucket
	return result, err
}

// ListObjectsV2 answers ListObjectsV2.
func (s *store) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	bucket, err := s.locate(in.Bucket)
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	located := *in
	located.Bucket = bucket
	result, err := s.files.ListObjectsV2(ctx, &located)
	result.Name = in.Bucket
	return result, err
}
