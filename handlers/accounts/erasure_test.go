package accounts_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe/sandbox"
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
	asked, joined := w.club(t, "aviary"), w.club(t, "perch")
	invitation := map[string]any{"email": email, "role": "member"}
	if answered := asked.owner.keyed(t, http.MethodPost, asked.path("invite"), "i1", invitation).want(t, http.StatusCreated); answered.text("data.email") != email {
		t.Errorf("%s", answered.body)
	}
	joined.invite(t, joined.owner, email, "member").want(t, http.StatusCreated)
	b.post(t, joined.path("accept"), nil).want(t, http.StatusOK)
	joined.setRole(t, joined.owner, id, "creator").want(t, http.StatusOK)
	if n := w.count(t, `SELECT count(*) FROM commands WHERE type LIKE 'organization.%' AND actor_id <> $1 AND strpos(response_body::text, $2) > 0`, id, word); n != 3 {
		t.Errorf("the address is in %d answers to others, want 3", n)
	}
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
	w.eventually(t, 0, `SELECT count(*) FROM customer_erasures`)
	w.eventually(t, 0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)

	if left := w.tablesWith(t, word); len(left) > 0 {
		t.Errorf("the word is still in %v", left)
	}
	for _, stream := range []string{events.CommandStream, events.EventStream} {
		if all, found := w.messagesWith(t, stream, word); found > 0 || all == 0 {
			t.Errorf("stream %s: the word is in %d of %d messages", stream, found, all)
		}
	}
	if again := asked.owner.keyed(t, http.MethodPost, asked.path("invite"), "i1", invitation); strings.Contains(string(again.body), word) {
		t.Errorf("the invitation is still answered with %s", again.body)
	}
	if box := w.browser(t).get(t, "/mailbox.json").want(t, http.StatusOK); strings.Contains(string(box.body), word) {
		t.Error("the word is in the mailbox")
	}
	if n := w.count(t, `SELECT count(*) FROM rate_limits WHERE key LIKE '%'||encode(sha256(convert_to($1, 'UTF8')), 'hex')`, email); n != 0 {
		t.Errorf("%d counters of the address are left", n)
	}
	for sql, want := range map[string]int{
		`SELECT count(*) FROM sessions WHERE user_id = $1`:                          0,
		`SELECT count(*) FROM users WHERE id = $1 AND stripe_customer_id <> ''`:     0,
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
		"waits for who writes about the user":                       deletingWaitsForWhoWritesAboutTheUser,
		"tells who follows an organization that a member left":      deletingTellsThatAMemberLeft,
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

func deletingTellsThatAMemberLeft(t *testing.T, w *world) {
	member, asked, gone := w.club(t, "left-member"), w.club(t, "left-asked"), w.club(t, "left-gone")
	b, id := member.join(t, "leaver", "admin")
	email := "leaver-left-member@example.org"
	asked.invite(t, asked.owner, email, "creator").want(t, http.StatusCreated)
	gone.invite(t, gone.owner, email, "member").want(t, http.StatusCreated)
	gone.owner.call(t, http.MethodDelete, "/api/organizations/"+gone.id, nil).want(t, http.StatusNoContent)
	b.deleteAccount(t).want(t, http.StatusNoContent)
	w.eventually(t, 0, `SELECT count(*) FROM organization_memberships WHERE user_id = $1 AND status <> 'inactive'`, id)
	for c, want := range map[*club]struct{ story, role, reason, next string }{
		member: {"organization.created v1, member.joined v2, member.invited v3, member.joined v4, member.removed v5", "admin", "left", "6"},
		asked:  {"organization.created v1, member.joined v2, member.invited v3, member.removed v4", "creator", "withdrawn", "5"},
	} {
		if story := w.story(t, c.id); story != want.story {
			t.Errorf("%s: %s", c.slug, story)
		}
		told := `SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'member.removed' AND tenant = $1 AND published_at IS NOT NULL
			AND data->>'user_id' = $2 AND data->>'role' = $3 AND data->>'reason' = $4`
		w.eventually(t, 1, told, c.id, id, want.role, want.reason)
		// What happens next has the next version.
		c.owner.call(t, http.MethodPatch, "/api/organizations/"+c.id, map[string]any{"name": "Goes on"}).want(t, http.StatusOK)
		if story := w.story(t, c.id); story != want.story+", organization.updated v"+want.next {
			t.Errorf("%s: %s", c.slug, story)
		}
	}
	if story := w.story(t, gone.id); !strings.HasSuffix(story, "organization.deleted v4") {
		t.Errorf("the deleted organization: %s", story)
	}
}

// A change of role that is being applied has read the address already, and keeps it in
// its answer and its mail: the deletion waits for it, and finds both.
func deletingWaitsForWhoWritesAboutTheUser(t *testing.T, w *world) {
	const email = "plain-waits@example.org"
	c := w.club(t, "waits")
	b, id := c.join(t, "plain", "member")
	held, err := w.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(t.Context(), `SELECT pg_advisory_xact_lock(4711)`); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
		CREATE TRIGGER hold BEFORE INSERT ON commands FOR EACH ROW WHEN (NEW.response_body::text LIKE '%"`+email+`"%') EXECUTE FUNCTION hold()`)
	var changed, deleted answer
	var both sync.WaitGroup
	both.Go(func() { changed = c.setRole(t, c.owner, id, "creator") })
	w.eventually(t, 1, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`)
	both.Go(func() { deleted = b.deleteAccount(t) })
	w.eventually(t, 1, `SELECT count(DISTINCT a.pid) FROM pg_stat_activity a, pg_stat_activity changing, pg_locks l
		WHERE l.locktype = 'advisory' AND l.objid = 4711 AND NOT l.granted AND changing.pid = l.pid AND changing.pid = ANY (pg_blocking_pids(a.pid))`)
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	both.Wait()
	changed.want(t, http.StatusOK)
	deleted.want(t, http.StatusNoContent)
	w.eventually(t, 1, `SELECT count(*) FROM reaction_inbox r JOIN outbox o ON o.event_id = r.event_id WHERE r.reaction = 'erasure' AND o.aggregate_id = $1`, id)
	for sql, argument := range map[string]string{
		`SELECT count(*) FROM commands WHERE strpos(response_body::text, $1) > 0`:                              email,
		`SELECT count(*) FROM mails WHERE recipient = $1`:                                                      email,
		`SELECT count(*) FROM organization_memberships WHERE user_id = $1 AND status IN ('active', 'invited')`: id,
	} {
		if n := w.count(t, sql, argument); n != 0 {
			t.Errorf("%d are left: %s", n, sql)
		}
	}
}

