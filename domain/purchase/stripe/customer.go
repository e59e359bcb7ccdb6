package stripe

import (
	"context"
	"errors"
	"net/url"

	stripego "github.com/stripe/stripe-go/v76"
	portal "github.com/stripe/stripe-go/v76/billingportal/session"
	"github.com/stripe/stripe-go/v76/customer"
)

// CreateCustomer creates the Stripe customer that a user's checkouts share and returns its
// id. userID goes into the metadata under "codex_user_id".
func (c *Client) CreateCustomer(ctx context.Context, email, userID, idempotencyKey string) (string, error) {
	const op = "create customer"
	if err := requireKey(op, idempotencyKey); err != nil {
		return "", err
	}
	params := &stripego.CustomerParams{
		Email:    optional(email),
		Metadata: map[string]string{"codex_user_id": userID},
	}
	params.Context = ctx
	params.IdempotencyKey = &idempotencyKey
	created, err := customer.Client{B: c.backend, Key: c.key}.New(params)
	if err != nil {
		return "", classify(op, err)
	}
	return created.ID, nil
}

// DeleteCustomer deletes a customer: address, name and cards; payments are kept. A customer
// that does not exist, or was deleted before, is ErrNotFound.
func (c *Client) DeleteCustomer(ctx context.Context, customerID string) error {
	const op = "delete customer"
	if customerID == "" {
		return &Error{Kind: ErrRejected, Op: op, Message: "customer id is empty"}
	}
	params := &stripego.CustomerParams{}
	params.Context = ctx
	_, err := customer.Client{B: c.backend, Key: c.key}.Del(customerID, params)
	var lost *url.Error
	if errors.As(err, &lost) {
		err = lost.Err // without the URL, which contains the id
	}
	return classify(op, err)
}

// PortalURL opens a session of Stripe's billing portal, where a customer finds receipts
// and cards, and returns its URL. A deleted customer is ErrNotFound.
func (c *Client) PortalURL(ctx context.Context, customerID, returnURL, idempotencyKey string) (string, error) {
	const op = "open billing portal"
	if err := requireKey(op, idempotencyKey); err != nil {
		return "", err
	}
	params := &stripego.BillingPortalSessionParams{Customer: &customerID, ReturnURL: &returnURL}
	params.Context = ctx
	params.IdempotencyKey = &idempotencyKey
	opened, err := portal.Client{B: c.backend, Key: c.key}.New(params)
	if err != nil {
		return "", classify(op, err)
	}
	return opened.URL, nil
}
