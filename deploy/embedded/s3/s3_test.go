package s3_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/codex-platform/codex/deploy/embedded/s3"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
)

var media = aws.String(s3test.MediaBucket)

func put(t *testing.T, client *awss3.Client, key, body string) {
	t.Helper()
	_, err := client.PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket:      media,
		Key:         &key,
		Body:        strings.NewReader(body),
		ContentType: aws.String("video/mp4"),
		Metadata:    map[string]string{"owner": "one"},
	})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func get(t *testing.T, client *awss3.Client, key string) string {
	t.Helper()
	out, err := client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: media, Key: &key})
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return string(body)
}

func do(t *testing.T, method, url string, body io.Reader, header http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return response, string(text)
}

func TestAnObjectComesBackWithItsTypeAndMetadata(t *testing.T) {
	t.Parallel()
	client := s3test.Server(t).Client()
	put(t, client, "a/b/film.mp4", "moving pictures")
	head, err := client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: media, Key: aws.String("a/b/film.mp4")})
	if err != nil {
		t.Fatal(err)
	}
	if *head.ContentLength != 15 || *head.ContentType != "video/mp4" ||
		head.Metadata["owner"] != "one" || *head.ETag == "" {
		t.Fatalf("head = %d bytes, %s, %v, etag %s", *head.ContentLength, *head.ContentType, head.Metadata, *head.ETag)
	}
	if body := get(t, client, "a/b/film.mp4"); body != "moving pictures" {
		t.Fatalf("body = %q", body)
	}
	film := &awss3.DeleteObjectInput{Bucket: media, Key: aws.String("a/b/film.mp4")}
	if _, err := client.DeleteObject(t.Context(), film); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: media, Key: aws.String("a/b/film.mp4")})
	var missing *types.NoSuchKey
	if !errors.As(err, &missing) {
		t.Fatalf("after the delete: %v, want NoSuchKey", err)
	}
}

func TestABrowserUploadsAndStreamsWithPresignedURLs(t *testing.T) {
	t.Parallel()
	server := s3test.Server(t)
	signer := awss3.NewPresignClient(server.Client())
	key := aws.String("uploads/film.mp4")
	upload, err := signer.PresignPutObject(t.Context(), &awss3.PutObjectInput{
		Bucket:      media,
		Key:         key,
		ContentType: aws.String("video/mp4"),
	}, awss3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	page := http.Header{"Origin": {s3test.Origin}, "Content-Type": {"video/mp4"}}
	response, text := do(t, http.MethodPut, upload.URL, strings.NewReader("0123456789"), page)
	if response.StatusCode != http.StatusOK || response.Header.Get("Access-Control-Allow-Origin") != s3test.Origin {
		t.Fatalf("upload: %s %v %s", response.Status, response.Header, text)
	}
	watch, err := signer.PresignGetObject(t.Context(),
		&awss3.GetObjectInput{Bucket: media, Key: key}, awss3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	response, text = do(t, http.MethodGet, watch.URL, nil, http.Header{"Range": {"bytes=2-5"}, "Origin": {s3test.Origin}})
	if response.StatusCode != http.StatusPartialContent || text != "2345" ||
		response.Header.Get("Content-Range") != "bytes 2-5/10" {
		t.Fatalf("range: %s %q %v", response.Status, text, response.Header)
	}
	exposed := response.Header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"ETag", "Content-Range", "Accept-Ranges", "Content-Length"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("exposed headers %q lack %s", exposed, name)
		}
	}
	forged := strings.Replace(watch.URL, "X-Amz-Signature=", "X-Amz-Signature=0", 1)
	if response, _ := do(t, http.MethodGet, forged, nil, nil); response.StatusCode != http.StatusForbidden {
		t.Errorf("a forged signature got %s, want 403", response.Status)
	}
	plain := server.Endpoint() + "/" + s3test.MediaBucket + "/" + *key
	if response, _ := do(t, http.MethodGet, plain, nil, nil); response.StatusCode != http.StatusForbidden {
		t.Errorf("without a signature: %s, want 403", response.Status)
	}
}

func TestPreflightAllowsTheOriginOfThePageAndNoOther(t *testing.T) {
	t.Parallel()
	url := s3test.Server(t).Endpoint() + "/" + s3test.MediaBucket + "/uploads/film.mp4"
	ask := func(origin string) *http.Response {
		response, _ := do(t, http.MethodOptions, url, nil, http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"PUT"},
			"Access-Control-Request-Headers": {"content-type,x-amz-checksum-crc32"},
		})
		return response
	}
	allowed := ask(s3test.Origin)
	if allowed.StatusCode/100 != 2 || allowed.Header.Get("Access-Control-Allow-Origin") != s3test.Origin ||
		!strings.Contains(allowed.Header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(allowed.Header.Get("Access-Control-Allow-Headers"), "content-type") {
		t.Errorf("the page's origin: %s %v", allowed.Status, allowed.Header)
	}
	if other := ask("https://elsewhere.example"); other.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %s %v", other.Status, other.Header)
	}
}

