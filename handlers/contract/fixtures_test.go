package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// fixture is how an operation's example is made true: who asks, what they find, and
// what of the example is replaced by what was found.
type fixture struct {
	actor, state string
	// adjust changes the example; nil replaces the fields that the state gave.
	adjust func(s *stage, body map[string]any)
	// raw makes a body that is not JSON, and its content type.
	raw func(s *stage) ([]byte, string)
	// tolerant says that the body's sender is another system: what it sends is
	// accepted as far as possible and never rejected for a single field.
	tolerant bool
}

// body returns the document's own example, with the ids of this stage.
func (f fixture) body(s *stage, o *operation) map[string]any {
	body, _ := copied(o.Example).(map[string]any)
	if body == nil {
		body = map[string]any{}
	}
	for name, value := range s.given {
		if _, there := body[name]; there {
			body[name] = value
		}
		if added, is := strings.CutPrefix(name, "+"); is {
			body[added] = value
		}
	}
	if f.adjust != nil {
		f.adjust(s, body)
	}
	return body
}

// replay makes a state and sends an operation's example as an actor.
func (w *harness) replay(o *operation, actor, state string) answer {
	w.Helper()
	s := w.stage()
	s.enter(state)
	f := fixtures[o.ID]
	switch {
	case f.raw != nil:
		content, kind := f.raw(s)
		return s.send(s.signed(s.request(o, actor, content, kind), actor))
	case o.Type == "application/json":
		return s.ask(o, actor, f.body(s, o))
	default:
		return s.send(s.signed(s.request(o, actor, nil, ""), actor))
	}
}

// ask sends a JSON body as an actor.
func (s *stage) ask(o *operation, actor string, body map[string]any) answer {
	s.Helper()
	content := handlertest.Must(json.Marshal(body))(s)
	return s.send(s.signed(s.request(o, actor, content, "application/json"), actor))
}

