package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/rfc6455/ws/autobahn/internal/cases"
)

// Result is one agent's outcome in one case, as index.json holds it.
type Result struct {
	Behavior        string `json:"behavior"`
	BehaviorClose   string `json:"behaviorClose"`
	Duration        int64  `json:"duration"`        // milliseconds
	RemoteCloseCode *int   `json:"remoteCloseCode"` // nil: no Close frame with a status code came
	ReportFile      string `json:"reportfile"`
}

// Index is the content of a report's index.json: results by agent, then by case
// identifier.
type Index map[string]map[string]Result

// ReadIndex reads an index.json that this suite or the genuine one has written.
func ReadIndex(path string) (Index, error) {
	var x Index
	if err := readJSON(path, &x); err != nil {
		return nil, err
	}
	return x, nil
}

// Expectations says which results are expected of an implementation: Behavior and
// BehaviorClose are those of every case that is not among the exceptions.
type Expectations struct {
	Behavior      string      `json:"behavior"`
	BehaviorClose string      `json:"behaviorClose"`
	Exceptions    []Exception `json:"exceptions"`
}

// Exception is the expected result of one case, with the reason why it differs.
type Exception struct {
	Case          string `json:"case"`
	Behavior      string `json:"behavior"`
	BehaviorClose string `json:"behaviorClose"`
	Reason        string `json:"reason"`
}

// ReadExpectations reads an expectations file. It returns an error if an exception has no
// reason, or is for a case that does not exist.
func ReadExpectations(path string) (*Expectations, error) {
	e := new(Expectations)
	if err := readJSON(path, e); err != nil {
		return nil, err
	}
	ids := cases.SuiteIDs()
	for _, x := range e.Exceptions {
		if x.Reason == "" {
			return nil, fmt.Errorf("websocket: %s: case %s needs a reason", path, x.Case)
		}
		if !slices.Contains(ids, x.Case) {
			return nil, fmt.Errorf("websocket: %s: there is no case %s", path, x.Case)
		}
	}
	return e, nil
}

// Check compares results with what is expected of the cases in ids. It returns one line for
// each result that differs, for the better or for the worse, that is missing, or that nobody
// asked for. No lines: all is as expected.
func (e *Expectations) Check(ids []string, got map[string]Result) []string {
	var diff []string
	for _, id := range ids {
		r, ok := got[id]
		if !ok {
			diff = append(diff, fmt.Sprintf("%s: no result", id))
			continue
		}
		behavior, behaviorClose := e.of(id)
		if r.Behavior != behavior || r.BehaviorClose != behaviorClose {
			diff = append(diff, fmt.Sprintf("%s: %s, close %s; expected %s, close %s",
				id, r.Behavior, r.BehaviorClose, behavior, behaviorClose))
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(got), cases.Compare) {
		if !slices.Contains(ids, id) {
			diff = append(diff, fmt.Sprintf("%s: a result that was not asked for", id))
		}
	}
	return diff
}

// of returns what is expected of one case.
func (e *Expectations) of(id string) (behavior, behaviorClose string) {
	for _, x := range e.Exceptions {
		if x.Case == id {
			return x.Behavior, x.BehaviorClose
		}
	}
	return e.Behavior, e.BehaviorClose
}

// readJSON reads a JSON file.
func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("websocket: %s: %w", path, err)
	}
	return nil
}