func TestListsCopiesAndMultipartUploadsNameTheBucketNotItsPath(t *testing.T) {
	t.Parallel()
	client := s3test.Server(t).Client()
	put(t, client, "in/one", "first")
	_, err := client.CopyObject(t.Context(), &awss3.CopyObjectInput{
		Bucket:     media,
		Key:        aws.String("in/two"),
		CopySource: aws.String(s3test.MediaBucket + "/in/one"),
	})
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	if body := get(t, client, "in/two"); body != "first" {
		t.Errorf("copy = %q", body)
	}
	head, err := client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: media, Key: aws.String("in/two")})
	if err != nil || *head.ContentType != "video/mp4" || head.Metadata["owner"] != "one" {
		t.Errorf("the copy lost its type or metadata: %v %v", head, err)
	}

	started, err := client.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{
		Bucket: media,
		Key:    aws.String("in/big"),
	})
	if err != nil || *started.Bucket != s3test.MediaBucket {
		t.Fatalf("start multipart: %v %v", started, err)
	}
	parts := []string{strings.Repeat("a", 5<<20), "tail"}
	var done []types.CompletedPart
	for i, body := range parts {
		number := aws.Int32(int32(i + 1))
		part, err := client.UploadPart(t.Context(), &awss3.UploadPartInput{
			Bucket:     media,
			Key:        started.Key,
			UploadId:   started.UploadId,
			PartNumber: number,
			Body:       strings.NewReader(body),
		})
		if err != nil {
			t.Fatalf("part %d: %v", *number, err)
		}
		done = append(done, types.CompletedPart{PartNumber: number, ETag: part.ETag})
	}
	completed, err := client.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{
		Bucket:          media,
		Key:             started.Key,
		UploadId:        started.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	if err != nil || *completed.Bucket != s3test.MediaBucket {
		t.Fatalf("complete multipart: %v %v", completed, err)
	}
	if body := get(t, client, "in/big"); body != strings.Join(parts, "") {
		t.Errorf("multipart object has %d bytes", len(body))
	}

	list, err := client.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: media, Prefix: aws.String("in/")})
	if err != nil || *list.Name != s3test.MediaBucket || len(list.Contents) != 3 || *list.Contents[0].Key != "in/big" {
		t.Fatalf("list: %+v %v", list, err)
	}
	_, err = client.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: aws.String("does-not-exist")})
	var missing *types.NotFound
	if !errors.As(err, &missing) {
		t.Errorf("missing bucket: %v", err)
	}
}

func TestGatewaysLiveSideBySideAndLeaveTheWorkingDirectoryAlone(t *testing.T) {
	t.Parallel()
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	first, second := s3test.Server(t).Client(), s3test.Server(t).Client()
	put(t, first, "key", "first")
	put(t, second, "key", "second")
	if a, b := get(t, first, "key"), get(t, second, "key"); a != "first" || b != "second" {
		t.Errorf("the gateways share objects: %q, %q", a, b)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("working directory %q became %q (%v)", before, after, err)
	}
}

func config(dir string) s3.Config {
	return s3.Config{
		Dir:       dir,
		AccessKey: s3test.AccessKey,
		SecretKey: s3test.SecretKey,
		Buckets:   []string{s3test.MediaBucket},
	}
}

func start(t *testing.T, cfg s3.Config) (*s3.Server, *awss3.Client) {
	t.Helper()
	server, err := s3.Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return server, awss3.New(awss3.Options{
		BaseEndpoint: aws.String(server.Endpoint()),
		Region:       s3test.Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(s3test.AccessKey, s3test.SecretKey, ""),
	})
}

// waitFree waits until an address is free: another test may be using it.
func waitFree(t *testing.T, addr string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		listener, err := net.Listen("tcp", addr)
		if err == nil {
			_ = listener.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not free after 30 s: %v", addr, err)
		}
		time.Sleep(100 * time.Millisecond) // between two looks at the condition
	}
}

func stop(t *testing.T, server *s3.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestObjectsSurviveARestartOnTheSamePort(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"with attributes": func(*testing.T, string) {},
		"with metadata in files": func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "metadata"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			prepare(t, dir)
			server, client := start(t, config(dir))
			put(t, client, "kept/film.mp4", "still here")
			stop(t, server)

			again := config(dir)
			again.Addr = strings.TrimPrefix(server.Endpoint(), "http://")
			waitFree(t, again.Addr)
			server, client = start(t, again)
			defer stop(t, server)
			head, err := client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: media, Key: aws.String("kept/film.mp4")})
			if err != nil || *head.ContentType != "video/mp4" {
				t.Fatalf("after the restart: %v %v", head, err)
			}
			if body := get(t, client, "kept/film.mp4"); body != "still here" {
				t.Errorf("body = %q", body)
			}
		})
	}
}

func TestATakenPortIsOneClearSentence(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	cfg := config(t.TempDir())
	cfg.Addr = listener.Addr().String()
	_, err = s3.Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "the S3 port "+cfg.Addr+" is taken by another program") {
		t.Fatalf("error = %v", err)
	}
}

func TestADirectoryThatCannotBeMadeIsOneClearSentence(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s3.Start(t.Context(), config(file))
	if err == nil || !strings.Contains(err.Error(), "cannot be created") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error = %v", err)
	}
}
