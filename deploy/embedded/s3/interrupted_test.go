package s3_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
)

const (
	declaredBytes = 5 << 20
	sentBytes     = 500_000
)

// sendPartly sends the beginning of a body of declaredBytes to a presigned address and closes the
// sending side. It returns when the server has closed the connection, so the request is over.
func sendPartly(t *testing.T, method, address string) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		method, target.RequestURI(), target.Host, declaredBytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(make([]byte, sentBytes)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // a reset is an answer as well
	return string(answer)
}

func TestAPartThatWasCutIsNotStored(t *testing.T) {
	t.Parallel()
	client := s3test.Server(t).Client()
	key := aws.String("uploads/film.mp4")
	upload, err := client.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: media, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	part, err := awss3.NewPresignClient(client).PresignUploadPart(t.Context(), &awss3.UploadPartInput{
		Bucket:        media,
		Key:           key,
		UploadId:      upload.UploadId,
		PartNumber:    aws.Int32(1),
		ContentLength: aws.Int64(declaredBytes),
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := sendPartly(t, part.Method, part.URL)
	parts, err := client.ListParts(t.Context(),
		&awss3.ListPartsInput{Bucket: media, Key: key, UploadId: upload.UploadId})
	if err != nil {
		t.Fatal(err)
	}
	if len(parts.Parts) != 0 {
		t.Errorf("a part of %d bytes is stored after %d were sent; the server said %q",
			*parts.Parts[0].Size, sentBytes, answer)
	}
}

func TestAnObjectThatWasCutIsNotStored(t *testing.T) {
	t.Parallel()
	client := s3test.Server(t).Client()
	key := aws.String("uploads/film.mp4")
	put, err := awss3.NewPresignClient(client).PresignPutObject(t.Context(), &awss3.PutObjectInput{
		Bucket:        media,
		Key:           key,
		ContentLength: aws.Int64(declaredBytes),
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := sendPartly(t, put.Method, put.URL)
	if head, err := client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: media, Key: key}); err == nil {
		t.Errorf("an object of %d bytes is stored after %d were sent; the server said %q",
			*head.ContentLength, sentBytes, answer)
	}
}
