package accounts_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// from is a browser in another network, behind a proxy that the edge trusts.
func (w *harness) from(address string) *browser {
	w.Helper()
	return &browser{w, handlertest.Must(cookiejar.New(nil))(w), address}
}

// TestTakeovers: what a stolen session, or a guesser elsewhere, cannot do. Sub-tests share an
// installation and have accounts of their own.
func TestTakeovers(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, proxied: true})
	for name, test := range map[string]func(*testing.T, *harness){
		"an old session changes no address without the password":    anOldSessionChangesNoAddress,
		"an old session deletes no account without the password":    anOldSessionDeletesNoAccount,
		"the old address undoes a change and ends all sessions":     theOldAddressUndoesAChange,
		"the old address undoes a change that waits":                theOldAddressUndoesAChangeThatWaits,
		"a chain of changes is undone from its beginning":           aChainOfChangesIsUndone,
		"the replaced address is kept for its owner":                theReplacedAddressIsKept,
		"an undo link works once, for a week, and not by HEAD":      anUndoLinkWorksOnce,
		"wrong passwords from elsewhere lock no owner out":          wrongPasswordsFromElsewhere,
		"blocks of a network grow":                                  blocksOfANetworkGrow,
		"an account has a ceiling over all networks":                anAccountHasACeiling,
		"concurrent guesses are hashed no more often than allowed":  concurrentGuessesAreNotHashed,
		"guesses with an idempotency key are counted like others":   guessesWithAKeyAreCounted,
		"a command alone deletes no account":                        aCommandAloneDeletesNoAccount,
		"a session that ended meanwhile changes nothing":            aSessionThatEndedChangesNothing,
		"a wrong password for a change of address counts as others": reauthenticationIsThrottled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

// age makes the sessions of an account older than a recent sign-in.
func (w *harness) age(email string) {
	w.Helper()
	w.Exec(`UPDATE sessions SET created_at = created_at - interval '11 minutes',
			authenticated_at = authenticated_at - interval '11 minutes'
		WHERE user_id = (SELECT id FROM users WHERE email = $1)`, email)
}

func anOldSessionChangesNoAddress(t *testing.T, w *harness) {
	b := w.member("stolen@example.org")
	w.age("stolen@example.org")
	b.patch(map[string]any{"email": "thief1@example.org"}).Want(http.StatusForbidden, "REAUTHENTICATION_REQUIRED")
	b.patch(map[string]any{"email": "thief1@example.org", "currentPassword": "not the password"}).
		Want(http.StatusBadRequest, "INVALID_PASSWORD")
	b.patch(map[string]any{"email": "stolen@example.org", "bio": "free"}).Want(http.StatusOK, "")
	if n := w.Number(`SELECT count(*) FROM mails WHERE recipient = 'thief1@example.org'`); n != 0 {
		t.Errorf("%d mails to the new address", n)
	}
	b.keyed(http.MethodPatch, "/api/user/profile", "move-1",
		map[string]any{"email": "mine1@example.org", "currentPassword": password}).Want(http.StatusOK, "")
	if n := w.Number(`SELECT count(*) FROM commands WHERE type = 'account.update_profile' AND response_body::text LIKE $1`,
		"%"+password+"%"); n != 0 {
		t.Error("the password is recorded")
	}
	again := w.browser()
	again.signIn("stolen@example.org", password).Want(http.StatusOK, "")
	again.patch(map[string]any{"email": "mine1b@example.org"}).Want(http.StatusOK, "")
}

func anOldSessionDeletesNoAccount(t *testing.T, w *harness) {
	b := w.member("stay2@example.org")
	w.age("stay2@example.org")
	b.deleteAccount().Want(http.StatusForbidden, "REAUTHENTICATION_REQUIRED")
	remove := func(secret string) handlertest.Answer {
		return b.call(http.MethodDelete, "/api/user/account",
			map[string]any{"confirmation": "DELETE", "currentPassword": secret})
	}
	remove("not the password").Want(http.StatusBadRequest, "INVALID_PASSWORD")
	if !b.signedIn() {
		t.Error("the account is gone")
	}
	remove(password).Want(http.StatusNoContent, "")
}

// aCommandAloneDeletesNoAccount: whoever can send commands in the name of a user still needs a
// session in which the user has proved the password a moment ago.
func aCommandAloneDeletesNoAccount(t *testing.T, w *harness) {
	b := w.member("named@example.org")
	id := w.userID("named@example.org")
	other := w.member("other-named@example.org")
	sessionOf := func(email string) string {
		return handlertest.Value[string](w.Harness, `SELECT id FROM sessions WHERE user_id = $1`, w.userID(email))
	}
	w.age("named@example.org")
	for name, session := range map[string]string{
		"no session":                "",
		"an old session":            sessionOf("named@example.org"),
		"a session of another user": sessionOf("other-named@example.org"),
	} {
		payload := handlertest.Must(json.Marshal(identity.Erase{SessionID: session}))(t)
		reply, err := w.Dispatcher.Send(t.Context(), events.Command{
			ID:          edge.NewID(),
			Type:        identity.CommandDeleteAccount,
			ActorID:     id,
			AggregateID: id,
			Payload:     payload,
			IssuedAt:    w.Now(),
		})
		if err != nil || reply.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s, %v", name, reply.Status, reply.Body, err)
		}
	}
	if !b.signedIn() || !other.signedIn() {
		t.Error("an account is gone")
	}
}

