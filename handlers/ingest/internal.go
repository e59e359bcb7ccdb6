package ingest

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// internalRoutes are for other programs of the installation.
func (i *ingest) internalRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/internal/media/:id/transcode",
			Name:      "dispatchTranscoding",
			Summary:   "Start a transcoding job",
			Notes:     "The platform starts the job of an uploaded file itself; this starts it sooner, or with a priority.",
			Auth:      edge.WorkerSignature,
			Body:      media.Transcode{},
			Command:   media.CommandTranscode,
			Responses: []edge.Response{edge.Data[TranscodingAsked](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrTranscodingNotFound, media.ErrState},
			Handle:    i.dispatchTranscoding,
		},
		{
			Method:      "POST",
			Path:        "/internal/mock-runpod",
			Name:        "mockTranscoder",
			Sends:       []string{media.CommandRecordResult},
			Summary:     "Simulate an external transcoder",
			Notes:       "Completes the item's current job at once, with keys of objects that do not exist. Not enveloped.",
			Auth:        edge.Public,
			Body:        mockJob{},
			Responses:   []edge.Response{{Status: http.StatusOK, Body: MockJob{}}},
			Development: true,
			Errors:      []*domain.Error{media.ErrTranscodingNotFound, media.ErrState},
			Handle:      i.mockTranscoder,
		},
	}
}

func (i *ingest) dispatchTranscoding(r *edge.Request) error {
	var request media.Transcode
	if err := r.Decode(&request); err != nil {
		return err
	}
	cmd, err := r.NewCommand(media.CommandTranscode, media.ActorSystem, r.UUID("id"), request)
	if err != nil {
		return err
	}
	return r.SendCommand(cmd)
}

// mockJob is a job in the form of an external transcoder. Only the id of the item is used.
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

// mockTranscoder completes the current job of an item, as a transcoder would.
func (i *ingest) mockTranscoder(r *edge.Request) error {
	var request mockJob
	if err := r.Decode(&request); err != nil {
		return err
	}
	item, found, err := postgres.Find(r, i.cfg.Pool, request.Input.MediaID)
	switch {
	case err != nil:
		return err
	case !found || item.DeletedAt != nil:
		return media.ErrTranscodingNotFound
	case item.Status != media.Transcoding:
		return media.With(media.ErrState, map[string]any{
			"status":  item.Status,
			"allowed": []media.Status{media.Transcoding},
		})
	}
	report := mockReport(item)
	body, err := json.Marshal(report, json.Deterministic(true))
	if err != nil {
		return err
	}
	if _, err := i.record(r, report, body); err != nil {
		return err
	}
	r.JSON(http.StatusOK, MockJob{ID: item.JobID, Status: "COMPLETED"})
	return nil
}

func mockReport(item media.Item) media.Callback {
	prefixes := media.PrefixesOf(item.CreatorID, item.ID)
	key := func(prefix, name string) *string {
		k := prefix + name
		return &k
	}
	output := &media.Output{
		MediaID:         item.ID,
		Type:            item.Type,
		HLSMasterKey:    key(prefixes.HLS, "master.m3u8"),
		DurationSeconds: 120,
	}
	if item.Type == media.Video {
		width, height := 1280, 720
		output.ThumbnailKey = key(prefixes.Thumbnails, "auto-generated.jpg")
		output.Width, output.Height = &width, &height
		output.ReadyVariants = []string{"720p", "480p"}
	} else {
		output.WaveformKey = key(prefixes.Waveforms, "waveform.json")
		output.ReadyVariants = []string{"audio"}
	}
	return media.Callback{
		Status:  media.CallbackCompleted,
		JobID:   item.JobID,
		MediaID: item.ID,
		Output:  output,
	}
}
