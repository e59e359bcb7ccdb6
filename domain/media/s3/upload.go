package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// partSize is the size of the parts of a multipart upload: at most 10 000 parts make 312 GiB.
	partSize = 32 << 20
	// singlePut is the largest size of a file that is put in one request.
	singlePut    = 64 << 20
	abortTimeout = 10 * time.Second
)

// PutFile writes a local file as an object: in one request when it is small, otherwise in parts,
// so that a broken connection costs one part. A failed upload is aborted if the store is available.
func (b *Bucket) PutFile(ctx context.Context, key, path, contentType string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("put %s/%s: %w", b.name, key, err)
	}
	defer func() { _ = file.Close() }()
	stat, err := file.Stat()
	if err != nil {
		return fmt.Errorf("put %s/%s: %w", b.name, key, err)
	}
	if stat.Size() <= singlePut {
		_, err = b.Put(ctx, key, file, stat.Size(), contentType)
		return err
	}
	return b.PutParts(ctx, key, file, stat.Size(), contentType, partSize)
}

// PutParts writes an object in parts of a size of at least 5 MiB.
func (b *Bucket) PutParts(
	ctx context.Context, key string, content io.ReaderAt, size int64, contentType string, part int64,
) error {
	started, err := b.client.api.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: &b.name, Key: &key, ContentType: &contentType,
	})
	if err != nil {
		return b.failure("start upload of", key, err)
	}
	if err := b.putParts(ctx, key, *started.UploadId, content, size, part); err != nil {
		abort, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		_, abortErr := b.client.api.AbortMultipartUpload(abort, &awss3.AbortMultipartUploadInput{
			Bucket: &b.name, Key: &key, UploadId: started.UploadId,
		})
		return b.failure("upload", key, errors.Join(err, abortErr))
	}
	return nil
}

func (b *Bucket) putParts(ctx context.Context, key, upload string, content io.ReaderAt, size, part int64) error {
	var done []types.CompletedPart
	for offset := int64(0); offset < size; offset += part {
		length := min(part, size-offset)
		number := aws.Int32(int32(len(done) + 1)) // at most 10 000, the limit of the protocol
		out, err := b.client.api.UploadPart(ctx, &awss3.UploadPartInput{
			Bucket:        &b.name,
			Key:           &key,
			UploadId:      &upload,
			PartNumber:    number,
			Body:          io.NewSectionReader(content, offset, length),
			ContentLength: &length,
		})
		if err != nil {
			return fmt.Errorf("part %d: %w", *number, err)
		}
		done = append(done, types.CompletedPart{PartNumber: number, ETag: out.ETag})
	}
	_, err := b.client.api.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket:          &b.name,
		Key:             &key,
		UploadId:        &upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	return err
}