// request is an operation's request with what the stage gives for its parameters.
func (s *stage) request(o *operation, actor string, content []byte, kind string) request {
	path := pathParameter.ReplaceAllStringFunc(o.Path, func(p string) string {
		name := strings.Trim(p, "{}")
		if value, given := s.given[name]; given {
			return url.PathEscape(value)
		}
		return url.PathEscape(fmt.Sprint(exampleOf(o, name)))
	})
	query := url.Values{}
	for _, p := range o.Parameters {
		name := at[string](p, "name")
		value, given := s.given["?"+name]
		if at[string](p, "in") == "query" && given {
			query.Set(name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r := request{
		Method:  o.Method,
		Path:    path,
		Session: s.users[actor],
		Header:  map[string]string{},
	}
	if content != nil {
		r.Body = content
		r.Header["Content-Type"] = kind
	}
	for name, value := range s.given {
		if header, is := strings.CutPrefix(name, "#"); is {
			r.Header[header] = value
		}
	}
	return r
}

func exampleOf(o *operation, name string) any {
	for _, p := range o.Parameters {
		if at[string](p, "name") == name && p["example"] != nil {
			return p["example"]
		}
	}
	return uuid.NewString()
}

// signed adds the signature of the actors that sign.
func (s *stage) signed(r request, actor string) request {
	content, _ := r.Body.([]byte)
	var headers map[string]string
	switch actor {
	case "stripe":
		headers = signedByStripe(content)
	case "transcoder":
		headers = signedByTranscoder(content)
	case "worker":
		headers = s.SignedByWorker(r.Method, r.Path, content)
	}
	for name, value := range headers {
		r.Header[name] = value
	}
	return r
}

// picture is a small PNG in a form with one field, each time another one.
func picture(field string) func(*stage) ([]byte, string) {
	return func(s *stage) ([]byte, string) {
		dots := image.NewGray(image.Rect(0, 0, 16, 16))
		copy(dots.Pix, handlertest.FlatID())
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part := handlertest.Must(form.CreateFormFile(field, "picture.png"))(s)
		handlertest.Must(0, png.Encode(part, dots))(s)
		handlertest.Must(0, form.Close())(s)
		return body.Bytes(), form.FormDataContentType()
	}
}

// stripeEvent is an event as Stripe sends it.
func stripeEvent(typ string, object func(s *stage) map[string]any) func(*stage) ([]byte, string) {
	return func(s *stage) ([]byte, string) {
		return handlertest.Must(json.Marshal(map[string]any{
			"id": "evt_" + handlertest.FlatID(), "object": "event", "type": typ, "created": 1750000000, "livemode": false,
			"api_version": "2025-10-29.clover", "data": map[string]any{"object": object(s)},
		}))(s), "application/json"
	}
}

// paidSession is a checkout that was paid and not opened here.
func paidSession(s *stage) map[string]any {
	intent := "pi_" + handlertest.FlatID()
	return map[string]any{
		"id":             "cs_" + intent,
		"object":         "checkout.session",
		"mode":           "payment",
		"status":         "complete",
		"payment_status": "paid",
		"payment_intent": intent,
		"amount_total":   2999,
		"currency":       "gbp",
		"metadata": map[string]any{
			"customerId":     s.users["customer"],
			"contentId":      s.given["contentId"],
			"organizationId": s.organization,
		},
	}
}

// newcomer makes the address a new one, unless the state has an account.
func newcomer(s *stage, body map[string]any) {
	if s.given["email"] == "" {
		body["email"] = handlertest.FlatID() + "@example.test"
	}
}

// fresh makes the value of a field unique.
func fresh(field, format string) func(*stage, map[string]any) {
	return func(_ *stage, body map[string]any) { body[field] = fmt.Sprintf(format, handlertest.FlatID()) }
}

// fixtures are those of every operation.
var fixtures = map[string]fixture{
	"getHealth":      {actor: "anonymous", state: "-"},
	"getDescription": {actor: "anonymous", state: "-"},
	"getOperation":   {actor: "customer", state: "command"},

	"signUp":                     {actor: "anonymous", state: "-", adjust: newcomer},
	"signIn":                     {actor: "anonymous", state: "account"},
	"verifyEmail":                {actor: "anonymous", state: "new address"},
	"sendVerificationEmail":      {actor: "anonymous", state: "unproven"},
	"getSession":                 {actor: "customer", state: "-"},
	"signOut":                    {actor: "customer", state: "-"},
	"signOutShort":               {actor: "customer", state: "-"},
	"requestPasswordReset":       {actor: "anonymous", state: "account"},
	"resetPassword":              {actor: "anonymous", state: "forgotten password"},
	"changePassword":             {actor: "customer", state: "-"},
	"listSessions":               {actor: "customer", state: "-"},
	"revokeSession":              {actor: "customer", state: "another session"},
	"revokeSessions":             {actor: "customer", state: "-"},
	"revokeOtherSessions":        {actor: "customer", state: "another session"},
	"updateUser":                 {actor: "customer", state: "-"},
	"testVerificationToken":      {actor: "anonymous", state: "new address"},
	"testFastRegister":           {actor: "anonymous", state: "-", adjust: newcomer},
	"testFastSignIn":             {actor: "anonymous", state: "account"},
	"getProfile":                 {actor: "customer", state: "-"},
	"updateProfile":              {actor: "customer", state: "-"},
	"undoEmailChange":            {actor: "anonymous", state: "changed address"},
	"upgradeToCreator":           {actor: "customer", state: "-", adjust: fresh("username", "u-%s")},
	"getNotificationPreferences": {actor: "customer", state: "-"},
	"setNotificationPreferences": {actor: "customer", state: "-"},
	"deleteAccount":              {actor: "customer", state: "-"},

	"uploadThumbnail": {actor: "creator", state: "own draft", raw: picture("thumbnail")},
	"removeThumbnail": {actor: "creator", state: "own draft"},
	"uploadAvatar":    {actor: "customer", state: "-", raw: picture("avatar")},
	"removeAvatar":    {actor: "customer", state: "-"},
	"uploadLogo":      {actor: "owner", state: "organization", raw: picture("logo")},
	"removeLogo":      {actor: "owner", state: "organization"},

	"createContent":        {actor: "creator", state: "-"},
	"listOwnContent":       {actor: "creator", state: "own draft"},
	"checkContentSlug":     {actor: "creator", state: "-"},
	"getContent":           {actor: "creator", state: "own draft"},
	"updateContent":        {actor: "creator", state: "own draft"},
	"publishContent":       {actor: "creator", state: "own draft"},
	"unpublishContent":     {actor: "creator", state: "own published"},
	"deleteContent":        {actor: "creator", state: "own draft"},
	"browseContent":        {actor: "member", state: "org catalogue"},
	"discoverContent":      {actor: "anonymous", state: "free"},
	"getPublicContent":     {actor: "anonymous", state: "free"},
	"listPublicCategories": {actor: "anonymous", state: "org catalogue"},
	"listPublicContent":    {actor: "anonymous", state: "org catalogue"},

	"listCategories":      {actor: "creator", state: "own category"},
	"createCategory":      {actor: "creator", state: "-"},
	"updateCategory":      {actor: "creator", state: "own category"},
	"deleteCategory":      {actor: "creator", state: "own category"},
	"reorderCategories":   {actor: "owner", state: "org category", adjust: orderOne},
	"uploadPoster":        {actor: "creator", state: "media ready", raw: picture("poster")},
	"choosePoster":        {actor: "creator", state: "media with a rendition"},
	"removePoster":        {actor: "creator", state: "media ready"},
	"uploadCategoryCover": {actor: "creator", state: "own category", raw: picture("cover")},

	"registerMedia":    {actor: "creator", state: "-"},
	"listMedia":        {actor: "creator", state: "media ready"},
	"getMedia":         {actor: "creator", state: "media ready"},
	"updateMedia":      {actor: "creator", state: "media ready"},
	"deleteMedia":      {actor: "creator", state: "media ready"},
	"listCaptions":     {actor: "creator", state: "media with captions"},
	"getMediaCaptions": {actor: "creator", state: "media with captions"},
	"setCaptions":      {actor: "creator", state: "media with captions"},
	"removeCaptions":   {actor: "creator", state: "media with captions"},
	"getMediaChapters": {actor: "creator", state: "media with captions"},
	"setChapters":      {actor: "creator", state: "media with captions"},
	"renewMediaUpload": {actor: "creator", state: "media uploading"},
	"uploadMedia": {
		actor: "creator",
		state: "media uploading",
		raw:   func(*stage) ([]byte, string) { return []byte(movie), "video/mp4" },
	},
	"completeMediaUpload": {actor: "creator", state: "file uploaded"},
	"openMediaUpload":     {actor: "creator", state: "media uploading"},
	"listMediaUploads":    {actor: "creator", state: "upload in parts"},
	"getMediaUpload":      {actor: "creator", state: "upload in parts"},
	"signMediaParts":      {actor: "creator", state: "upload in parts"},
	"abortMediaUpload":    {actor: "creator", state: "upload in parts"},
	"completeMediaParts":  {actor: "creator", state: "parts uploaded"},

	"describeTus":        {actor: "anonymous", state: "-"},
	"createTusUpload":    {actor: "creator", state: "media for tus"},
	"getTusUpload":       {actor: "creator", state: "upload by tus"},
	"terminateTusUpload": {actor: "creator", state: "upload by tus"},
	"writeTusUpload": {
		actor: "creator",
		state: "upload by tus",
		raw:   func(*stage) ([]byte, string) { return []byte(movie), "application/offset+octet-stream" },
	},

	"dispatchTranscoding":   {actor: "worker", state: "media uploaded"},
	"mockTranscoder":        {actor: "anonymous", state: "media transcoding", adjust: nested("input", "mediaId", "id")},
	"getOrphanCleanup":      {actor: "worker", state: "-"},
	"runOrphanCleanup":      {actor: "worker", state: "-"},
	"scheduleOrphanCleanup": {actor: "worker", state: "-"},
	"reportTranscoding":     {actor: "transcoder", state: "media transcoding", adjust: jobOf, tolerant: true},
	"retryTranscoding":      {actor: "creator", state: "media failed"},
	"getTranscodingStatus":  {actor: "creator", state: "media failed"},

	"createOrganization":       {actor: "creator", state: "-", adjust: fresh("slug", "o-%s")},
	"listOrganizations":        {actor: "customer", state: "organization"},
	"listMyOrganizations":      {actor: "owner", state: "organization"},
	"checkOrganizationSlug":    {actor: "customer", state: "organization"},
	"getOrganizationBySlug":    {actor: "customer", state: "organization"},
	"getOrganization":          {actor: "member", state: "organization"},
	"updateOrganization":       {actor: "owner", state: "organization"},
	"deleteOrganization":       {actor: "owner", state: "organization"},
	"getOrganizationBranding":  {actor: "anonymous", state: "organization"},
	"getOrganizationInfo":      {actor: "anonymous", state: "organization"},
	"getOrganizationStats":     {actor: "anonymous", state: "organization"},
	"listOrganizationCreators": {actor: "anonymous", state: "organization"},
	"listPublicMembers":        {actor: "anonymous", state: "organization"},
	"listMembers":              {actor: "member", state: "organization"},
	"inviteMember":             {actor: "owner", state: "organization"},
	"changeMemberRole":         {actor: "owner", state: "a member"},
	"removeMember":             {actor: "owner", state: "a member"},
	"getMyMembership":          {actor: "member", state: "organization"},
	"getOwnMembership":         {actor: "member", state: "organization"},
	"acceptInvitation":         {actor: "other", state: "invitation"},
	"declineInvitation":        {actor: "other", state: "invitation"},
	"getMembership":            {actor: "worker", state: "a member"},

	"createCheckout": {actor: "customer", state: "org paid", adjust: forItem},
	"openPortal":     {actor: "customer", state: "-", adjust: backHere},
	"verifyCheckout": {actor: "customer", state: "checkout"},
	"stripeBooking": {
		actor:    "stripe",
		state:    "org paid",
		raw:      stripeEvent("checkout.session.completed", paidSession),
		tolerant: true,
	},
	"stripeDevelopment": {
		actor:    "stripe",
		state:    "org paid",
		raw:      stripeEvent("checkout.session.completed", paidSession),
		tolerant: true,
	},
	"stripePayment":      {actor: "stripe", state: "-", raw: stripeEvent("charge.updated", nothing), tolerant: true},
	"stripeDispute":      {actor: "stripe", state: "-", raw: stripeEvent("charge.updated", nothing), tolerant: true},
	"stripeSubscription": {actor: "stripe", state: "-", raw: stripeEvent("invoice.created", nothing), tolerant: true},
	"stripeConnect":      {actor: "stripe", state: "-", raw: stripeEvent("account.updated", nothing), tolerant: true},
	"stripeCustomer":     {actor: "stripe", state: "-", raw: stripeEvent("customer.created", nothing), tolerant: true},
	"listPurchases":      {actor: "customer", state: "purchase"},
	"getPurchase":        {actor: "customer", state: "purchase"},

	"getStream":            {actor: "customer", state: "bought"},
	"getMasterPlaylist":    {actor: "anonymous", state: "token"},
	"getVariantPlaylist":   {actor: "anonymous", state: "token"},
	"getPreviewPlaylist":   {actor: "anonymous", state: "token"},
	"getCaptionsPlaylist":  {actor: "anonymous", state: "token"},
	"getCaptions":          {actor: "anonymous", state: "token"},
	"getChapters":          {actor: "anonymous", state: "token"},
	"getChaptersTrack":     {actor: "anonymous", state: "token"},
	"beginDownload":        {actor: "customer", state: "bought to download"},
	"getDownload":          {actor: "anonymous", state: "download"},
	"getSegment":           {actor: "anonymous", state: "token"},
	"getWaveform":          {actor: "anonymous", state: "token"},
	"saveProgress":         {actor: "customer", state: "bought"},
	"getProgress":          {actor: "customer", state: "bought"},
	"explainAccess":        {actor: "customer", state: "bought"},
	"listLibrary":          {actor: "customer", state: "bought"},
	"openPodcast":          {actor: "customer", state: "organization for podcast"},
	"getPodcast":           {actor: "customer", state: "podcast"},
	"revokePodcast":        {actor: "customer", state: "podcast"},
	"getPodcastFeed":       {actor: "anonymous", state: "feed"},
	"getPodcastCover":      {actor: "anonymous", state: "feed"},
	"getEpisodeAudio":      {actor: "anonymous", state: "feed"},
	"getEpisodeChapters":   {actor: "anonymous", state: "feed"},
	"getStoryboard":        {actor: "anonymous", state: "token"},
	"getStoryboardPicture": {actor: "anonymous", state: "token"},
	"getWaveformOverview":  {actor: "anonymous", state: "token"},
}

// nested replaces a field of a field by what the state gave.
func nested(outer, inner, given string) func(*stage, map[string]any) {
	return func(s *stage, body map[string]any) {
		object, _ := body[outer].(map[string]any)
		object[inner] = s.given[given]
	}
}

// orderOne makes an order one of the stage's category.
func orderOne(s *stage, body map[string]any) {
	body["orderedIds"] = []any{s.given["id"]}
	if space := s.given["space"]; space != "" {
		body["organizationId"] = space
	}
}

// jobOf makes a report one about the item's job.
func jobOf(s *stage, body map[string]any) { body["jobId"] = "job-" + s.given["id"] }

// forItem makes a checkout one of the stage's item.
func forItem(s *stage, body map[string]any) {
	body["contentId"] = s.given["id"]
	backHere(s, body)
}

// backHere makes addresses lead back to this harness's edge.
func backHere(s *stage, body map[string]any) {
	for name := range body {
		if strings.HasSuffix(name, "Url") {
			body[name] = s.URL + "/done"
		}
	}
}

func nothing(*stage) map[string]any { return map[string]any{"id": "obj_1", "object": "thing"} }
