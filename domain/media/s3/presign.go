package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// MaxPresign is the longest life of a presigned address, a limit of the signature's version: 7 days.
const MaxPresign = 7 * 24 * time.Hour

var errLifetime = errors.New("a presigned address lives from 1 s to 7 days")

// PresignGet returns an address that reads one object for so long. It does not check that the object exists.
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

// PresignPut returns an address that takes one object of exactly this type and size, for so long.
// The client must send the same Content-Type and Content-Length.
func (b *Bucket) PresignPut(ctx context.Context, key, contentType string, size int64, life time.Duration) (string, error) {
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
