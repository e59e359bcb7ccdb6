package ingest

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// internalRoutes are for other programs of the same installation.
func (i *ingest) internalRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "POST", Path: "/internal/media/:id/transcode", Name: "dispatchTranscoding", Summary: "Give out a transcoding job",
			Notes: "The platform gives out a job itself when a file is uploaded; this is for who wants it sooner, or with a priority.",
			Auth:  edge.WorkerSignature, Body: media.Transcode{}, Command: media.CommandTranscode, Responses: []edge.Response{edge.Data[TranscodingAsked](http.StatusOK)},
			Errors: []*domain.Error{media.ErrTranscodingNotFound, media.ErrState}, Handle: i.dispatchTranscoding,
		},
		{
			Method: "POST", Path: "/internal/mock-runpod", Name: "mockTranscoder", Sends: []string{media.CommandRecordResult}, Summary: "Stand in for an external transcoder",
			Notes: "Reports at once that the item's current job is completed, with keys of objects that do not exist. Not enveloped.",
			Auth:  edge.Public, Body: mockJob{}, Responses: []edge.Response{{Status: http.StatusOK, Body: MockJob{}}}, Development: true,
			Errors: []*domain.Error{media.ErrTranscodingNotFound, media.ErrState}, Handle: i.mockTranscoder,
		},
	}
}

func (i *ingest) dispatchTranscoding(c *edge.Request) error {
	var request media.Transcode
	if err := c.Decode(&request); err != nil {
		return err
	}
	cmd, err := c.NewCommand(media.CommandTranscode, media.ActorSystem, c.UUID("id"), request)
	if err != nil {
		return err
	}
	return c.SendCommand(cmd)
}

// mockJob is a job as an external transcoder is given it. Only the item counts: the
// report goes nowhere but here, and the keys are those that the item must have.
type mockJob struct {
	Input mockInput `json:"input" jsonschema:"required"`
}

type mockInput struct {
	MediaID    string     `json:"mediaId" jsonschema:"required,format=uuid,example=01900000-0000-7000-8000-000000000001"`
	Type       media.Type `json:"type,omitempty" jsonschema:"enum=video,enum=audio"`
	CreatorID  string     `json:"creatorId,omitempty" jsonschema:"maxLength=255"`
	InputKey   string     `json:"inputKey,omitempty" jsonschema:"maxLength=500"`
	WebhookURL string     `json:"webhookUrl,omitempty" jsonschema:"maxLength=2000"`
	Priority   *int       `json:"priority,omitempty" jsonschema:"minimum=0,maximum=4"`
}

// Validate returns the fields that break the limits.
func (m mockJob) Validate() []domain.Field { return domain.Check(m) }

// mockTranscoder reports on the item's current job as a transcoder would.
func (i *ingest) mockTranscoder(c *edge.Request) error {
	var request mockJob
	if err := c.Decode(&request); err != nil {
		return err
	}
	item, found, err := postgres.Find(c, i.cfg.Pool, request.Input.MediaID)
	switch {
	case err != nil:
		return err
	case !found || item.DeletedAt != nil:
		return media.ErrTranscodingNotFound
	case item.Status != media.Transcoding:
		return media.With(media.ErrState, map[string]any{"status": item.Status, "allowed": []media.Status{media.Transcoding}})
	}
	report := mockReport(item)
	body, err := json.Marshal(report, json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := i.record(c, report, body); err != nil {
		return err
	}
	c.JSON(http.StatusOK, MockJob{ID: item.JobID, Status: "COMPLETED"})
	return nil
}

func mockReport(item media.Item) media.Callback {
	prefixes := media.PrefixesOf(item.CreatorID, item.ID)
	master, poster, waveform := prefixes.HLS+"master.m3u8", prefixes.Thumbnails+"auto-generated.jpg", prefixes.Waveforms+"waveform.json"
	width, height := 1280, 720
	output := &media.Output{MediaID: item.ID, Type: item.Type, HLSMasterKey: &master, DurationSeconds: 120}
	if item.Type == media.Video {
		output.ThumbnailKey, output.Width, output.Height, output.ReadyVariants = &poster, &width, &height, []string{"720p", "480p"}
	} else {
		output.WaveformKey, output.ReadyVariants = &waveform, []string{"audio"}
	}
	return media.Callback{Status: media.CallbackCompleted, JobID: item.JobID, MediaID: item.ID, Output: output}
}
