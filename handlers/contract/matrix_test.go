package contract_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// row is one line of the matrix: the status that each actor gets for an operation in
// one state.
type row struct {
	operation, state string
	verdicts         map[string]int // by actor
}

// readMatrix reads testdata/matrix.txt: columns are separated by two spaces or more in
// front, where names have single ones, and by any number among the verdicts.
func readMatrix(t *testing.T) []row {
	t.Helper()
	text := handlertest.Must(os.ReadFile("testdata/matrix.txt"))(t)
	var rows []row
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "operation ") {
			continue
		}
		words := strings.Fields(line)
		split := len(words) - len(actors)
		if split < 2 {
			t.Fatalf("line %d has not a verdict for each of %d actors", n+1, len(actors))
		}
		r := row{operation: words[0], state: strings.Join(words[1:split], " "), verdicts: map[string]int{}}
		for i, word := range words[split:] {
			r.verdicts[actors[i]] = handlertest.Must(strconv.Atoi(word))(t)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestEveryActorGetsTheResponseOfTheMatrix(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	rows, judged := readMatrix(t), map[string]bool{}
	t.Run("cells", func(t *testing.T) {
		for _, r := range rows {
			judged[r.operation] = true
			o, known := d.operations[r.operation]
			if !known {
				t.Errorf("%s is in the matrix and not in the description", r.operation)
				continue
			}
			t.Run(r.operation+", "+r.state, func(t *testing.T) {
				t.Parallel()
				w := w.in(t)
				for _, actor := range actors {
					if a := w.replay(o, actor, r.state); a.Status != r.verdicts[actor] {
						t.Errorf("%s got %d instead of %d: %.300s", actor, a.Status, r.verdicts[actor], a.Body)
					}
				}
			})
		}
	})
	for _, name := range d.names() {
		if !judged[name] {
			t.Errorf("%s is in the description and not in the matrix", name)
		}
	}
	t.Logf("%d operations, %d rows, %d cells", len(judged), len(rows), len(rows)*len(actors))
}
