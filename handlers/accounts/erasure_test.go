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

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	identitystore "github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/organizations"
	"github.com/codex-platform/codex/handlers/payments"
)

func withOrganizations(w *harness) []handlers.Module {
	return []handlers.Module{organizations.New(organizations.Config{Pool: w.Pool, PublicURL: w.URL})}
}

// payments is the module that deletes customers at the sandbox.
func (w *harness) payments() handlers.Module {
	w.Helper()
	return payments.New(payments.Config{
		Pool:       w.Pool,
		Dispatcher: w.Dispatcher,
		Stripe:     w.Stripe,
		Rates:      money.DefaultRates(),
		Now:        w.Now,
		Log:        w.Logger,
	})
}

func (b *browser) deleteAccount() handlertest.Answer {
	b.Helper()
	return b.call(http.MethodDelete, "/api/user/account", map[string]any{"confirmation": "DELETE"})
}

// club is an organization with its owner.
type club struct {
	*harness
	id, slug string
	owner    *browser
}

func (w *harness) club(slug string) *club {
	w.Helper()
	owner := w.creator(slug + "-owner@example.org")
	got := owner.post("/api/organizations", map[string]any{"name": "The " + slug, "slug": slug})
	return &club{
		harness: w,
		id:      got.Want(http.StatusCreated, "").Text("data.id"),
		slug:    slug,
		owner:   owner,
	}
}

// path is a path below the members of the organization.
func (c *club) path(rest ...string) string {
	return strings.Join(append([]string{"/api/organizations", c.id, "members"}, rest...), "/")
}

// invite invites an account as a role.
func (c *club) invite(email, role string) {
	c.Helper()
	c.owner.post(c.path("invite"), map[string]any{"email": email, "role": role}).Want(http.StatusCreated, "")
}

// join makes a new account that is a member with a role.
func (c *club) join(name, role string) (*browser, string) {
	c.Helper()
	email := name + "-" + c.slug + "@example.org"
	b := c.member(email)
	c.invite(email, role)
	b.post(c.path("accept"), nil).Want(http.StatusOK, "")
	return b, c.userID(email)
}

func (c *club) setRole(user, role string) handlertest.Answer {
	c.Helper()
	return c.owner.call(http.MethodPatch, c.path(user), map[string]any{"role": role})
}

// tablesWith returns the tables that hold a text anywhere, in any column, spelled out
// or as bytes.
func (w *harness) tablesWith(text string) []string {
	w.Helper()
	rows, err := w.Pool.Query(
		w.Context(),
		`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
			ORDER BY 1`,
	)
	if err != nil {
		w.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.Fatal(err)
	}
	var found []string
	for _, table := range tables {
		sql := fmt.Sprintf(
			`SELECT count(*) FROM %s AS t WHERE t::text ILIKE '%%'||$1||'%%' OR t::text ILIKE '%%'||$2||'%%'`,
			pgx.Identifier{table}.Sanitize(),
		)
		if w.Number(sql, text, hex.EncodeToString([]byte(text))) > 0 {
			found = append(found, table)
		}
	}
	return found
}