// aSessionThatEndedChangesNothing: the right password was checked, and before the change is made
// the owner ends the session.
func aSessionThatEndedChangesNothing(t *testing.T, w *harness) {
	b := w.member("ended@example.org")
	w.age("ended@example.org")
	w.Exec(`CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		DELETE FROM sessions WHERE id = NEW.id; RETURN NULL; END $$`)
	w.Exec(`CREATE TRIGGER end_session AFTER UPDATE OF authenticated_at ON sessions FOR EACH ROW
		WHEN (NEW.user_id = '` + w.userID("ended@example.org") + `') EXECUTE FUNCTION end_session()`)
	b.patch(map[string]any{"email": "thief-ended@example.org", "currentPassword": password}).
		Want(http.StatusForbidden, "REAUTHENTICATION_REQUIRED")
	if n := w.Number(`SELECT count(*) FROM users WHERE pending_email = 'thief-ended@example.org'`); n != 0 {
		t.Error("the address is changed")
	}
}

func (w *harness) undoLink(email string) string {
	w.Helper()
	links := w.mailedLinks("email-changing", email)
	if len(links) == 0 || links[len(links)-1] == "" {
		w.Fatalf("%s got no link", email)
	}
	return links[len(links)-1]
}

// move changes the address of an account and confirms it.
func (b *browser) move(to string) {
	b.Helper()
	b.patch(map[string]any{"email": to, "currentPassword": password}).Want(http.StatusOK, "")
	b.get(b.mailedLinks("change-email", to)[0]).Want(http.StatusFound, "")
}

