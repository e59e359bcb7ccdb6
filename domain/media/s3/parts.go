package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/codex-platform/codex/domain/media"
)

// StartParts begins an upload in parts and returns the store's name for it.
func (b *Bucket) StartParts(ctx context.Context, key, contentType string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	out, err := b.client.api.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: &b.name, Key: &key, ContentType: &contentType,
	})
	if err != nil {
		return "", b.failure("start upload of", key, err)
	}
	return aws.ToString(out.UploadId), nil
}

// PresignPart returns an address that takes one part of exactly this size, for so long.
func (b *Bucket) PresignPart(ctx context.Context, key, upload string, number int, size int64, life time.Duration) (string, error) {
	if life < time.Second || life > MaxPresign {
		return "", errLifetime
	}
	out, err := b.client.presign.PresignUploadPart(ctx, &awss3.UploadPartInput{
		Bucket:        &b.name,
		Key:           &key,
		UploadId:      &upload,
		PartNumber:    partNumber(number),
		ContentLength: &size,
	}, awss3.WithPresignExpires(life))
	if err != nil {
		return "", fmt.Errorf("presign part %d of %s/%s: %w", number, b.name, key, err)
	}
	return out.URL, nil
}

// partNumber is bounded by the protocol: 10 000.
func partNumber(n int) *int32 { return aws.Int32(int32(n)) }

// ListParts returns the parts that the store has, in their order. It fails with ErrNotFound when the upload is over.
func (b *Bucket) ListParts(ctx context.Context, key, upload string) ([]media.Part, error) {
	parts := []media.Part{}
	var after *string
	for {
		out, err := b.partsPage(ctx, key, upload, after)
		if err != nil {
			return nil, b.failure("list parts of", key, err)
		}
		for _, p := range out.Parts {
			parts = append(parts, media.Part{Number: int(aws.ToInt32(p.PartNumber)), ETag: aws.ToString(p.ETag), Size: aws.ToInt64(p.Size)})
		}
		if after = out.NextPartNumberMarker; !aws.ToBool(out.IsTruncated) || after == nil {
			return parts, nil
		}
	}
}

func (b *Bucket) partsPage(ctx context.Context, key, upload string, after *string) (*awss3.ListPartsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	return b.client.api.ListParts(ctx, &awss3.ListPartsInput{
		Bucket:           &b.name,
		Key:              &key,
		UploadId:         &upload,
		PartNumberMarker: after,
		MaxParts:         aws.Int32(page),
	})
}

// CompleteParts makes the object from its parts. A store may need minutes for a large one: ctx
// alone is the limit, and when it ends first the store may finish all the same. It fails with
// ErrNotFound when the upload is over.
func (b *Bucket) CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error {
	done := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		done[i] = types.CompletedPart{PartNumber: partNumber(p.Number), ETag: aws.String(p.ETag)}
	}
	_, err := b.client.api.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket:          &b.name,
		Key:             &key,
		UploadId:        &upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	}, func(o *awss3.Options) { o.HTTPClient = b.client.unhurried })
	return b.failure("complete upload of", key, err)
}

// AbortParts ends an upload and removes its parts. That it is over already is no error.
func (b *Bucket) AbortParts(ctx context.Context, key, upload string) error {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	_, err := b.client.api.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &b.name, Key: &key, UploadId: &upload})
	if err = b.failure("abort upload of", key, err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// AbortUploads ends every open upload whose key starts with prefix and that was begun before a
// time, and returns how many. The zero time means all. What cannot be ended does not keep the
// others from being ended.
func (b *Bucket) AbortUploads(ctx context.Context, prefix string, before time.Time) (int, error) {
	aborted := 0
	var failed error
	var key, upload *string
	for {
		out, err := b.uploadsPage(ctx, prefix, key, upload)
		if err != nil {
			return aborted, errors.Join(failed, b.failure("list uploads below", prefix, err))
		}
		for _, u := range out.Uploads {
			if !before.IsZero() && !aws.ToTime(u.Initiated).Before(before) {
				continue
			}
			if err := b.AbortParts(ctx, aws.ToString(u.Key), aws.ToString(u.UploadId)); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			aborted++
		}
		if key, upload = out.NextKeyMarker, out.NextUploadIdMarker; !aws.ToBool(out.IsTruncated) || aws.ToString(key) == "" {
			return aborted, failed
		}
	}
}

func (b *Bucket) uploadsPage(ctx context.Context, prefix string, key, upload *string) (*awss3.ListMultipartUploadsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	return b.client.api.ListMultipartUploads(ctx, &awss3.ListMultipartUploadsInput{
		Bucket:         &b.name,
		Prefix:         &prefix,
		KeyMarker:      key,
		UploadIdMarker: upload,
		MaxUploads:     aws.Int32(page),
	})
}