// messagesWith counts the messages of a stream, and those that hold a text in subject,
// headers or body.
func (w *harness) messagesWith(stream, text string) (all, found int) {
	w.Helper()
	js, err := jetstream.New(w.Conn)
	if err != nil {
		w.Fatal(err)
	}
	s, err := js.Stream(w.Context(), stream)
	if err != nil {
		w.Fatal(err)
	}
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := s.GetMsg(w.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			w.Fatal(err)
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
	w := newHarness(t, options{bus: true, with: withOrganizations})
	w.StartSandbox(sandbox.Config{})
	b := w.browser()
	email := word + "@example.org"
	b.keyed(http.MethodPost, "/api/auth/sign-up/email", "k1", map[string]any{
		"name":        word,
		"email":       email,
		"password":    word + " sings at night",
		"image":       "https://" + word + ".test/a.png",
		"callbackURL": "/" + word,
	}).Want(http.StatusOK, "")
	b.call(http.MethodGet, w.links(email)[0], nil, "User-Agent", word+"/1.0").Want(http.StatusFound, "")
	b.keyed(http.MethodPost, "/api/user/upgrade-to-creator", "k2", map[string]any{
		"username": word, "bio": word + " sings", "socialLinks": map[string]any{"website": "https://" + word + ".test"},
	}).Want(http.StatusOK, "")
	profile := b.keyed(http.MethodPatch, "/api/user/profile", "k3",
		map[string]any{"displayName": "The " + word, "email": "new-" + email}).Want(http.StatusOK, "")
	id := profile.Text("data.id")
	b.keyed(http.MethodPost, "/api/auth/update-user", "k4", map[string]any{"name": "A " + word}).Want(http.StatusOK, "")
	b.keyed(http.MethodPost, "/api/auth/change-password", "k5",
		map[string]any{"currentPassword": word + " sings at night", "newPassword": word + " sings at dawn"}).
		Want(http.StatusOK, "")
	b.call(http.MethodPut, "/api/user/notification-preferences", map[string]any{"emailMarketing": false}).
		Want(http.StatusOK, "")
	w.requestReset(email)
	w.browser().signIn(email, "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.Exec(
		`UPDATE users SET stripe_customer_id = 'cus_'||$2, avatar_url = 'https://assets.test/'||$2||'.webp' WHERE id = $1`,
		id,
		word,
	)
	bought := w.buy(id)
	asked, joined := w.club("aviary"), w.club("perch")
	invitation := map[string]any{"email": email, "role": "member"}
	invited := asked.owner.keyed(http.MethodPost, asked.path("invite"), "i1", invitation).Want(http.StatusCreated, "")
	if invited.Text("data.email") != email {
		t.Errorf("%s", invited.Body)
	}
	joined.invite(email, "member")
	b.post(joined.path("accept"), nil).Want(http.StatusOK, "")
	joined.setRole(id, "creator").Want(http.StatusOK, "")
	if n := w.Number(
		`SELECT count(*) FROM commands WHERE type LIKE 'organization.%' AND actor_id <> $1
			AND strpos(response_body::text, $2) > 0`,
		id,
		word,
	); n != 0 {
		t.Errorf("the address is in %d stored answers to others", n)
	}
	w.Exec(`INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope)
		VALUES ($1, $2, 'content.create', '', 'accepted', json_build_object('title', $3::text))`, uuid.NewString(), id, word)

	planted := w.tablesWith(word)
	for _, table := range []string{"users", "sessions", "mails", "verification", "commands"} {
		if !slices.Contains(planted, table) {
			t.Errorf("the word is not in %s: the test would see nothing", table)
		}
	}
	w.Eventually(0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)

	got := b.deleteAccount().Want(http.StatusNoContent, "")
	if cleared := sessionCookie(got); cleared == nil || cleared.MaxAge != -1 {
		t.Errorf("cookie %+v", cleared)
	}
	w.Eventually(1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'erasure'`)
	if n := handlertest.Run(t, w.payments(), "payments.forget_customers"); n != 1 {
		t.Errorf("%d customers are deleted at the provider", n)
	}
	w.Eventually(0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)

	if left := w.tablesWith(word); len(left) > 0 {
		t.Errorf("the word is still in %v", left)
	}
	for _, stream := range []string{events.CommandStream, events.EventStream} {
		if all, found := w.messagesWith(stream, word); found > 0 || all == 0 {
			t.Errorf("stream %s: the word is in %d of %d messages", stream, found, all)
		}
	}
	if again := asked.owner.keyed(http.MethodPost, asked.path("invite"), "i1", invitation); strings.Contains(
		again.Body,
		word,
	) {
		t.Errorf("the invitation is still answered with %s", again.Body)
	}
	for _, what := range []string{
		identitystore.SignInFailures, identitystore.VerificationMails, identitystore.ResetMails,
	} {
		hits, _, err := ratelimit.Hits(t.Context(), w.Pool, ratelimit.KeyOf(what, email), false, time.Now())
		if err != nil || hits != 0 {
			t.Errorf("%s of the address: %d are left, %v", what, hits, err)
		}
	}
	for sql, want := range map[string]int{
		`SELECT count(*) FROM sessions WHERE user_id = $1`:                          0,
		`SELECT count(*) FROM users WHERE id = $1 AND stripe_customer_id <> ''`:     0,
		`SELECT count(*) FROM accounts WHERE user_id = $1`:                          0,
		`SELECT count(*) FROM video_playback WHERE user_id = $1`:                    0,
		`SELECT count(*) FROM purchases WHERE customer_id = $1`:                     1,
		`SELECT count(*) FROM content_access WHERE user_id = $1`:                    1,
		`SELECT count(*) FROM commands WHERE status = 'accepted' AND actor_id = $1`: 0,
		`SELECT count(*) FROM users WHERE id = $1 AND name = 'Deleted User' AND email = 'deleted-'||id||'@deleted.invalid'
			AND deleted_at IS NOT NULL AND role = 'customer'`: 1,
	} {
		if n := w.Number(sql, id); n != want {
			t.Errorf("%d, want %d: %s", n, want, sql)
		}
	}
	if n := w.Number(
		`SELECT count(*) FROM purchases WHERE id = $1 AND amount_paid_cents = 2999 AND stripe_payment_intent_id <> ''`,
		bought,
	); n != 1 {
		t.Error("the books lost a purchase")
	}
	if story := w.history(id); !strings.HasSuffix(story, "user.preferences_changed v7, user.deleted v8") {
		t.Errorf("events: %s", story)
	}
}

// buy writes what a purchase, and watching it, leaves in the database.
func (w *harness) buy(customer string) (purchase string) {
	w.Helper()
	purchase = uuid.NewString()
	film := w.film(w.account())
	w.Exec(
		`INSERT INTO purchases (id, customer_id, content_id, amount_paid_cents, platform_fee_cents,
			creator_payout_cents, stripe_payment_intent_id, status, purchased_at)
		VALUES ($1::uuid, $2, $3, 2999, 300, 2699, 'pi_'||$1::text, 'completed', now())`,
		purchase,
		customer,
		film,
	)
	w.Exec(
		`INSERT INTO content_access (user_id, content_id, access_type, source_id) VALUES ($1, $2, 'purchased', $3)`,
		customer,
		film,
		purchase,
	)
	w.Exec(
		`INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds) VALUES ($1, $2, 10, 100)`,
		customer,
		film,
	)
	return purchase
}

// account writes a creator.
func (w *harness) account() string {
	w.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.Exec(
		`INSERT INTO users (id, name, email, role) VALUES ($1::text, 'Creator', $1::text||'@example.org', 'creator')`,
		id,
	)
	return id
}

// film writes an article of a creator.
func (w *harness) film(creator string) string {
	w.Helper()
	id := uuid.NewString()
	w.Exec(
		`INSERT INTO content (id, creator_id, title, slug, content_type, content_body, access_type, price_cents,
			status, published_at)
		VALUES ($1::uuid, $2, 'Film', 'f-'||$1::text, 'written', 'words', 'paid', 2999, 'published', now())`,
		id,
		creator,
	)
	return id
}

// TestDeletingAnAccount shares one installation: every sub-test has an account of its own.
func TestDeletingAnAccount(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, with: withOrganizations})
	for name, test := range map[string]func(*testing.T, *harness){
		"ends every session at once and frees address and username": deletingFreesAddressAndUsername,
		"is rejected while the user owns organizations":             deletingIsRejectedWhileTheUserOwnsOrganizations,
		"is rejected while content or media exists":                 deletingIsRejectedWhileContentOrMediaExists,
		"requires the confirmation":                                 deletingRequiresTheConfirmation,
		"invalidates mailed tokens":                                 deletingInvalidatesMailedTokens,
		"does not affect other users":                               deletingDoesNotAffectOtherUsers,
		"waits for commands about the user":                         deletingWaitsForCommandsAboutTheUser,
		"ends memberships with events":                              deletingEndsMembershipsWithEvents,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

func deletingFreesAddressAndUsername(t *testing.T, w *harness) {
	b := w.member("leaves@example.org")
	b.post("/api/user/upgrade-to-creator", map[string]any{"username": "leaver"}).Want(http.StatusOK, "")
	elsewhere := w.browser()
	elsewhere.signIn("leaves@example.org", password).Want(http.StatusOK, "")
	sessions := b.sessions()
	if got := b.deleteAccount().Want(http.StatusNoContent, ""); len(got.Body) != 0 {
		t.Errorf("%s", got.Body)
	}
	if b.signedIn() || elsewhere.signedIn() {
		t.Error("a session lives")
	}
	for _, s := range sessions {
		if story := w.history(s.ID); story != "session.started v1, session.revoked v2" {
			t.Errorf("events: %s", story)
		}
	}
	elsewhere.get("/api/user/profile").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	b.deleteAccount().Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("leaves@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	again := w.member("leaves@example.org")
	again.post("/api/user/upgrade-to-creator", map[string]any{"username": "leaver"}).Want(http.StatusOK, "")
}

func deletingIsRejectedWhileTheUserOwnsOrganizations(t *testing.T, w *harness) {
	b := w.creator("owns@example.org")
	org := b.post("/api/organizations", map[string]any{"name": "Mine", "slug": "mine-for-now"}).
		Want(http.StatusCreated, "").
		Text("data.id")
	got := b.deleteAccount().Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
	if reason(got) != "ACCOUNT_OWNS_ORGANIZATION" || sessionCookie(got) != nil || !b.signedIn() {
		t.Errorf("%s", got.Body)
	}
	w.Exec(`UPDATE organization_memberships SET status = 'inactive' WHERE organization_id = $1`, org)
	other := uuid.NewString()
	w.Exec(
		`INSERT INTO organizations (id, name, slug, deleted_at) VALUES ($1::uuid, 'Gone', 'o-'||$1::text, now())`,
		other,
	)
	w.Exec(
		`INSERT INTO organization_memberships (organization_id, user_id, role) SELECT $1, id, 'owner' FROM users
			WHERE email = 'owns@example.org'`,
		other,
	)
	b.deleteAccount().Want(http.StatusNoContent, "")
}

func deletingIsRejectedWhileContentOrMediaExists(t *testing.T, w *harness) {
	b := w.creator("made@example.org")
	id := b.get("/api/user/profile").Text("data.id")
	film, media := w.film(id), uuid.NewString()
	w.Exec(
		`INSERT INTO media_items (id, creator_id, title, media_type, status, r2_key)
			VALUES ($1, $2, 'Film', 'video', 'uploading', 'original')`,
		media,
		id,
	)
	for _, remove := range []string{
		`UPDATE content SET deleted_at = now() WHERE id = '` + film + `'`,
		`UPDATE media_items SET deleted_at = now() WHERE id = '` + media + `'`,
	} {
		b.deleteAccount().Want(http.StatusUnprocessableEntity, "ACCOUNT_HAS_CONTENT")
		w.Exec(remove)
	}
	b.deleteAccount().Want(http.StatusNoContent, "")
}

func deletingRequiresTheConfirmation(t *testing.T, w *harness) {
	b := w.member("word@example.org")
	for _, body := range []any{
		map[string]any{},
		map[string]any{"confirmation": "delete"},
		map[string]any{"confirmation": "DELETE "},
		map[string]any{"confirmation": ""},
	} {
		b.call(http.MethodDelete, "/api/user/account", body).WantFields("confirmation")
	}
	b.call(http.MethodDelete, "/api/user/account", map[string]any{"confirmation": "DELETE", "userId": "x"}).
		WantFields("userId")
	confirmed := map[string]any{"confirmation": "DELETE"}
	b.call(http.MethodDelete, "/api/user/account", confirmed, "Origin", "https://evil.test").
		Want(http.StatusForbidden, "FORBIDDEN")
	if !b.signedIn() {
		t.Error("the account is gone")
	}
}

func deletingInvalidatesMailedTokens(t *testing.T, w *harness) {
	b := w.member("tokens@example.org")
	reset := w.requestReset("tokens@example.org")[0]
	b.patch(map[string]any{"email": "tokens2@example.org"}).Want(http.StatusOK, "")
	move := w.mailedLinks("change-email", "tokens2@example.org")[0]
	b.deleteAccount().Want(http.StatusNoContent, "")
	w.browser().reset(reset, another).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	w.browser().get(move).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func deletingDoesNotAffectOtherUsers(t *testing.T, w *harness) {
	stays, leaves := w.member("stays@example.org"), w.creator("goes@example.org")
	org := uuid.NewString()
	w.Exec(`INSERT INTO organizations (id, name, slug) VALUES ($1::uuid, 'Both', 'o-'||$1::text)`, org)
	w.Exec(`INSERT INTO organization_memberships (organization_id, user_id, role)
		SELECT $1, id, CASE email WHEN 'stays@example.org' THEN 'owner' ELSE 'admin' END FROM users
			WHERE email IN ('stays@example.org', 'goes@example.org')`, org)
	stays.keyed(http.MethodPatch, "/api/user/profile", "stay", map[string]any{"bio": "Stays"}).Want(http.StatusOK, "")
	leaves.deleteAccount().Want(http.StatusNoContent, "")
	w.Eventually(1, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'active'`, org)
	if !stays.signedIn() {
		t.Error("another user was signed out")
	}
	if got := stays.keyed(http.MethodPatch, "/api/user/profile", "stay", map[string]any{"bio": "Stays"}).
		Want(http.StatusOK, ""); got.Text("data.bio") != "Stays" {
		t.Errorf("%s", got.Body)
	}
	if n := w.Number(`SELECT count(*) FROM mails WHERE recipient = 'stays@example.org'`); n != 2 {
		t.Errorf("%d mails are left", n)
	}
}

