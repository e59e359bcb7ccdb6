package stripe

import (
	"crypto/rand"
	"encoding/json"
)

// The rows of the sandbox. Amounts are in the currency's smallest unit, times in unix
// seconds. Their form in the API is in render.go.

type customer struct {
	ID, Email, Name string
	Created         int64
	Metadata        map[string]string
	Deleted         bool `json:",omitempty"` // only the id is left
}

type portal struct {
	ID, Customer, ReturnURL string
	Created                 int64
}

type product struct {
	ID, Name, Description string
	Created               int64
	Metadata              map[string]string
}

type price struct {
	ID, Product, Currency string
	Amount, Created       int64
	Metadata              map[string]string
}

type lineItem struct {
	ID, Name, Description string
	Price, Product        string
	Amount, Quantity      int64
}

type session struct {
	ID                    string
	Created, ExpiresAt    int64
	Status, PaymentStatus string // open, complete, expired; unpaid, paid
	Settling              bool   `json:",omitempty"` // complete, and the bank has not paid yet
	Amount                int64
	Currency              string
	Lines                 []lineItem
	Customer, Email       string
	Reference             string // client_reference_id
	Metadata              map[string]string
	SuccessURL, CancelURL string
	Intent                string
	IntentMetadata        map[string]string
	IntentDescription     string
	TransferGroup         string
	MethodTypes           []string
	Locale, SubmitType    string
	Declined              bool // the last attempt was declined; shown on the page
}

type intent struct {
	ID, Secret       string
	Created, Amount  int64
	Currency, Status string
	Customer         string
	Description      string
	Metadata         map[string]string
	TransferGroup    string
	LatestCharge     string
	Session          string
	Declined         bool
}

type charge struct {
	ID, Intent, Customer     string
	Created, Amount          int64
	Currency, Email          string
	Description              string
	Paid, Disputed           bool
	Pending                  bool   `json:",omitempty"` // the bank has not answered yet
	Method                   string `json:",omitempty"` // card when empty
	RefundedAmount           int64
	Transferred              int64 // by transfers with this source, less their reversals
	Refunds                  []string
	Dispute                  string
	Metadata                 map[string]string
	TransferGroup            string
	Transaction              string // balance transaction
	FailureCode, DeclineCode string
}

type refund struct {
	ID, Charge, Intent string
	Created, Amount    int64
	Currency, Reason   string
	Status             string
	Transaction        string
	Metadata           map[string]string
}

type dispute struct {
	ID, Charge, Intent string
	Created, Amount    int64
	Currency, Reason   string
	Status             string // see openDispute
}

type account struct {
	ID, Type, Country, Email string
	Created                  int64
	Active, Submitted        bool
	Restricted               bool
	Deauthorized             bool
	Metadata                 map[string]string
	Capabilities             []string
}

type accountLink struct {
	ID, Account, ReturnURL string
	Created, ExpiresAt     int64
}

type transfer struct {
	ID, Destination, Source string
	Created, Amount         int64
	Reversed                int64
	Currency, Group         string
	Description             string
	Reversals               []string
	Metadata                map[string]string
	Payment, Transaction    string
}

type reversal struct {
	ID, Transfer    string
	Created, Amount int64
	Currency        string
	Metadata        map[string]string
	Transaction     string
}

type event struct {
	ID, Type, Account string
	Created           int64
	Object            json.RawMessage
	Previous          json.RawMessage `json:",omitempty"`
	RequestID, Key    string
	Endpoints         []string // names of those that get it
}

// The states of a delivery.
const (
	statusPending   = "pending"
	statusDelivered = "delivered"
	statusFailed    = "failed"  // given up
	statusDropped   = "dropped" // by a fault
)

type delivery struct {
	ID       string `json:"id"`
	Event    string `json:"event"`
	Type     string `json:"type"`
	Endpoint string `json:"endpoint"`
	Status   string `json:"status"`
	Attempts int    `json:"attempts"`
	// LastStatus is the HTTP status of the last attempt, 0 without a response.
	LastStatus int    `json:"last_status"`
	LastError  string `json:"last_error,omitempty"`
	// NextMS is when the next attempt is due, unix milliseconds.
	NextMS  int64 `json:"next_ms"`
	Created int64 `json:"created"`
}

// answer is the response under an idempotency key.
type answer struct {
	Fingerprint string // of method, path and parameters
	Status      int
	Body        json.RawMessage
	RequestID   string
	Created     int64
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newID returns an id in Stripe's form: a prefix and random letters and digits.
func newID(prefix string, length int) string {
	out := make([]byte, 0, len(prefix)+length)
	out = append(out, prefix...)
	buf := make([]byte, length)
	for len(out) < cap(out) {
		rand.Read(buf) // never fails, by its documentation
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte; above it the distribution would be uneven.
			if b < 248 && len(out) < cap(out) {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}
