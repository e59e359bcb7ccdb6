package svg

// references count the elements that a browser draws for a document: an element is drawn once
// more for every use, with everything that it uses itself. Twenty elements that each use the one
// before twice are a million.
type references struct {
	// ids are those of the elements around the current token, "" for an element without one.
	ids []string
	// weight is the number of elements in the element with an id, itself included; inside are the
	// ids that they refer to. The id "" is the whole document.
	weight map[string]int
	inside map[string][]string
}

func (r *references) enter(id string) {
	if r.weight == nil {
		r.weight, r.inside = map[string]int{}, map[string][]string{}
	}
	r.ids = append(r.ids, id)
	r.weight[""]++
	for _, around := range r.ids {
		if around != "" {
			r.weight[around]++
		}
	}
}

func (r *references) leave() { r.ids = r.ids[:len(r.ids)-1] }

// refer records the references of an attribute or a style sheet.
func (r *references) refer(name, value string) {
	var targets []string
	if name == "href" {
		targets = append(targets, value[1:])
	}
	for _, match := range localURL.FindAllStringSubmatch(value, -1) {
		targets = append(targets, match[2])
	}
	for _, target := range targets {
		r.inside[""] = append(r.inside[""], target)
		for _, around := range r.ids {
			if around != "" {
				r.inside[around] = append(r.inside[around], target)
			}
		}
	}
}

// drawn returns how many elements are drawn at most: more than maxDrawn when an element uses
// itself.
func (r *references) drawn() int {
	return r.cost("", map[string]int{})
}

const visiting = -1

func (r *references) cost(id string, known map[string]int) int {
	if cost, ok := known[id]; ok {
		if cost == visiting {
			return maxDrawn + 1
		}
		return cost
	}
	known[id] = visiting
	cost := r.weight[id]
	for _, target := range r.inside[id] {
		if cost += r.cost(target, known); cost > maxDrawn {
			cost = maxDrawn + 1
			break
		}
	}
	known[id] = cost
	return cost
}