func deletingEndsMembershipsWithEvents(t *testing.T, w *harness) {
	member, asked, gone := w.club("left-member"), w.club("left-asked"), w.club("left-gone")
	b, id := member.join("leaver", "admin")
	email := "leaver-left-member@example.org"
	asked.invite(email, "creator")
	gone.invite(email, "member")
	gone.owner.call(http.MethodDelete, "/api/organizations/"+gone.id, nil).Want(http.StatusNoContent, "")
	b.deleteAccount().Want(http.StatusNoContent, "")
	w.Eventually(0, `SELECT count(*) FROM organization_memberships WHERE user_id = $1 AND status <> 'inactive'`, id)
	for c, want := range map[*club]struct{ story, role, reason, next string }{
		member: {
			"organization.created v1, member.joined v2, member.invited v3, member.joined v4, member.removed v5",
			"admin", "left", "6",
		},
		asked: {
			"organization.created v1, member.joined v2, member.invited v3, member.removed v4",
			"creator", "withdrawn", "5",
		},
	} {
		if story := w.history(c.id); story != want.story {
			t.Errorf("%s: %s", c.slug, story)
		}
		told := `SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'member.removed' AND tenant = $1
			AND published_at IS NOT NULL
			AND data->>'user_id' = $2 AND data->>'role' = $3 AND data->>'reason' = $4`
		w.Eventually(1, told, c.id, id, want.role, want.reason)
		// What happens next has the next version.
		c.owner.call(http.MethodPatch, "/api/organizations/"+c.id, map[string]any{"name": "Goes on"}).Want(http.StatusOK, "")
		if story := w.history(c.id); story != want.story+", organization.updated v"+want.next {
			t.Errorf("%s: %s", c.slug, story)
		}
	}
	if story := w.history(gone.id); !strings.HasSuffix(story, "organization.deleted v4") {
		t.Errorf("the deleted organization: %s", story)
	}
}

