package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/codex-platform/codex/domain/media"
)

// StartParts opens an upload in parts and returns the store's id of it.
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

// PresignPart returns a URL for the upload of one part of exactly this size, valid for life.
func (b *Bucket) PresignPart(
	ctx context.Context, key, upload string, number int, size int64, life time.Duration,
) (string, error) {
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

// PutPart stores one part of an upload. body is rewound before every attempt; only ctx limits its
// transfer. It fails with ErrNotFound when the upload was completed or aborted.
func (b *Bucket) PutPart(
	ctx context.Context, key, upload string, number int, body io.ReadSeeker, size int64,
) error {
	_, err := b.client.api.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket:        &b.name,
		Key:           &key,
		UploadId:      &upload,
		PartNumber:    partNumber(number),
		Body:          body,
		ContentLength: &size,
	})
	return b.failure("put a part of", key, err)
}

// partNumber is at most 10 000, the limit of the protocol.
func partNumber(n int) *int32 { return aws.Int32(int32(n)) }

// ListParts returns the stored parts in their order. It fails with ErrNotFound when the upload was
// completed or aborted.
func (b *Bucket) ListParts(ctx context.Context, key, upload string) ([]media.Part, error) {
	parts := []media.Part{}
	var after *string
	for {
		out, err := b.partsPage(ctx, key, upload, after)
		if err != nil {
			return nil, b.failure("list parts of", key, err)
		}
		for _, p := range out.Parts {
			parts = append(parts, media.Part{
				Number: int(aws.ToInt32(p.PartNumber)),
				ETag:   aws.ToString(p.ETag),
				Size:   aws.ToInt64(p.Size),
			})
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

// CompleteParts assembles the object from its parts. A store may need minutes for a large one:
// only ctx limits it, and after its end the store may still finish. It fails with ErrNotFound
// when the upload was completed or aborted.
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
	}, func(o *awss3.Options) { o.HTTPClient = b.client.slow })
	return b.failure("complete upload of", key, err)
}

// AbortParts aborts an upload and removes its parts. A missing upload is not an error.
func (b *Bucket) AbortParts(ctx context.Context, key, upload string) error {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	_, err := b.client.api.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{
		Bucket: &b.name, Key: &key, UploadId: &upload,
	})
	if err = b.failure("abort upload of", key, err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// AbortUploads aborts the open uploads whose key starts with prefix and that were opened before a
// time, and returns how many. The zero time means all. After an error it continues with the
// other uploads.
func (b *Bucket) AbortUploads(ctx context.Context, prefix string, before time.Time) (int, error) {
	aborted := 0
	var errs error
	var key, upload *string
	for {
		out, err := b.uploadsPage(ctx, prefix, key, upload)
		if err != nil {
			return aborted, errors.Join(errs, b.failure("list uploads below", prefix, err))
		}
		for _, u := range out.Uploads {
			if !before.IsZero() && !aws.ToTime(u.Initiated).Before(before) {
				continue
			}
			if err := b.AbortParts(ctx, aws.ToString(u.Key), aws.ToString(u.UploadId)); err != nil {
				errs = errors.Join(errs, err)
				continue
			}
			aborted++
		}
		key, upload = out.NextKeyMarker, out.NextUploadIdMarker
		if !aws.ToBool(out.IsTruncated) || aws.ToString(key) == "" {
			return aborted, errs
		}
	}
}

func (b *Bucket) uploadsPage(
	ctx context.Context, prefix string, key, upload *string,
) (*awss3.ListMultipartUploadsOutput, error) {
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