// TestTheProviderForgetsTheCustomerOfADeletedAccount begins while it is away.
func TestTheProviderForgetsTheCustomerOfADeletedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	customers := map[string]string{}
	for _, email := range []string{"leaves@example.org", "stays@example.org"} {
		customer, err := w.payments.CreateCustomer(t.Context(), email, "u", email)
		if err != nil {
			t.Fatal(err)
		}
		customers[email] = customer
	}
	b := w.member(t, "leaves@example.org")
	w.member(t, "stays@example.org")
	for email, customer := range customers {
		w.exec(t, `UPDATE users SET stripe_customer_id = $2 WHERE email = $1`, email, customer)
	}
	w.sandbox.SetFaults(sandbox.Faults{Down: true})
	b.deleteAccount(t).want(t, http.StatusNoContent)
	w.eventually(t, 1, `SELECT count(*) FROM customer_erasures WHERE stripe_customer_id = $1 AND attempts = 1`, customers["leaves@example.org"])
	if n := w.count(t, `SELECT count(*) FROM users WHERE stripe_customer_id = $1`, customers["leaves@example.org"]); n != 0 {
		t.Error("the account still names its customer")
	}
	if n := w.count(t, `SELECT count(*) FROM outbox WHERE strpos(data::text, $1) > 0`, customers["leaves@example.org"]); n != 0 {
		t.Errorf("%d events name the customer", n)
	}
	w.later(6 * time.Second)
	w.eventually(t, 1, `SELECT count(*) FROM customer_erasures WHERE attempts = 2 AND next_attempt_at > now() + interval '10 seconds'`)

	w.sandbox.SetFaults(sandbox.Faults{})
	if _, err := w.payments.PortalURL(t.Context(), customers["leaves@example.org"], "https://shop.example.test/", "before"); err != nil {
		t.Fatalf("the customer is gone before it was asked for: %v", err)
	}
	w.later(time.Minute)
	w.eventually(t, 0, `SELECT count(*) FROM customer_erasures`)
	if _, err := w.payments.PortalURL(t.Context(), customers["leaves@example.org"], "https://shop.example.test/", "after"); !errors.Is(err, stripe.ErrNotFound) {
		t.Errorf("the customer is still there: %v", err)
	}
	if _, err := w.payments.PortalURL(t.Context(), customers["stays@example.org"], "https://shop.example.test/", "other"); err != nil {
		t.Errorf("somebody else's customer: %v", err)
	}
}
