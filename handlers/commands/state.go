package commands

// State is what a batch loaded of one kind of aggregate, and what its commands changed of
// it.
type State[K comparable, V any] struct {
	// Rows are the aggregates as the next command finds them. Load fills it.
	Rows map[K]V

	changed map[K]bool
	order   []K
}

// NewState returns an empty state.
func NewState[K comparable, V any]() *State[K, V] {
	return &State[K, V]{Rows: map[K]V{}, changed: map[K]bool{}}
}

// Put makes a row's next state visible to the commands that follow in the batch, and one
// that has to be saved.
func (s *State[K, V]) Put(key K, value V) {
	s.Rows[key] = value
	if !s.changed[key] {
		s.changed[key] = true
		s.order = append(s.order, key)
	}
}

// Changed returns what has to be saved, as it is now, in the order of the first changes.
// Rows that were removed since are left out.
func (s *State[K, V]) Changed() []V {
	values := make([]V, 0, len(s.order))
	for _, key := range s.order {
		if value, ok := s.Rows[key]; ok {
			values = append(values, value)
		}
	}
	return values
}
