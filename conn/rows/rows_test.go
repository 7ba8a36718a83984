package rows

import (
	"testing"

	"github.com/rfc6455/ws/frame"
)

// requirements is what TestRequirements runs: for each row of
// docs/requirements.md the tests that show it, by the role, and in the opening
// handshake of a server the door, that they show it for.
//
// The path of a subtest is TestRequirements/ID/server or .../client, with
// /Upgrade or /UpgradeNet behind "server" if the row has two doors; make
// requirements looks for these.
type requirements struct {
	ids   []string
	rows  map[string][]string // ID: its paths, in the order in which they came
	tests map[string][]showing
}

// showing is one test of a row. Its name tells it from others of the same
// path; it may be empty if there are none.
type showing struct {
	name string
	run  func(*testing.T)
}

// TestRequirements shows over connections what docs/requirements.md asks for,
// one row after the other.
func TestRequirements(t *testing.T) {
	q := &requirements{rows: map[string][]string{}, tests: map[string][]showing{}}
	for _, add := range []func(*requirements){
		frameRows, receivingRows, sendingRows, closingRows, failingRows, timeRows,
		acceptTable, acceptRows, dialTable, requestRows, responseRows, wayRows,
		deflateReceiving, deflateSending, deflateDoors, deflateDialing,
		h2Rows,
	} {
		add(q)
	}
	for _, id := range q.ids {
		t.Run(id, func(t *testing.T) {
			for _, path := range q.rows[id] {
				t.Run(path, func(t *testing.T) { q.run(t, id+"/"+path) })
			}
		})
	}
}

// run runs the tests of one path.
func (q *requirements) run(t *testing.T, path string) {
	for _, s := range q.tests[path] {
		if s.name == "" {
			s.run(t)
		} else {
			t.Run(s.name, s.run)
		}
	}
}

// add enters one test.
func (q *requirements) add(id, path string, s showing) {
	if q.rows[id] == nil {
		q.ids = append(q.ids, id)
	}
	key := id + "/" + path
	if q.tests[key] == nil {
		q.rows[id] = append(q.rows[id], path)
	}
	q.tests[key] = append(q.tests[key], s)
}

// server enters a test of a server that needs no door.
func (q *requirements) server(id, name string, run func(*testing.T)) {
	q.add(id, "server", showing{name, run})
}

// client enters a test of a client.
func (q *requirements) client(id, name string, run func(*testing.T)) {
	q.add(id, "client", showing{name, run})
}

// both enters a test that is run in each role.
func (q *requirements) both(id, name string, run func(*testing.T, frame.Role)) {
	q.server(id, name, func(t *testing.T) { run(t, frame.Server) })
	q.client(id, name, func(t *testing.T) { run(t, frame.Client) })
}

// doors enters a test that is run through both of a server's doors.
func (q *requirements) doors(id, name string, run func(*testing.T, door)) {
	for _, d := range doors {
		q.add(id, "server/"+d.name, showing{name, func(t *testing.T) { run(t, d) }})
	}
}

// links enters a test of a connection in a bubble, in each role.
func (q *requirements) links(id, name string, run func(*link)) {
	q.both(id, name, inLink(run))
}