func theOldAddressUndoesAChange(t *testing.T, w *harness) {
	thief := w.member("victim3@example.org")
	id := w.userID("victim3@example.org")
	thief.move("thief3@example.org")
	link := w.undoLink("victim3@example.org")
	if n := w.Number(`SELECT count(*) FROM verification WHERE purpose = 'email-undo' AND user_id = $1
		AND value = sha256(convert_to($2, 'UTF8'))`, id, link[strings.Index(link, "token=")+6:]); n != 1 {
		t.Error("the token is not stored as its hash")
	}
	stolenReset := w.requestReset("thief3@example.org")[0]

	owner := w.browser()
	got := owner.get(link).Want(http.StatusFound, "")
	if thief.signedIn() || w.userID("victim3@example.org") != id {
		t.Error("the thief's session lives, or the address is not restored")
	}
	w.browser().reset(stolenReset, another).Want(http.StatusBadRequest, "INVALID_TOKEN")
	w.browser().signIn("thief3@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	_, token, found := strings.Cut(got.Header.Get("Location"), "/reset-password?token=")
	if !found {
		t.Fatalf("redirected to %s", got.Header.Get("Location"))
	}
	owner.reset(token, another).Want(http.StatusOK, "")
	owner.signIn("victim3@example.org", another).Want(http.StatusOK, "")
	if story := w.history(id); !strings.HasSuffix(story,
		"user.email_changed v4, user.email_changed v5, user.password_changed v6") {
		t.Errorf("events: %s", story)
	}
}

func theOldAddressUndoesAChangeThatWaits(t *testing.T, w *harness) {
	b := w.member("waits4@example.org")
	b.patch(map[string]any{"email": "thief4@example.org"}).Want(http.StatusOK, "")
	w.browser().get(w.undoLink("waits4@example.org")).Want(http.StatusFound, "")
	if b.signedIn() {
		t.Error("the session lives")
	}
	w.browser().get(w.mailedLinks("change-email", "thief4@example.org")[0]).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("waits4@example.org", password).Want(http.StatusOK, "")
}

func aChainOfChangesIsUndone(t *testing.T, w *harness) {
	thief := w.member("first5@example.org")
	id := w.userID("first5@example.org")
	thief.move("second5@example.org")
	thief.move("third5@example.org")
	first, second := w.undoLink("first5@example.org"), w.undoLink("second5@example.org")
	// The thief, who reads the second mailbox, undoes the own change to spend the owner's link.
	w.browser().get(second).Want(http.StatusFound, "")
	w.browser().get(first).Want(http.StatusFound, "")
	if w.userID("first5@example.org") != id {
		t.Error("the address is not restored")
	}
	w.browser().get(second).Want(http.StatusUnauthorized, "INVALID_TOKEN")
}

func theReplacedAddressIsKept(t *testing.T, w *harness) {
	thief := w.member("kept6@example.org")
	thief.move("thief6@example.org")
	w.browser().post("/api/auth/sign-up/email",
		map[string]any{"name": "Squatter", "email": "kept6@example.org", "password": password}).
		Want(http.StatusUnprocessableEntity, "EMAIL_IN_USE")
	other := w.member("other6@example.org")
	other.patch(map[string]any{"email": "kept6@example.org"}).Want(http.StatusConflict, "EMAIL_IN_USE")
	thief.patch(map[string]any{"email": "kept6@example.org"}).Want(http.StatusOK, "")
}

func anUndoLinkWorksOnce(t *testing.T, w *harness) {
	b := w.member("once7@example.org")
	b.move("next7@example.org")
	link := w.undoLink("once7@example.org")
	w.browser().call(http.MethodHead, link, nil).Want(http.StatusOK, "")
	if !b.signedIn() {
		t.Error("HEAD used the link")
	}
	w.browser().get(link).Want(http.StatusFound, "")
	w.browser().get(link).Want(http.StatusUnauthorized, "INVALID_TOKEN")
	w.browser().get("/api/auth/undo-email-change?token=x").Want(http.StatusUnauthorized, "INVALID_TOKEN")
	if days := identity.UndoEmail.Lifetime() / (24 * time.Hour); days != 7 {
		t.Errorf("it works for %d days", days)
	}
	late := w.member("late7@example.org")
	late.move("later7@example.org")
	w.Exec(`UPDATE verification SET expires_at = now() - interval '1 s' WHERE identifier = 'late7@example.org'`)
	w.browser().get(w.undoLink("late7@example.org")).Want(http.StatusUnauthorized, "INVALID_TOKEN")
}

func wrongPasswordsFromElsewhere(t *testing.T, w *harness) {
	w.member("owner8@example.org")
	attacker := w.from("203.0.113.8")
	for range 5 {
		attacker.signIn("owner8@example.org", "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	}
	attacker.signIn("owner8@example.org", password).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	w.from("198.51.100.8").signIn("owner8@example.org", password).Want(http.StatusOK, "")
	attacker.signIn("owner8@example.org", password).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	// Of one IPv6 network every address is the same guesser.
	for i := range 5 {
		w.from("2001:db8::"+strconv.Itoa(i+1)).signIn("owner8@example.org", "no").
			Want(http.StatusUnauthorized, "UNAUTHORIZED")
	}
	w.from("2001:db8::ff").signIn("owner8@example.org", password).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	w.from("2001:db8:1::1").signIn("owner8@example.org", password).Want(http.StatusOK, "")
}

func blocksOfANetworkGrow(t *testing.T, w *harness) {
	w.member("grow9@example.org")
	b := w.from("203.0.113.9")
	for range 5 {
		b.signIn("grow9@example.org", "no").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	}
	blocked := func() int {
		got := b.signIn("grow9@example.org", "no").Want(http.StatusTooManyRequests, "RATE_LIMITED")
		return handlertest.Must(strconv.Atoi(got.Header.Get("Retry-After")))(t)
	}
	before := blocked()
	for range 3 {
		w.Exec(`UPDATE rate_limits SET blocked_until = now() - interval '1 s' WHERE hits >= 5`)
		b.signIn("grow9@example.org", "no").Want(http.StatusUnauthorized, "UNAUTHORIZED")
		after := blocked()
		if after < before*3/2 {
			t.Errorf("a block of %d s after one of %d s", after, before)
		}
		before = after
	}
}

func anAccountHasACeiling(t *testing.T, w *harness) {
	w.member("ceiling10@example.org")
	for i := range identity.AccountAttempts {
		w.from("203.0.113."+strconv.Itoa(i+1)).signIn("ceiling10@example.org", "no").
			Want(http.StatusUnauthorized, "UNAUTHORIZED")
	}
	w.Exec(`UPDATE rate_limits SET blocked_until = now() + interval '20 s' WHERE hits = $1`, identity.AccountAttempts)
	got := w.from("198.51.100.10").signIn("ceiling10@example.org", password).
		Want(http.StatusTooManyRequests, "RATE_LIMITED")
	if wait := handlertest.Must(strconv.Atoi(got.Header.Get("Retry-After")))(t); wait > 20 {
		t.Errorf("the owner waits for %d s", wait)
	}
	w.Exec(`UPDATE rate_limits SET blocked_until = now() - interval '1 s' WHERE hits = $1`, identity.AccountAttempts)
	w.from("198.51.100.10").signIn("ceiling10@example.org", password).Want(http.StatusOK, "")
}

// statuses counts the statuses of requests that are sent at the same time.
func statuses(n int, send func(i int) handlertest.Answer) map[int]int {
	all := make(chan int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all <- send(i).Status })
	}
	wg.Wait()
	close(all)
	seen := map[int]int{}
	for status := range all {
		seen[status]++
	}
	return seen
}

func concurrentGuessesAreNotHashed(t *testing.T, _ *harness) {
	w := newHarness(t, options{bus: true}) // its own: hashes are counted
	b := w.member("parallel11@example.org")
	w.age("parallel11@example.org")
	for name, send := range map[string]func(i int) handlertest.Answer{
		"sign in":         func(int) handlertest.Answer { return w.browser().signIn("parallel11@example.org", "no") },
		"change password": func(int) handlertest.Answer { return b.change("not the password", another) },
		"change password, with keys": func(i int) handlertest.Answer {
			return b.keyed(http.MethodPost, "/api/auth/change-password", "guess-"+strconv.Itoa(i),
				map[string]any{"currentPassword": "not the password", "newPassword": another})
		},
		"change the address": func(i int) handlertest.Answer {
			return b.patch(map[string]any{"email": "x" + strconv.Itoa(i) + "@example.org", "currentPassword": "no"})
		},
		"delete the account": func(int) handlertest.Answer {
			return b.call(http.MethodDelete, "/api/user/account",
				map[string]any{"confirmation": "DELETE", "currentPassword": "no"})
		},
	} {
		w.Exec(`DELETE FROM rate_limits`)
		before := w.hasher.Computed()
		seen := statuses(20, send)
		if seen[http.StatusTooManyRequests] != 15 {
			t.Errorf("%s: %v", name, seen)
		}
		allowed := uint64(5)
		if strings.Contains(name, "keys") {
			allowed = 10 // each record has a hash of its own
		}
		if n := uint64(w.hasher.Computed() - before); n > allowed {
			t.Errorf("%s: %d hashes", name, n)
		}
	}
}

func guessesWithAKeyAreCounted(t *testing.T, w *harness) {
	b := w.member("keyed12@example.org")
	change := func(current string) handlertest.Answer {
		return b.keyed(http.MethodPost, "/api/auth/change-password", "keyed-12",
			map[string]any{"currentPassword": current, "newPassword": another})
	}
	change(password).Want(http.StatusOK, "")
	for i := range 5 { // the record would tell whether a guess is right
		change("guess "+strconv.Itoa(i)).Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
	}
	change(password).Want(http.StatusTooManyRequests, "RATE_LIMITED")

	body := func(secret string) map[string]any {
		return map[string]any{"name": "Ada", "email": "keyed12b@example.org", "password": secret}
	}
	c := w.browser()
	c.keyed(http.MethodPost, "/api/auth/sign-up/email", "keyed-12b", body(password)).Want(http.StatusOK, "")
	for i := range 5 {
		c.keyed(http.MethodPost, "/api/auth/sign-up/email", "keyed-12b", body("some guess "+strconv.Itoa(i))).
			Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
	}
	c.keyed(http.MethodPost, "/api/auth/sign-up/email", "keyed-12b", body(password)).
		Want(http.StatusTooManyRequests, "RATE_LIMITED")
}

func reauthenticationIsThrottled(_ *testing.T, w *harness) {
	b := w.member("again13@example.org")
	for range 5 {
		b.patch(map[string]any{"email": "new13@example.org", "currentPassword": "no"}).
			Want(http.StatusBadRequest, "INVALID_PASSWORD")
	}
	b.change(password, another).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	b.call(http.MethodDelete, "/api/user/account", map[string]any{"confirmation": "DELETE", "currentPassword": password}).
		Want(http.StatusTooManyRequests, "RATE_LIMITED")
	w.browser().signIn("again13@example.org", password).Want(http.StatusTooManyRequests, "RATE_LIMITED")
}
