// Package s3test gives a test its own S3 gateway on a free port, with the two
// buckets of the platform and its objects in the test's temporary directory.
package s3test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/codex-platform/codex/deploy/embedded/s3"
)

// What every test gateway has.
const (
	MediaBucket  = "codex-media"
	AssetsBucket = "codex-assets"
	Region       = "us-east-1"
	AccessKey    = "codex-test"
	SecretKey    = "codex-test-secret" //nolint:gosec // of a gateway that lives as long as a test
	// Origin is the one whose pages may upload.
	Origin = "http://localhost:8080"
)

const (
	startWithin = 10 * time.Second
	stopWithin  = 5 * time.Second
)

// Instance is a gateway that lives as long as its test.
type Instance struct{ endpoint string }

// Server starts a gateway and stops it when the test ends. Pages of these origins may upload, besides
// those of Origin.
func Server(t testing.TB, origins ...string) *Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	server, err := s3.Start(ctx, s3.Config{
		Dir:         t.TempDir(),
		AccessKey:   AccessKey,
		SecretKey:   SecretKey,
		Region:      Region,
		Buckets:     []string{MediaBucket, AssetsBucket},
		CORSOrigins: append([]string{Origin}, origins...),
	})
	if err != nil {
		t.Fatalf("start the test's S3 gateway: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop the test's S3 gateway: %v", err)
		}
	})
	return &Instance{endpoint: server.Endpoint()}
}

// Endpoint is the base URL, for path-style addressing.
func (i *Instance) Endpoint() string { return i.endpoint }

// Client is an AWS client that is set up for the gateway.
func (i *Instance) Client() *awss3.Client {
	return awss3.New(awss3.Options{
		BaseEndpoint: aws.String(i.endpoint),
		Region:       Region,
		Credentials:  credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
		UsePathStyle: true,
	})
}
