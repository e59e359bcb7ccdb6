package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// MaxPresign is how long a presigned URL may be valid, 7 days: a limit of signature version 4.
const MaxPresign = 7 * 24 * time.Hour

var errLifetime = errors.New("a presigned URL is valid for 1 s to 7 days")

// PresignGet returns a URL that reads one object, valid for life. It does not check that the
// object exists.
func (b *Bucket) PresignGet(ctx context.Context, key string, life time.Duration) (string, error) {
	if life < time.Second || life > MaxPresign {
		return "", errLifetime
	}
	out, err := b.client.presign.PresignGetObject(ctx, &awss3.GetObjectInput{Bucket: &b.name, Key: &key},
		awss3.WithPresignExpires(life))
	if err != nil {
		return "", fmt.Errorf("presign %s/%s: %w", b.name, key, err)
	}
	return out.URL, nil
}

// PresignDownload is [Bucket.PresignGet] for a file that a browser saves: the store responds with this
// Content-Disposition and Content-Type.
func (b *Bucket) PresignDownload(
	ctx context.Context, key, disposition, contentType string, life time.Duration,
) (string, error) {
	if life < time.Second || life > MaxPresign {
		return "", errLifetime
	}
	out, err := b.client.presign.PresignGetObject(ctx, &awss3.GetObjectInput{
		Bucket:                     &b.name,
		Key:                        &key,
		ResponseContentDisposition: &disposition,
		ResponseContentType:        &contentType,
	}, awss3.WithPresignExpires(life))
	if err != nil {
		return "", fmt.Errorf("presign %s/%s: %w", b.name, key, err)
	}
	return out.URL, nil
}

// PresignPut returns a URL for the upload of one object of exactly this type and size, valid for
// life. The client must send the same Content-Type and Content-Length.
func (b *Bucket) PresignPut(
	ctx context.Context, key, contentType string, size int64, life time.Duration,
) (string, error) {
	if life < time.Second || life > MaxPresign {
		return "", errLifetime
	}
	out, err := b.client.presign.PresignPutObject(ctx, &awss3.PutObjectInput{
		Bucket:        &b.name,
		Key:           &key,
		ContentType:   &contentType,
		ContentLength: &size,
	}, awss3.WithPresignExpires(life))
	if err != nil {
		return "", fmt.Errorf("presign %s/%s: %w", b.name, key, err)
	}
	return out.URL, nil
}
