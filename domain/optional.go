package domain

import "encoding/json"

// Optional is a field of a partial update: absent, null or a value.
type Optional[T any] struct {
	// Set says that the field was there; a nil Value then means null.
	Set   bool
	Value *T
}

// IsZero reports whether the field was absent.
func (o Optional[T]) IsZero() bool { return !o.Set }

// Inner returns what there is to check, nil for an absent field and for null.
func (o Optional[T]) Inner() any {
	if o.Value == nil {
		return nil
	}
	return *o.Value
}

// MarshalJSON implements json.Marshaler.
func (o Optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.Value) }

// UnmarshalJSON implements json.Unmarshaler.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	o.Set = true
	return json.Unmarshal(data, &o.Value)
}

// NilIfZero returns nil for the zero value: what is empty here is null to clients.
func NilIfZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// OrZero returns the value that p points to, the zero value for nil.
func OrZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
