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
