package handlertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
)

// TranscoderSecret signs the callbacks of transcoders.
const TranscoderSecret = "the transcoder's secret"

// MP4Header has the first bytes of an MP4 file and nothing after them: uploads accept it
// where no probe is configured.
var MP4Header = append([]byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42"), make([]byte, 2000)...)

// Clip makes a short media file with FFmpeg's own test sources; args select them.
func Clip(t *testing.T, name, args string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	argv := append([]string{"-v", "error", "-nostdin", "-y"}, strings.Fields(args)...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(argv, path)...).CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", name, err, out)
	}
	return Must(os.ReadFile(path))(t)
}

// rendition is a film of six seconds as HLS, in segments of two: black for four seconds, then white.
var rendition = sync.OnceValues(func() (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "codex-rendition-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(context.Background(), "ffmpeg", strings.Fields("-v error -nostdin -f lavfi -i "+
		"color=black:s=320x180:r=10:d=6 -vf drawbox=w=iw:h=ih:c=white:t=fill:enable=gte(t\\,3.95) -pix_fmt yuv420p "+
		"-c:v libx264 -preset ultrafast -g 20 -bf 0 -f hls -hls_time 2 -hls_playlist_type vod -hls_segment_type fmp4 "+
		"-hls_flags single_file -hls_segment_filename stream.mp4 index.m3u8")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a rendition: %w: %s", err, out)
	}
	files = map[string][]byte{}
	for _, name := range []string{"index.m3u8", "stream.mp4"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// PutRendition stores a rendition of six seconds in a folder of the media bucket: black for four
// seconds, then white.
func (w *Harness) PutRendition(folder string) {
	w.Helper()
	for name, content := range Must(rendition())(w.T) {
		w.PutObject(w.Media, folder+"/"+name, string(content), "application/octet-stream")
	}
}

// PutObject stores an object.
func (w *Harness) PutObject(b *s3.Bucket, key, content, contentType string) {
	w.Helper()
	_, err := b.Put(context.Background(), key, strings.NewReader(content), int64(len(content)), contentType)
	if err != nil {
		w.Fatal(err)
	}
}

// Keys lists the keys below a prefix, without the prefix, for comparison: "[a b/c]".
func (w *Harness) Keys(b *s3.Bucket, prefix string) string {
	w.Helper()
	var found []string
	err := b.List(context.Background(), prefix, func(i s3.Info) error {
		found = append(found, strings.TrimPrefix(i.Key, prefix))
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return fmt.Sprint(found)
}

// Uploader is a signed-in user who uploads media over HTTP.
type Uploader struct {
	*Harness
	// ID is the id of the user and the token of the session; "" is an anonymous client.
	ID string
}

// Uploader makes a user with a platform role.
func (w *Harness) Uploader(role string) Uploader {
	w.Helper()
	return Uploader{w, w.User(role)}
}

// In is the same user for a subtest.
func (u Uploader) In(t *testing.T) Uploader { return Uploader{u.Harness.In(t), u.ID} }

// Ask sends a request with a JSON body, nil for none.
func (u Uploader) Ask(method, path string, body any) Answer {
	u.Helper()
	return u.Send(Request{Method: method, Path: path, Session: u.ID, Body: body})
}

// Register registers a media item for a file of size bytes. It returns the id of the item
// and the presigned URL for its file.
func (u Uploader) Register(mime string, size int) (id, address string) {
	u.Helper()
	kind, _, _ := strings.Cut(mime, "/")
	a := u.Ask(http.MethodPost, "/api/media", map[string]any{
		"title":         "A piece",
		"mediaType":     kind,
		"mimeType":      mime,
		"fileSizeBytes": size,
	})
	a.Want(http.StatusCreated, "")
	return a.Text("data.id"), a.Text("data.presignedUrl")
}

// Upload sends a file to a presigned URL.
func (w *Harness) Upload(address, mime string, content []byte) Answer {
	w.Helper()
	header := map[string]string{"Content-Type": mime}
	return w.Send(Request{Method: http.MethodPut, Path: address, Header: header, Body: content})
}

// Complete completes the upload of an item.
func (u Uploader) Complete(id string) Answer {
	u.Helper()
	return u.Ask(http.MethodPost, "/api/media/"+id+"/upload-complete", nil)
}

// Deliver registers an item, uploads its file and completes the upload.
func (u Uploader) Deliver(mime string, content []byte) (id string) {
	u.Helper()
	id, address := u.Register(mime, len(content))
	u.Upload(address, mime, content).Want(http.StatusOK, "")
	u.Complete(id).Want(http.StatusOK, "")
	return id
}

// Transcoding delivers [MP4Header] and waits for the transcoding job of the item.
func (u Uploader) Transcoding() (id, job string) {
	u.Helper()
	id = u.Deliver("video/mp4", MP4Header)
	return id, u.Job(id, "")
}

// Job waits for a transcoding job of an item, other than one.
func (u Uploader) Job(id, other string) (job string) {
	u.Helper()
	u.Until("a transcoding job was started", func() bool {
		job = Value[string](u.Harness,
			`SELECT CASE WHEN status = 'transcoding' THEN runpod_job_id ELSE '' END FROM media_items WHERE id = $1`, id)
		return job != "" && job != other
	})
	return job
}

// Completed is the callback of a transcoding job that succeeded.
func (u Uploader) Completed(id, job string) media.Callback {
	prefixes := media.PrefixesOf(u.ID, id)
	master, poster := prefixes.HLS+"master.m3u8", prefixes.Thumbnails+"auto-generated.jpg"
	return media.Callback{Status: media.CallbackCompleted, JobID: job, Output: &media.Output{
		MediaID:         id,
		Type:            media.Video,
		HLSMasterKey:    &master,
		ThumbnailKey:    &poster,
		DurationSeconds: 12,
		ReadyVariants:   []string{"720p"},
	}}
}

// Callback posts a transcoder's callback, signed now with [TranscoderSecret].
func (w *Harness) Callback(report media.Callback) Answer {
	w.Helper()
	body := Must(json.Marshal(report))(w)
	return w.PostCallback(body, TranscoderSecret, strconv.FormatInt(w.Now().Unix(), 10))
}

// PostCallback posts the body of a callback, signed with any secret and timestamp.
func (w *Harness) PostCallback(body []byte, secret, timestamp string) Answer {
	w.Helper()
	header := SignedByTranscoder(body, secret, timestamp)
	return w.Send(Request{Method: http.MethodPost, Path: "/api/transcoding/webhook", Header: header, Body: body})
}

// MediaStatus returns the status of a media item.
func (w *Harness) MediaStatus(id string) media.Status {
	w.Helper()
	return media.Status(Value[string](w, `SELECT status FROM media_items WHERE id = $1`, id))
}

// MediaEvents returns the types of a media item's events in order. The test fails when
// their versions are not dense.
func (w *Harness) MediaEvents(id string) []string {
	w.Helper()
	types := Value[[]string](w, `SELECT array_agg(type ORDER BY version) FROM outbox WHERE aggregate_id = $1`, id)
	last := w.Number(`SELECT max(version) FROM outbox WHERE aggregate_id = $1`, id)
	row := w.Number(`SELECT version FROM media_items WHERE id = $1`, id)
	if last != len(types) || row != last {
		w.Errorf("%d events, last version %d, version of the row %d", len(types), last, row)
	}
	return types
}

// CountEvents counts the events of an aggregate that have a type.
func (w *Harness) CountEvents(aggregate, eventType string) int {
	w.Helper()
	return w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = $2`, aggregate, eventType)
}

// OpenParts opens an upload in parts and returns the path of its routes.
func (u Uploader) OpenParts(id string) (path string) {
	u.Helper()
	path = "/api/media/" + id + "/multipart"
	return path + "/" + u.Ask(http.MethodPost, path, nil).Want(http.StatusCreated, "").Text("data.uploadId")
}

// SendPart sends one part of an upload to its presigned URL and returns its ETag.
func (u Uploader) SendPart(path string, number int, content []byte) (etag string) {
	u.Helper()
	signed := u.Ask(http.MethodPost, path+"/parts", map[string]any{"partNumbers": []int{number}}).Want(http.StatusOK, "")
	sent := u.Send(Request{Method: http.MethodPut, Path: signed.Text("data.parts.0.presignedUrl"), Body: content})
	return sent.Want(http.StatusOK, "").Header.Get("ETag")
}
