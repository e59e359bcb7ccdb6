package stripe_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/purchase/stripe"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const completed = `{"id":"evt_1","object":"event","type":"checkout.session.completed","created":1795521600,
"api_version":"2023-10-16","livemode":false,"data":{"object":{"id":"cs_test_1","object":"checkout.session",
"mode":"payment","status":"complete","payment_status":"paid","payment_intent":"pi_1","amount_total":2999,
"currency":"gbp","metadata":{"contentId":"c-1"}}}}`

func mac(body, secret string, at time.Time) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "%d.%s", at.Unix(), body)
	return hex.EncodeToString(h.Sum(nil))
}

func signed(body, secret string, at time.Time) string {
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), mac(body, secret, at))
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	const secret, older = "whsec_new", "whsec_old"
	both := []string{secret, older}
	good := signed(completed, secret, noon)
	cases := []struct {
		name    string
		body    string
		header  string
		secrets []string
		want    error
	}{
		{"right", completed, good, both, nil},
		{"right, spaced", completed, strings.ReplaceAll(good, ",", ", "), both, nil},
		{"signed with the older secret during a rotation", completed, signed(completed, older, noon), both, nil},
		{
			"two v1, the second right", completed,
			fmt.Sprintf("t=%d,v1=%s,v1=%s", noon.Unix(), mac(completed, "x", noon), mac(completed, secret, noon)), both, nil,
		},
		{"an unreadable v1 beside a right one", completed, good + ",v1=zz", both, nil},
		{"a v0 beside a right v1", completed, good + ",v0=" + mac(completed, secret, noon), both, nil},
		{"300 s old", completed, signed(completed, secret, noon.Add(-300*time.Second)), both, nil},
		{"300 s ahead", completed, signed(completed, secret, noon.Add(300*time.Second)), both, nil},
		{"301 s old", completed, signed(completed, secret, noon.Add(-301*time.Second)), both, stripe.ErrStale},
		{"301 s ahead", completed, signed(completed, secret, noon.Add(301*time.Second)), both, stripe.ErrStale},
		{"missing", completed, "", both, stripe.ErrMissingSignature},
		{"blank", completed, "  ", both, stripe.ErrMissingSignature},
		{"wrong secret", completed, signed(completed, "whsec_other", noon), both, stripe.ErrBadSignature},
		{
			"v0 only", completed, fmt.Sprintf("t=%d,v0=%s", noon.Unix(), mac(completed, secret, noon)), both,
			stripe.ErrBadSignature,
		},
		{"body changed", strings.Replace(completed, "2999", "1", 1), good, both, stripe.ErrBadSignature},
		{
			"header of another event", completed, signed(strings.Replace(completed, "evt_1", "evt_2", 1), secret, noon), both,
			stripe.ErrBadSignature,
		},
		{
			"time changed", completed, strings.Replace(good, fmt.Sprint(noon.Unix()), fmt.Sprint(noon.Unix()+1), 1), both,
			stripe.ErrBadSignature,
		},
		{"two times", completed, good + ",t=1", both, stripe.ErrBadSignature},
		{"no time", completed, "v1=" + mac(completed, secret, noon), both, stripe.ErrBadSignature},
		{"a signed time", completed, "t=-5,v1=" + mac(completed, secret, noon), both, stripe.ErrBadSignature},
		{"a shortened signature", completed, good[:len(good)-2], both, stripe.ErrBadSignature},
		{"not a header", completed, "hello", both, stripe.ErrBadSignature},
		{"a very long header", completed, good + "," + strings.Repeat("v1=00,", 2000), both, stripe.ErrBadSignature},
		{
			"signed with the empty secret", completed, signed(completed, "", noon),
			[]string{"", secret},
			stripe.ErrBadSignature,
		},
		{"no secret configured", completed, signed(completed, "", noon), []string{""}, stripe.ErrNoSecret},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			event, err := stripe.VerifyWebhook([]byte(c.body), c.header, c.secrets, noon)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && (event.ID != "evt_1" || !bytes.Equal(event.Raw, []byte(c.body))) {
				t.Fatalf("event: %+v", event)
			}
			if err != nil && event.ID != "" {
				t.Fatal("a rejected webhook returned an event")
			}
		})
	}
}

func TestDangerousPayloadsAreRejected(t *testing.T) {
	t.Parallel()
	wrap := func(inner string) string { return `{"id":"evt_1","type":"x","data":{"object":` + inner + `}}` }
	cases := []struct {
		name, body string
		want       error
	}{
		{"too large", wrap(`"` + strings.Repeat("a", stripe.MaxPayload) + `"`), stripe.ErrTooLarge},
		{"10 000 nested arrays", wrap(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), stripe.ErrMalformed},
		{"33 levels", wrap(strings.Repeat("[", 31) + strings.Repeat("]", 31)), stripe.ErrMalformed},
		{"32 levels", wrap(strings.Repeat("[", 30) + strings.Repeat("]", 30)), nil},
		{"brackets inside a string", wrap(`"` + strings.Repeat("[", 100) + `\"[["`), nil},
		{"invalid UTF-8", wrap("\"\xff\""), stripe.ErrMalformed},
		{"not JSON", `hello`, stripe.ErrMalformed},
		{"an array", `[]`, stripe.ErrMalformed},
		{"two values", wrap(`{}`) + `{}`, stripe.ErrMalformed},
		{"no id", `{"type":"x","data":{}}`, stripe.ErrMalformed},
		{"no type", `{"id":"evt_1","data":{}}`, stripe.ErrMalformed},
		{"an endless id", `{"id":"` + strings.Repeat("e", 256) + `","type":"x"}`, stripe.ErrMalformed},
		{"empty", ``, stripe.ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := stripe.VerifyWebhook([]byte(c.body), signed(c.body, "s", noon), []string{"s"}, noon)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAnyAPIVersionIsRead(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2023-10-16", "2025-10-29.clover", "2099-01-01", ""} {
		body := strings.Replace(completed, "2023-10-16", version, 1)
		event, err := stripe.VerifyWebhook([]byte(body), signed(body, "s", noon), []string{"s"}, noon)
		if err != nil {
			t.Fatalf("%q: %v", version, err)
		}
		session, err := stripe.CheckoutSession(event)
		if err != nil || event.APIVersion != version || session.PaymentIntentID != "pi_1" || session.AmountTotal != 2999 {
			t.Fatalf("%q: %+v, %v", version, session, err)
		}
	}
}

func decode(t *testing.T, eventType, object string) stripe.Event {
	t.Helper()
	event, err := stripe.DecodeEvent([]byte(`{"id":"evt_1","type":"` + eventType + `","data":{"object":` + object + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func TestSessionsWithMissingFieldsAreRead(t *testing.T) {
	t.Parallel()
	full := decode(t, "checkout.session.completed",
		`{"id":"cs_1","object":"checkout.session","payment_intent":{"id":"pi_9","amount":1},
		"customer":{"id":"cus_1"},"amount_total":2999.0,"metadata":{"n":5,"s":"x","null":null},
		"client_reference_id":"r","new_field":[1,{}]}`)
	s, err := stripe.CheckoutSession(full)
	if err != nil || s.PaymentIntentID != "pi_9" || s.CustomerID != "cus_1" || s.AmountTotal != 2999 ||
		s.Metadata["n"] != "5" ||
		s.Metadata["s"] != "x" || s.ClientReferenceID != "r" || s.Mode != stripe.ModePayment {
		t.Fatalf("%+v, %v", s, err)
	}
	bare, err := stripe.CheckoutSession(decode(t, "x",
		`{"id":"cs_1","payment_intent":null,"amount_total":null,"metadata":null}`))
	if err != nil || bare.PaymentIntentID != "" || bare.AmountTotal != 0 || bare.Metadata != nil ||
		!bare.ExpiresAt.IsZero() {
		t.Fatalf("%+v, %v", bare, err)
	}
	for _, amount := range []string{
		"29.99", `"2999"`, "1e30", "true", "{}", "9007199254740993.5", "99999999999999999999",
	} {
		s, err := stripe.CheckoutSession(decode(t, "x", `{"id":"cs_1","amount_total":`+amount+`}`))
		if !errors.Is(err, stripe.ErrMalformed) {
			t.Errorf("amount %s was read as %d, %v", amount, s.AmountTotal, err)
		}
	}
	for _, object := range []string{`{"id":"ch_1","object":"charge"}`, `{}`, `null`, `[]`, `"cs_1"`} {
		if s, err := stripe.CheckoutSession(decode(t, "x", object)); err == nil {
			t.Errorf("%s was read as %+v", object, s)
		}
	}
}

func TestRefundedChargesNameTheirRefundsWhenListed(t *testing.T) {
	t.Parallel()
	r, err := stripe.ChargeRefund(decode(t, "charge.refunded",
		`{"id":"ch_1","object":"charge","payment_intent":{"id":"pi_1"},"amount":2000,
		"amount_refunded":700,"currency":"gbp","refunds":{"data":[
		{"id":"re_1","reason":null,"created":5},{"reason":"nameless"},
		{"id":"re_2","amount":500,"status":"pending","reason":"duplicate","created":9}]}}`))
	want := []stripe.Refund{
		{ID: "re_1", Status: stripe.RefundSucceeded, Created: time.Unix(5, 0).UTC()},
		{
			ID:          "re_2",
			AmountCents: 500,
			Status:      stripe.RefundPending,
			Reason:      "duplicate",
			Created:     time.Unix(9, 0).UTC(),
		},
	}
	if err != nil || r.PaymentIntentID != "pi_1" || r.RefundedCents != 700 || r.AmountCents != 2000 ||
		!slices.Equal(r.Refunds, want) {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = stripe.ChargeRefund(decode(t, "charge.refunded",
		`{"id":"ch_1","payment_intent":"pi_1","amount":2000,"amount_refunded":2000,"refunds":null}`))
	if err != nil || r.PaymentIntentID != "pi_1" || len(r.Refunds) != 0 || r.RefundedCents != 2000 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := stripe.ChargeRefund(decode(t, "x", `{"id":"ch_1","amount":-1}`)); !errors.Is(err, stripe.ErrMalformed) {
		t.Fatalf("a negative amount: %+v, %v", r, err)
	}
	_, err = stripe.ChargeRefund(decode(t, "x", `{"id":"re_1","object":"refund"}`))
	if !errors.Is(err, stripe.ErrOtherObject) {
		t.Fatalf("a refund object: %v", err)
	}
}

func TestSingleRefundsAreRead(t *testing.T) {
	t.Parallel()
	r, err := stripe.SingleRefund(decode(t, "refund.failed",
		`{"id":"re_1","object":"refund","charge":{"id":"ch_1"},"payment_intent":"pi_1","status":"failed",
		"reason":"requested_by_customer","amount":5,"currency":"gbp","created":7,"failure_reason":"unknown"}`))
	want := stripe.Refund{
		ID:              "re_1",
		PaymentIntentID: "pi_1",
		ChargeID:        "ch_1",
		AmountCents:     5,
		Currency:        "gbp",
		Status:          stripe.RefundFailed,
		Reason:          stripe.ReasonByRequest,
		Created:         time.Unix(7, 0).UTC(),
	}
	if err != nil || r != want {
		t.Fatalf("%+v, %v", r, err)
	}
	for object, want := range map[string]error{
		`{"object":"refund","amount":1}`:              stripe.ErrMalformed,
		`{"id":"re_1","object":"refund","amount":-1}`: stripe.ErrMalformed,
		`{"id":"ch_1","object":"charge"}`:             stripe.ErrOtherObject,
	} {
		if _, err := stripe.SingleRefund(decode(t, "refund.created", object)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", object, err, want)
		}
	}
}

func TestDisputesWithMissingFieldsAreRead(t *testing.T) {
	t.Parallel()
	d, err := stripe.Dispute(decode(t, "charge.dispute.created",
		`{"id":"dp_1","object":"dispute","charge":{"id":"ch_1"},"payment_intent":"pi_1","status":"lost",
		"reason":"general","amount":5,"currency":"gbp"}`))
	want := stripe.DisputedCharge{
		ID:              "dp_1",
		PaymentIntentID: "pi_1",
		ChargeID:        "ch_1",
		Status:          "lost",
		Reason:          "general",
		AmountCents:     5,
		Currency:        "gbp",
	}
	if err != nil || d != want {
		t.Fatalf("%+v, %v", d, err)
	}
	if d, err := stripe.Dispute(decode(t, "x", `{"id":"dp_1","charge":7,"payment_intent":null}`)); err != nil ||
		d.ChargeID != "" {
		t.Fatalf("%+v, %v", d, err)
	}
}

func FuzzSignatureHeader(f *testing.F) {
	good := signed(completed, "s", noon)
	for _, seed := range []string{
		good, "", "t=", "t=1", "v1=", ",", "=", "t=1,v1=", good + "," + good, "v0=00,t=1",
		strings.Repeat("v1=0,", 50), "t=99999999999999999999,v1=00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		_, err := stripe.VerifyWebhook([]byte(completed), header, []string{"s"}, noon)
		// Whatever passes must contain a MAC that only the secret's owner can make, for a time near noon.
		if err != nil {
			return
		}
		for at := noon.Add(-stripe.Tolerance); !at.After(noon.Add(stripe.Tolerance)); at = at.Add(time.Second) {
			if strings.Contains(strings.ToLower(header), mac(completed, "s", at)) {
				return
			}
		}
		t.Fatalf("accepted %q", header)
	})
}

func FuzzEventDecode(f *testing.F) {
	for _, seed := range []string{
		completed, `{}`, `null`, `{"id":"e","type":"t"}`, `{"id":"e","type":"t","data":{"object":{"id":"x","amount":1e-9}}}`,
		`{"id":"e","type":"t","created":1e999,"data":null}`,
		`{"id":"e","type":"t","data":{"object":{"payment_intent":{"id":{"id":1}},"metadata":[1]}}}`,
		strings.Repeat("[", 40), "\xff",
		`{"id":"e","type":"t","data":{"object":{"refunds":{"data":[null,{}]},"amount":9007199254740993}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		event, err := stripe.DecodeEvent(payload)
		if err != nil {
			return
		}
		if event.ID == "" || event.Type == "" || !bytes.Equal(event.Raw, payload) {
			t.Fatalf("%+v", event)
		}
		if s, err := stripe.CheckoutSession(event); err == nil && s.ID == "" {
			t.Fatal("a session without an id")
		}
		if r, err := stripe.ChargeRefund(event); err == nil && (r.AmountCents < 0 || r.RefundedCents < 0) {
			t.Fatal("a negative amount")
		}
		if d, err := stripe.Dispute(event); err == nil && d.ID == "" {
			t.Fatal("a dispute without an id")
		}
	})
}
