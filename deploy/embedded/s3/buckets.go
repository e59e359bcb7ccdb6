package s3

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// ListBuckets handles ListBuckets.
func (s *store) ListBuckets(
	_ context.Context, in s3response.ListBucketsInput,
) (s3response.ListAllMyBucketsResult, error) {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return s3response.ListAllMyBucketsResult{}, fmt.Errorf("list the buckets: %w", err)
	}
	result := s3response.ListAllMyBucketsResult{
		Owner:  s3response.CanonicalUser{ID: in.Owner},
		Prefix: in.Prefix,
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || !utils.IsValidBucketName(name) {
			continue
		}
		if !strings.HasPrefix(name, in.Prefix) || name <= in.ContinuationToken {
			continue
		}
		listed := result.Buckets.Bucket
		if in.MaxBuckets > 0 && len(listed) == int(in.MaxBuckets) {
			result.ContinuationToken = listed[len(listed)-1].Name
			break
		}
		info, err := entry.Info()
		if err != nil {
			continue // removed meanwhile
		}
		result.Buckets.Bucket = append(listed, s3response.ListAllMyBucketsEntry{
			Name:         name,
			CreationDate: info.ModTime(),
		})
	}
	return result, nil
}

// HeadBucket handles HeadBucket.
func (s *store) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	if _, err := s.locate(in.Bucket); err != nil {
		return nil, err
	}
	return &s3.HeadBucketOutput{}, nil
}

// CreateBucket handles CreateBucket; the bucket belongs to the one account.
func (s *store) CreateBucket(_ context.Context, in *s3.CreateBucketInput, _ []byte) error {
	if _, err := s.locate(in.Bucket); err == nil {
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyOwnedByYou, *in.Bucket)
	}
	if in.Bucket == nil || !utils.IsValidBucketName(*in.Bucket) {
		return s3err.GetBucketErr(s3err.ErrInvalidBucketName, value(in.Bucket))
	}
	return s.createBucket(*in.Bucket)
}

// GetBucketAcl says that every bucket belongs to the one account.
func (s *store) GetBucketAcl(_ context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	if _, err := s.locate(in.Bucket); err != nil {
		return nil, err
	}
	return s.acl, nil
}

// GetBucketOwnershipControls says that ACLs do not count.
func (s *store) GetBucketOwnershipControls(_ context.Context, bucket string) (types.ObjectOwnership, error) {
	_, err := s.locate(&bucket)
	return types.ObjectOwnershipBucketOwnerEnforced, err
}

// GetBucketPolicy says that there is none.
func (s *store) GetBucketPolicy(_ context.Context, bucket string) ([]byte, error) {
	if _, err := s.locate(&bucket); err != nil {
		return nil, err
	}
	return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, bucket)
}

// GetBucketCors returns the configuration that all buckets share.
func (s *store) GetBucketCors(_ context.Context, bucket string) ([]byte, error) {
	if _, err := s.locate(&bucket); err != nil {
		return nil, err
	}
	if s.cors == nil {
		return nil, s3err.GetBucketErr(s3err.ErrNoSuchCORSConfiguration, bucket)
	}
	return s.cors, nil
}

// GetBucketVersioning says that buckets were never versioned.
func (s *store) GetBucketVersioning(_ context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	_, err := s.locate(&bucket)
	return s3response.GetBucketVersioningOutput{}, err
}

// GetObjectLockConfiguration says that objects are never locked.
func (s *store) GetObjectLockConfiguration(_ context.Context, bucket string) ([]byte, error) {
	if _, err := s.locate(&bucket); err != nil {
		return nil, err
	}
	return nil, s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotFound)
}
