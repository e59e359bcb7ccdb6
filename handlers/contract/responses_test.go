package contract_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// resource is the response that shows a resource: the ledger has the resource's id, and a
// repeated request gets what its module reads then.
const resource = "resource"

// storedResponses is what the ledger keeps of the responses to each command: resource, "empty"
// where there is no body, and otherwise the fields of the body, with how long it is kept where
// that is less than the seven days of its row. A field may be neither a person's words nor
// readable again by an id.
var storedResponses = map[string]string{
	"account.become_creator":     resource,
	"account.change_password":    resource,
	"account.reset_password":     "status",
	"account.sign_up":            resource,
	"account.update_profile":     resource,
	"account.update_user":        "status",
	"category.create":            resource,
	"category.delete":            "empty",
	"category.reorder":           "empty",
	"category.update":            resource,
	"checkout.portal":            "url for 300 s",
	"checkout.start":             resource,
	"content.create":             resource,
	"content.delete":             "empty",
	"content.publish":            resource,
	"content.unpublish":          resource,
	"content.update":             resource,
	"image.attach":               resource,
	"image.remove":               "empty or resource",
	"media.complete_upload":      "status, success, transcodingTriggered",
	"media.delete":               "empty",
	"media.register":             resource,
	"media.remove_captions":      "empty",
	"media.retry":                "mediaId, message",
	"media.set_captions":         resource,
	"media.set_chapters":         resource,
	"media.update":               resource,
	"organization.accept":        resource,
	"organization.change_role":   resource,
	"organization.create":        resource,
	"organization.decline":       "empty",
	"organization.delete":        "empty",
	"organization.invite":        resource,
	"organization.remove_member": "empty",
	"organization.update":        resource,
	"playback.download":          "downloadId",
	"playback.record":            "empty",
	"podcast.open":               "feedId",
	"podcast.revoke":             "empty",
	"upload.abort":               "empty",
	"upload.complete":            "status, success, transcodingTriggered",
	"upload.open":                resource,
	"user.delete":                "empty",
	"user.set_preferences":       resource,
}

func TestResponsesThatShowAResourceAreNotStored(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	keyed, _ := d.keyed()
	for _, name := range keyed {
		t.Run(name, func(t *testing.T) {
			o := d.operations[name]
			s, r := w.in(t).prepared(o)
			if first := s.sendUntilAvailable(o, r); first.Status >= 300 {
				t.Fatalf("the example has the response %d %s", first.Status, first.Body)
			}
		})
	}
	rows, err := w.Pool.Query(t.Context(), `
SELECT DISTINCT type, CASE
		WHEN resource_id IS NOT NULL AND response_body IS NULL THEN 'resource'
		WHEN response_body IS NULL THEN 'empty'
		ELSE (SELECT string_agg(f, ', ' ORDER BY f) FROM json_object_keys(
			CASE WHEN response_body->'data' IS NULL THEN response_body ELSE response_body->'data' END) f)
			|| COALESCE(' for ' || EXTRACT(epoch FROM body_until - finished_at)::int || ' s', '')
	END
FROM commands WHERE status = 'applied' AND response_status < 300 AND EXISTS (
	SELECT FROM users WHERE id = actor_id)`)
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]string{}
	for rows.Next() {
		var command, kept string
		if err := rows.Scan(&command, &kept); err != nil {
			t.Fatal(err)
		}
		stored[command] = strings.TrimPrefix(stored[command]+" or "+kept, " or ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, command := range slices.Sorted(maps.Keys(stored)) {
		if want := storedResponses[command]; stored[command] != want {
			t.Errorf("of the responses to %s the ledger keeps %q, want %q", command, stored[command], want)
		}
	}
	for command := range storedResponses {
		if _, sent := stored[command]; !sent {
			t.Errorf("no operation sends %s", command)
		}
	}
	// And the words of people are in no row at all.
	for _, word := range []string{"title", "description", "email", "name", "bio", "label"} {
		n := w.Number(`SELECT count(*) FROM commands WHERE status <> 'accepted' AND response_body::text ~ $1`,
			fmt.Sprintf(`"%s" *:`, word))
		if n != 0 {
			t.Errorf("%d stored responses have a field %s", n, word)
		}
	}
}
