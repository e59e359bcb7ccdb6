package stripe

import (
	"net/http"
	"strings"
)

func createCustomer(t *tx, r *request) (any, error) {
	c := customer{
		ID:       newID("cus_", 14),
		Email:    r.limited("email", 512),
		Name:     r.limited("name", 256),
		Created:  t.stamp,
		Metadata: r.metadata("metadata"),
	}
	r.ignore("description", "phone", "address", "shipping", "preferred_locales")
	if err := r.done(); err != nil {
		return nil, err
	}
	if err := put(t, t.customers, c.ID, c); err != nil {
		return nil, err
	}
	return t.showCustomer(c), t.emit("customer.created", t.showCustomer(c), nil, "")
}

func retrieveCustomer(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	c, known := t.customers.get(r.target())
	switch {
	case !known:
		return nil, unknown(http.StatusNotFound, "customer", r.target(), "id")
	case c.Deleted:
		return deletedCustomer(c.ID), nil
	}
	return t.showCustomer(c), nil
}

func deleteCustomer(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	c, known := t.liveCustomer(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "customer", r.target(), "id")
	}
	if err := put(t, t.customers, c.ID, customer{ID: c.ID, Created: c.Created, Deleted: true}); err != nil {
		return nil, err
	}
	return deletedCustomer(c.ID), t.emit("customer.deleted", t.showCustomer(c), nil, "")
}

func deletedCustomer(id string) obj { return obj{"id": id, "object": "customer", "deleted": true} }

// liveCustomer returns a customer that was not deleted.
func (t *tx) liveCustomer(id string) (customer, bool) {
	c, known := t.customers.get(id)
	return c, known && !c.Deleted
}

func createPortal(t *tx, r *request) (any, error) {
	p := portal{
		ID:        newID("bps_1", 23),
		Customer:  r.required("customer"),
		ReturnURL: r.text("return_url"),
		Created:   t.stamp,
	}
	r.checkURL("return_url", p.ReturnURL)
	r.ignore("configuration", "locale", "flow_data", "on_behalf_of")
	if _, known := t.liveCustomer(p.Customer); !known && p.Customer != "" {
		r.fail(unknown(http.StatusBadRequest, "customer", p.Customer, "customer"))
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	if err := put(t, t.portals, p.ID, p); err != nil {
		return nil, err
	}
	return obj{
		"id": p.ID, "object": "billing_portal.session", "configuration": "bpc_sandbox", "created": p.Created,
		"customer": p.Customer, "flow": nil, "livemode": false, "locale": nil, "on_behalf_of": nil,
		"return_url": named(p.ReturnURL), "url": t.server.PublicURL() + "/p/session/" + p.ID,
	}, nil
}

func createProduct(t *tx, r *request) (any, error) {
	p := product{
		ID:          newID("prod_", 14),
		Name:        r.required("name"),
		Description: r.text("description"),
		Created:     t.stamp,
		Metadata:    r.metadata("metadata"),
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	if err := put(t, t.products, p.ID, p); err != nil {
		return nil, err
	}
	return obj{
		"id": p.ID, "object": "product", "active": true, "created": p.Created, "default_price": nil,
		"description": named(p.Description), "features": []any{}, "images": []any{}, "livemode": false,
		"metadata": labelled(p.Metadata), "name": p.Name, "type": "service", "updated": p.Created,
	}, nil
}

func createPrice(t *tx, r *request) (any, error) {
	p := price{
		ID:       newID("price_1", 23),
		Product:  r.required("product"),
		Currency: strings.ToLower(r.required("currency")),
		Amount:   r.integer("unit_amount", -1),
		Created:  t.stamp,
		Metadata: r.metadata("metadata"),
	}
	if _, known := t.products.get(p.Product); !known && p.Product != "" {
		r.fail(unknown(http.StatusBadRequest, "product", p.Product, "product"))
	}
	if p.Amount < 0 {
		r.fail(invalid("unit_amount", "Invalid non-negative integer"))
	}
	if !isCurrency(p.Currency) {
		r.fail(invalid("currency", "Invalid currency: "+p.Currency))
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	if err := put(t, t.prices, p.ID, p); err != nil {
		return nil, err
	}
	return obj{
		"id": p.ID, "object": "price", "active": true, "billing_scheme": "per_unit", "created": p.Created,
		"currency": p.Currency, "livemode": false, "metadata": labelled(p.Metadata), "product": p.Product,
		"recurring": nil, "type": "one_time", "unit_amount": p.Amount,
	}, nil
}