// A change of role that is being applied has read the address already, and keeps it in
// its mail: the deletion waits for it, and finds that.
func deletingWaitsForCommandsAboutTheUser(t *testing.T, w *harness) {
	const email = "plain-waits@example.org"
	c := w.club("waits")
	b, id := c.join("plain", "member")
	held, err := w.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(t.Context(), `SELECT pg_advisory_xact_lock(4711)`); err != nil {
		t.Fatal(err)
	}
	w.Exec(
		`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
		CREATE TRIGGER hold BEFORE INSERT ON commands FOR EACH ROW WHEN (NEW.type = 'organization.change_role')
			EXECUTE FUNCTION hold()`,
	)
	var changed, deleted handlertest.Answer
	var both sync.WaitGroup
	both.Go(func() { changed = c.setRole(id, "creator") })
	w.Eventually(1, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`)
	both.Go(func() { deleted = b.deleteAccount() })
	w.Eventually(1, `SELECT count(DISTINCT a.pid) FROM pg_stat_activity a, pg_stat_activity changing, pg_locks l
		WHERE l.locktype = 'advisory' AND l.objid = 4711 AND NOT l.granted AND changing.pid = l.pid
			AND changing.pid = ANY (pg_blocking_pids(a.pid))`)
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	both.Wait()
	changed.Want(http.StatusOK, "")
	deleted.Want(http.StatusNoContent, "")
	w.Eventually(
		1,
		`SELECT count(*) FROM reaction_inbox r JOIN outbox o ON o.event_id = r.event_id WHERE r.reaction = 'erasure'
			AND o.aggregate_id = $1`,
		id,
	)
	for sql, argument := range map[string]string{
		`SELECT count(*) FROM commands WHERE strpos(response_body::text, $1) > 0`:                              email,
		`SELECT count(*) FROM mails WHERE recipient = $1`:                                                      email,
		`SELECT count(*) FROM organization_memberships WHERE user_id = $1 AND status IN ('active', 'invited')`: id,
	} {
		if n := w.Number(sql, argument); n != 0 {
			t.Errorf("%d are left: %s", n, sql)
		}
	}
}

// The customer of a deleted account is deleted at the payment provider, also when the
// provider is unavailable at first.
func TestTheCustomerOfADeletedAccountIsDeletedAtTheProvider(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	w.StartSandbox(sandbox.Config{})
	customers := map[string]string{}
	members := map[string]*browser{}
	for _, email := range []string{"leaves@example.org", "stays@example.org"} {
		customers[email] = handlertest.Must(w.Stripe.CreateCustomer(t.Context(), email, "u", email))(t)
		members[email] = w.member(email)
		w.Exec(`UPDATE users SET stripe_customer_id = $2 WHERE email = $1`, email, customers[email])
	}
	leaves, stays := customers["leaves@example.org"], customers["stays@example.org"]
	exists := func(customer string) bool {
		t.Helper()
		_, err := w.Stripe.PortalURL(t.Context(), customer, "https://shop.example.test/", uuid.NewString())
		if err != nil && !errors.Is(err, stripe.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	module := w.payments()
	deleteDue := func(want int) {
		t.Helper()
		if n := handlertest.Run(t, module, "payments.forget_customers"); n != want {
			t.Fatalf("%d customers were deleted, want %d", n, want)
		}
	}

	members["leaves@example.org"].deleteAccount().Want(http.StatusNoContent, "")
	if n := w.Number(`SELECT count(*) FROM users WHERE stripe_customer_id = $1`, leaves); n != 0 {
		t.Error("the account still names its customer")
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE strpos(data::text, $1) > 0`, leaves); n != 0 {
		t.Errorf("%d events name the customer", n)
	}

	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	deleteDue(0)
	w.Pass(6 * time.Second)
	deleteDue(0)
	if n := w.Number(`SELECT attempts FROM customer_erasures WHERE stripe_customer_id = $1`, leaves); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
	w.Sandbox.SetFaults(sandbox.Faults{})
	deleteDue(0) // not due yet
	if !exists(leaves) {
		t.Fatal("the customer was deleted before it was due")
	}

	w.Pass(time.Minute)
	deleteDue(1)
	if exists(leaves) {
		t.Error("the customer still exists")
	}
	if !exists(stays) {
		t.Error("the customer of another account was deleted")
	}
	if n := w.Number(`SELECT count(*) FROM customer_erasures`); n != 0 {
		t.Errorf("%d customers are still to be deleted", n)
	}
}
