package stripe

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// emit stores an event and its deliveries to all subscribed endpoints, in the transaction
// that caused it.
func (t *tx) emit(eventType string, object, previous obj, accountID string) error {
	e := event{
		ID:      newID("evt_1", 23),
		Type:    eventType,
		Account: accountID,
		Created: t.stamp,
	}
	var err error
	if e.Object, err = json.Marshal(object); err != nil {
		return err
	}
	if previous != nil {
		if e.Previous, err = json.Marshal(previous); err != nil {
			return err
		}
	}
	if t.req != nil {
		e.RequestID, e.Key = t.req.id, t.req.key
	}
	for _, c := range t.server.senders {
		if c.endpoint.wants(eventType) {
			e.Endpoints = append(e.Endpoints, c.endpoint.Name)
		}
	}
	if err := put(t, t.events, e.ID, e); err != nil {
		return err
	}
	for _, c := range t.server.senders {
		if !slices.Contains(e.Endpoints, c.endpoint.Name) {
			continue
		}
		d := c.newDelivery(e)
		if err := put(t, t.deliveries, d.ID, d); err != nil {
			return err
		}
		if d.Status == statusPending {
			t.after = append(t.after, func() { c.schedule(d.ID, d.NextMS) })
		}
	}
	return nil
}

func retrieveEvent(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	e, known := t.events.get(r.target())
	if !known || e.Created <= t.stamp-eventRetention {
		return nil, unknown(http.StatusNotFound, "event", r.target(), "id")
	}
	return t.showEvent(e, apiVersion), nil
}

func listEvents(t *tx, r *request) (any, error) {
	within, success := r.created(), r.text("delivery_success")
	types := r.list("types")
	if one := r.text("type"); one != "" {
		types = append(types, one)
	}
	if len(types) > 20 {
		r.fail(invalid("types", "You may pass up to 20 event types."))
	}
	if success != "" && success != "true" && success != "false" {
		r.fail(invalid("delivery_success", "Invalid boolean: "+success))
	}
	within.from = max(within.from, t.stamp-eventRetention+1)
	return page(r, t.events, func(e event) bool {
		return within.holds(e.Created) && ofType(e.Type, types) &&
			(success == "" || t.delivered(e) == (success == "true"))
	}, func(e event) any { return t.showEvent(e, apiVersion) })
}

// ofType matches names and patterns such as "charge.*".
func ofType(eventType string, types []string) bool {
	if len(types) == 0 {
		return true
	}
	return slices.ContainsFunc(types, func(want string) bool {
		prefix, pattern := strings.CutSuffix(want, "*")
		return want == eventType || (pattern && strings.HasPrefix(eventType, prefix))
	})
}

// delivered reports whether all endpoints of the event have accepted it.
func (t *tx) delivered(e event) bool {
	for _, name := range e.Endpoints {
		if t.deliveries.rows[deliveryID(e.ID, name)].Status != statusDelivered {
			return false
		}
	}
	return true
}
