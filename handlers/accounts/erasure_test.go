package accounts_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

func (b *browser) deleteAccount(t *testing.T) answer {
	t.Helper()
	return b.call(t, http.MethodDelete, "/api/user/account", map[string]any{"confirmation": "DELETE"})
}

// tablesWith returns the tables that hold a text anywhere, in any column, spelled out
// or as bytes.
func (w *world) tablesWith(t *testing.T, text string) []string {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, table := range tables {
		sql := fmt.Sprintf(`SELECT count(*) FROM %s AS t WHERE t::text ILIKE '%%'||$1||'%%' OR t::text ILIKE '%%'||$2||'%%'`, pgx.Identifier{table}.Sanitize())
		if w.count(t, sql, text, hex.EncodeToString([]byte(text))) > 0 {
			found = append(found, table)
		}
	}
	return found
}

// messagesWith counts the messages of a stream, and those that hold a text in subject,
// headers or body.
func (w *world) messagesWith(t *testing.T, stream, text string) (all, found int) {
	t.Helper()
	js, err := jetstream.New(w.conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := s.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all++
		if strings.Contains(strings.ToLower(fmt.Sprint(msg.Subject, msg.Header, string(msg.Data))), text) {
			found++
		}
	}
	return all, found
}

// TestADeletedAccountLeavesNothingPersonal plants a word wherever a person can leave
// one, deletes the account and looks for the word everywhere.
func TestADeletedAccountLeavesNothingPersonal(t *testing.T) {
	t.Parallel()
	const word = "zebrafinch"
	w := newWorld(t, options{bus: true})
	b := w.browser(t)
	email := word + "@example.org"
	b.keyed(t, http.MethodPost, "/api/auth/sign-up/email", "k1", map[string]any{
		"name": word, "email": email, "password": word + " sings at night", "image": "https://" + word + ".test/a.png", "callbackURL": "/" + word,
	}).want(t, http.StatusOK)
	b.call(t, http.MethodGet, w.links(t, email)[0], nil, "User-Agent", word+"/1.0").want(t, http.StatusFound)
	b.keyed(t, http.MethodPost, "/api/user/upgrade-to-creator", "k2", map[string]any{
		"username": word, "bio": word + " sings", "socialLinks": map[string]any{"website": "https://" + word + ".test"},
	}).want(t, http.StatusOK)
	profile := b.keyed(t, http.MethodPatch, "/api/user/profile", "k3", map[string]any{"displayName": "The " + word, "email": "new-" + email}).want(t, http.StatusOK)
	id := profile.text("data.id")
	b.keyed(t, http.MethodPost, "/api/auth/update-user", "k4", map[string]any{"name": "A " + word}).want(t, http.StatusOK)
	b.keyed(t, http.MethodPost, "/api/auth/change-password", "k5", map[string]any{"currentPassword": word + " sings at night", "newPassword": word + " sings at dawn"}).
		want(t, http.StatusOK)
	b.call(t, http.MethodPut, "/api/user/notification-preferences", map[string]any{"emailMarketing": false}).want(t, http.StatusOK)
	w.requestReset(t, email)
	w.browser(t).signIn(t, email, "not the password").want(t, http.StatusUnauthorized)
	if _, err := w.mailer.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `UPDATE users SET stripe_customer_id = 'cus_'||$2, avatar_url = 'https://assets.test/'||$2||'.webp' WHERE id = $1`, id, word)
	bought := w.buy(t, id)
	w.exec(t, `INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, finished_at)
		VALUES ($1, 'somebody', 'organization.invite', '', 'applied', 201, json_build_object('userId', $2::text, 'email', $3::text), now())`, uuid.NewString(), id, email)
	w.exec(t, `INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope)
		VALUES ($1, $2, 'content.create', '', 'accepted', json_build_object('title', $3::text))`, uuid.NewString(), id, word)

	planted := w.tablesWith(t, word)
	for _, table := range []string{"users", "sessions", "mails", "verification", "commands"} {
		if !slices.Contains(planted, table) {
			t.Errorf("the word is not in %s: the test would see nothing", table)
		}
	}
	w.eventually(t, 0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)

	got := b.deleteAccount(t).want(t, http.StatusNoContent)
	if cleared := got.cookie(); cleared == nil || cleared.MaxAge != -1 {
		t.Errorf("cookie %+v", cleared)
	}
	w.eventually(t, 1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'erasure'`)
	w.eventually(t, 0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)

	if left := w.tablesWith(t, word); len(left) > 0 {
		t.Errorf("the word is still in %v", left)
	}
	for _, stream := range []string{events.CommandStream, events.EventStream} {
		if all, found := w.messagesWith(t, stream, word); found > 0 || all == 0 {
			t.Errorf("stream %s: the word is in %d of %d messages", stream, found, all)
		}
	}
	if box := w.browser(t).get(t, "/mailbox.json").want(t, http.StatusOK); strings.Contains(string(box.body), word) {
		t.Error("the word is in the mailbox")
	}
	if n := w.count(t, `SELECT count(*) FROM rate_limits WHERE key LIKE '%'||encode(sha256(convert_to($1, 'UTF8')), 'hex')`, email); n != 0 {
		t.Errorf("%d counters of the address are left", n)
	}
	for sql, want := range map[string]int{
		`SELECT count(*) FROM sessions WHERE user_id = $1`:                          0,
		`SELECT count(*) FROM accounts WHERE user_id = $1`:                          0,
		`SELECT count(*) FROM video_playback WHERE user_id = $1`:                    0,
		`SELECT count(*) FROM purchases WHERE customer_id = $1`:                     1,
		`SELECT count(*) FROM content_access WHERE user_id = $1`:                    1,
		`SELECT count(*) FROM commands WHERE status = 'accepted' AND actor_id = $1`: 0,
		`SELECT count(*) FROM users WHERE id = $1 AND name = 'Deleted User' AND email = 'deleted-'||id||'@deleted.invalid' AND deleted_at IS NOT NULL AND role = 'customer'`: 1,
	} {
		if n := w.count(t, sql, id); n != want {
			t.Errorf("%d, want %d: %s", n, want, sql)
		}
	}
	if n := w.count(t, `SELECT count(*) FROM purchases WHERE id = $1 AND amount_paid_cents = 2999 AND stripe_payment_intent_id <> ''`, bought); n != 1 {
		t.Error("the books lost a purchase")
	}
	if story := w.story(t, id); !strings.HasSuffix(story, "user.preferences_changed v7, user.deleted v8") {
		t.Errorf("events: %s", story)
	}
}

// buy writes what a purchase, and watching it, leaves in the database.
func (w *world) buy(t *testing.T, customer string) (purchase string) {
	t.Helper()
	purchase = uuid.NewString()
	film := w.film(t, w.account(t))
	w.exec(t, `INSERT INTO purchases (id, customer_id, content_id, amount_paid_cents, platform_fee_cents, creator_payout_cents, stripe_payment_intent_id, status, purchased_at)
		VALUES ($1::uuid, $2, $3, 2999, 300, 2699, 'pi_'||$1::text, 'completed', now())`, purchase, customer, film)
	w.exec(t, `INSERT INTO content_access (user_id, content_id, access_type, source_id) VALUES ($1, $2, 'purchased', $3)`, customer, film, purchase)
	w.exec(t, `INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds) VALUES ($1, $2, 10, 100)`, customer, film)
	return purchase
}

// account writes a creator.
func (w *world) account(t *testing.T) string {
	t.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(t, `INSERT INTO users (id, name, email, role) VALUES ($1::text, 'Creator', $1::text||'@example.org', 'creator')`, id)
	return id
}

// film writes an article of a creator.
func (w *world) film(t *testing.T, creator string) string {
	t.Helper()
	id := uuid.NewString()
	w.exec(t, `INSERT INTO content (id, creator_id, title, slug, content_type, content_body, access_type, price_cents, status, published_at)
		VALUES ($1::uuid, $2, 'Film', 'f-'||$1::text, 'written', 'words', 'paid', 2999, 'published', now())`, id, creator)
	return id
}

// TestDeletingAnAccount shares one installation: every sub-test has an account of its own.
func TestDeletingAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	for name, test := range map[string]func(*testing.T, *world){
		"ends every session at once and frees address and username": deletingFreesAddressAndUsername,
		"waits for the organizations that the user owns":            deletingWaitsForOwnedOrganizations,
		"waits for content and media":                               deletingWaitsForContentAndMedia,
		"needs the word":                                            deletingNeedsTheWord,
		"makes tokens in mails useless":                             deletingMakesTokensUseless,
		"leaves others alone":                                       deletingLeavesOthersAlone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

func deletingFreesAddressAndUsername(t *testing.T, w *world) {
	b := w.member(t, "leaves@example.org")
	b.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "leaver"}).want(t, http.StatusOK)
	elsewhere := w.browser(t)
	elsewhere.signIn(t, "leaves@example.org", password).want(t, http.StatusOK)
	sessions := b.sessions(t)
	if got := b.deleteAccount(t).want(t, http.StatusNoContent); len(got.body) != 0 {
		t.Errorf("%s", got.body)
	}
	if b.signedIn(t) || elsewhere.signedIn(t) {
		t.Error("a session lives")
	}
	for _, s := range sessions {
		if story := w.story(t, s.ID); story != "session.started v1, session.revoked v2" {
			t.Errorf("events: %s", story)
		}
	}
	elsewhere.get(t, "/api/user/profile").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	b.deleteAccount(t).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser(t).signIn(t, "leaves@example.org", password).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	again := w.member(t, "leaves@example.org")
	again.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "leaver"}).want(t, http.StatusOK)
}

func deletingWaitsForOwnedOrganizations(t *testing.T, w *world) {
	b := w.creator(t, "owns@example.org")
	org := b.post(t, "/api/organizations", map[string]any{"name": "Mine", "slug": "mine-for-now"}).want(t, http.StatusCreated).text("data.id")
	got := b.deleteAccount(t).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
	if got.text("error.details.context.code") != "ACCOUNT_OWNS_ORGANIZATION" || got.cookie() != nil || !b.signedIn(t) {
		t.Errorf("%s", got.body)
	}
	w.exec(t, `UPDATE organization_memberships SET status = 'inactive' WHERE organization_id = $1`, org)
	other := uuid.NewString()
	w.exec(t, `INSERT INTO organizations (id, name, slug, deleted_at) VALUES ($1::uuid, 'Gone', 'o-'||$1::text, now())`, other)
	w.exec(t, `INSERT INTO organization_memberships (organization_id, user_id, role) SELECT $1, id, 'owner' FROM users WHERE email = 'owns@example.org'`, other)
	b.deleteAccount(t).want(t, http.StatusNoContent)
}

func deletingWaitsForContentAndMedia(t *testing.T, w *world) {
	b := w.creator(t, "made@example.org")
	id := b.get(t, "/api/user/profile").text("data.id")
	film, media := w.film(t, id), uuid.NewString()
	w.exec(t, `INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key) VALUES ($1, $2, 'Film', 'video', 'uploading', 'original')`, media, id)
	for _, remove := range []string{
		`UPDATE content SET deleted_at = now() WHERE id = '` + film + `'`,
		`UPDATE media_items SET deleted_at = now() WHERE id = '` + media + `'`,
	} {
		got := b.deleteAccount(t).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if got.text("error.details.context.code") != "ACCOUNT_HAS_CONTENT" {
			t.Errorf("%s", got.body)
		}
		w.exec(t, remove)
	}
	b.deleteAccount(t).want(t, http.StatusNoContent)
}

func deletingNeedsTheWord(t *testing.T, w *world) {
	b := w.member(t, "word@example.org")
	for _, body := range []any{map[string]any{}, map[string]any{"confirmation": "delete"}, map[string]any{"confirmation": "DELETE "}, map[string]any{"confirmation": ""}} {
		b.call(t, http.MethodDelete, "/api/user/account", body).wantFields(t, "confirmation")
	}
	b.call(t, http.MethodDelete, "/api/user/account", map[string]any{"confirmation": "DELETE", "userId": "x"}).wantFields(t, "userId")
	b.call(t, http.MethodDelete, "/api/user/account", map[string]any{"confirmation": "DELETE"}, "Origin", "https://evil.test").want(t, http.StatusForbidden)
	if !b.signedIn(t) {
		t.Error("the account is gone")
	}
}

func deletingMakesTokensUseless(t *testing.T, w *world) {
	b := w.member(t, "tokens@example.org")
	reset := w.requestReset(t, "tokens@example.org")[0]
	b.patch(t, map[string]any{"email": "tokens2@example.org"}).want(t, http.StatusOK)
	move := w.mailedLinks(t, "change-email", "tokens2@example.org")[0]
	b.deleteAccount(t).want(t, http.StatusNoContent)
	w.browser(t).reset(t, reset, another).wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	w.browser(t).get(t, move).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}

func deletingLeavesOthersAlone(t *testing.T, w *world) {
	stays, leaves := w.member(t, "stays@example.org"), w.creator(t, "goes@example.org")
	org := uuid.NewString()
	w.exec(t, `INSERT INTO organizations (id, name, slug) VALUES ($1::uuid, 'Both', 'o-'||$1::text)`, org)
	w.exec(t, `INSERT INTO organization_memberships (organization_id, user_id, role)
		SELECT $1, id, CASE email WHEN 'stays@example.org' THEN 'owner' ELSE 'admin' END FROM users WHERE email IN ('stays@example.org', 'goes@example.org')`, org)
	stays.keyed(t, http.MethodPatch, "/api/user/profile", "stay", map[string]any{"bio": "Stays"}).want(t, http.StatusOK)
	leaves.deleteAccount(t).want(t, http.StatusNoContent)
	w.eventually(t, 1, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'active'`, org)
	if !stays.signedIn(t) {
		t.Error("somebody else was signed out")
	}
	if got := stays.keyed(t, http.MethodPatch, "/api/user/profile", "stay", map[string]any{"bio": "Stays"}).want(t, http.StatusOK); got.text("data.bio") != "Stays" {
		t.Errorf("%s", got.body)
	}
	if n := w.count(t, `SELECT count(*) FROM mails WHERE recipient = 'stays@example.org'`); n != 2 {
		t.Errorf("%d mails are left", n)
	}
}
