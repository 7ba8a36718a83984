package autobahn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rfc6455/ws/frame"
)

// Outcome is one agent's result in one case, with all that was observed.
type Outcome struct {
	Case  *Case
	Agent string

	number   int  // of the case, as the report has it
	server   bool // the tester was the server
	verdict  verdict
	rec      record
	received []event
}

// Result returns the outcome as index.json has it.
func (o *Outcome) Result() Result {
	return Result{
		Behavior: o.verdict.Behavior, BehaviorClose: o.verdict.BehaviorClose,
		Duration: o.rec.duration().Milliseconds(), RemoteCloseCode: o.rec.RemoteCloseCode,
		ReportFile: o.file("json"),
	}
}

// Passed reports whether neither the behaviour nor the end of the connection is
// wrong: OK, NON-STRICT or INFORMATIONAL, and a close that is OK or INFORMATIONAL.
func (o *Outcome) Passed() bool {
	v := o.verdict
	return (v.Behavior == OK || v.Behavior == NonStrict || v.Behavior == Informational) &&
		(v.BehaviorClose == OK || v.BehaviorClose == Informational)
}

// String returns the outcome in a line, with the reasons if it has not passed.
func (o *Outcome) String() string {
	s := fmt.Sprintf("%s %s, close %s", o.Case.ID, o.verdict.Behavior, o.verdict.BehaviorClose)
	if o.Passed() {
		return s
	}
	s += ": " + o.verdict.Result + " " + o.verdict.ResultClose
	if why := o.rec.WasNotCleanReason; why != nil {
		s += "; " + *why
	}
	return s
}

func (r *record) duration() time.Duration {
	if r.opened.IsZero() || r.ended.IsZero() {
		return 0
	}
	return r.ended.Sub(r.opened)
}

// file returns the name of the outcome's report.
func (o *Outcome) file(ext string) string {
	return cleanName(o.Agent) + "_case_" + strings.ReplaceAll(o.Case.ID, ".", "_") + "." + ext
}

// cleanName makes a part of a file name of an agent's name.
func cleanName(agent string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return ' '
	}, strings.ToLower(agent))
	return strings.ReplaceAll(strings.TrimSpace(s), " ", "_")
}

// Report collects outcomes. The zero value is empty. All methods are safe for
// concurrent use.
type Report struct {
	mu       sync.Mutex
	outcomes map[string]map[string]*Outcome // by agent and case
	waiting  map[[2]string][]chan *Outcome
}

// Add adds an outcome. It replaces an earlier one of the same agent and case.
func (r *Report) Add(o *Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outcomes == nil {
		r.outcomes = make(map[string]map[string]*Outcome)
	}
	if r.outcomes[o.Agent] == nil {
		r.outcomes[o.Agent] = make(map[string]*Outcome)
	}
	r.outcomes[o.Agent][o.Case.ID] = o
	key := [2]string{o.Agent, o.Case.ID}
	for _, c := range r.waiting[key] {
		c <- o
	}
	delete(r.waiting, key)
}

// await returns a channel on which the outcome comes, now or when it is there.
func (r *Report) await(agent, id string) <-chan *Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(chan *Outcome, 1)
	if o := r.outcomes[agent][id]; o != nil {
		c <- o
		return c
	}
	if r.waiting == nil {
		r.waiting = make(map[[2]string][]chan *Outcome)
	}
	key := [2]string{agent, id}
	r.waiting[key] = append(r.waiting[key], c)
	return c
}

// Index returns the results of all agents.
func (r *Report) Index() Index {
	x := make(Index)
	for _, o := range r.all() {
		if x[o.Agent] == nil {
			x[o.Agent] = make(map[string]Result)
		}
		x[o.Agent][o.Case.ID] = o.Result()
	}
	return x
}

// Failures returns the outcomes that have not passed, by agent and case.
func (r *Report) Failures() []*Outcome {
	return slices.DeleteFunc(r.all(), (*Outcome).Passed)
}

// all returns the outcomes, by agent and case.
func (r *Report) all() []*Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Outcome
	for _, agent := range slices.Sorted(maps.Keys(r.outcomes)) {
		for _, id := range slices.SortedFunc(maps.Keys(r.outcomes[agent]), Compare) {
			list = append(list, r.outcomes[agent][id])
		}
	}
	return list
}

// Write writes the report to a folder, which it makes if need be: index.json and a
// JSON file for each agent and case in the form of the Autobahn|Testsuite, the same
// as HTML pages beginning with index.html, and junit.xml.
func (r *Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("websocket: cannot write the report: %w", err)
	}
	put := func(name string, content []byte, err error) error {
		if err != nil {
			return fmt.Errorf("websocket: cannot write %s: %w", name, err)
		}
		return os.WriteFile(filepath.Join(dir, name), content, 0o644)
	}
	index, err := marshal(r.Index())
	errs := []error{put("index.json", index, err)}
	outcomes := r.all()
	page, err := indexPage(outcomes)
	errs = append(errs, put("index.html", page, err))
	junit, err := junitXML(outcomes)
	errs = append(errs, put("junit.xml", junit, err))
	for _, o := range outcomes {
		detail, err := marshal(o.detail())
		errs = append(errs, put(o.file("json"), detail, err))
		page, err := casePage(o)
		errs = append(errs, put(o.file("html"), page, err))
	}
	return errors.Join(errs...)
}

// marshal returns v as JSON, indented by three like the genuine suite's.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "   ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// detail returns what the JSON file of one case holds.
func (o *Outcome) detail() map[string]any {
	r, c := &o.rec, o.Case
	d := map[string]any{
		"agent": o.Agent, "id": c.ID, "case": o.number,
		"description": c.Description, "expectation": c.Expectation,
		"started":  r.started.UTC().Format("2006-01-02T15:04:05.000Z"),
		"duration": r.duration().Milliseconds(), "reportTime": c.timed, "reportCompressionRatio": c.ratio,
		"behavior": o.verdict.Behavior, "behaviorClose": o.verdict.BehaviorClose,
		"result": o.verdict.Result, "resultClose": o.verdict.ResultClose,
		"expected": c.expected(), "received": eventRows(o.received),
		"expectedClose": c.close.detail(),
		"closedByMe":    r.ClosedByMe, "failedByMe": r.FailedByMe, "droppedByMe": r.DroppedByMe,
		"wasClean": r.WasClean, "wasNotCleanReason": r.WasNotCleanReason,
		"wasServerConnectionDropTimeout": r.WasServerConnectionDropTimeout,
		"wasOpenHandshakeTimeout":        r.WasOpenHandshakeTimeout,
		"wasCloseHandshakeTimeout":       r.WasCloseHandshakeTimeout,
		"localCloseCode":                 r.LocalCloseCode, "localCloseReason": r.LocalCloseReason,
		"remoteCloseCode": r.RemoteCloseCode, "remoteCloseReason": r.RemoteCloseReason,
		"isServer": o.server, "createStats": true,
		"rxOctetStats": r.rxOctets, "txOctetStats": r.txOctets,
		"rxFrameStats": frameCounts(r.rxFrames), "txFrameStats": frameCounts(r.txFrames),
		"httpRequest": r.HTTPRequest, "httpResponse": r.HTTPResponse,
		"trafficStats": nil, "createWirelog": r.enabled, "wirelog": r.rows(),
	}
	if r.Judged {
		d["trafficStats"] = r.Traffic.detail()
	}
	return d
}

func (r *record) rows() [][]any {
	rows := [][]any{}
	for _, e := range r.entries {
		rows = append(rows, e.row)
	}
	return rows
}

// frameCounts makes the keys numbers, which they are in the genuine suite's report.
func frameCounts(m map[frame.Opcode]int) map[int]int {
	counts := make(map[int]int)
	for op, n := range m {
		counts[int(op)] = n
	}
	return counts
}

func (c *Case) expected() map[string][][]any {
	m := make(map[string][][]any)
	if c.ok != nil {
		m[OK] = eventRows(c.ok)
	}
	if c.nonStrict != nil {
		m[NonStrict] = eventRows(c.nonStrict)
	}
	return m
}

func (r closeRule) detail() map[string]any {
	d := map[string]any{"closedByMe": r.byMe, "closeCode": r.codes, "requireClean": r.clean}
	if r.fatal {
		d["closedByWrongEndpointIsFatal"] = true
	}
	return d
}

func eventRows(events []event) [][]any {
	rows := [][]any{}
	for _, e := range events {
		row := []any{e.kind, preview(e.data)}
		if e.kind == "message" {
			row = append(row, e.binary)
		}
		rows = append(rows, row)
	}
	return rows
}

// detail returns the counts under their names in the genuine suite's report.
func (t *traffic) detail() map[string]any {
	d := map[string]any{
		"preopenIncomingOctetsWireLevel": t.PreopenIncomingOctetsWireLevel,
		"preopenOutgoingOctetsWireLevel": t.PreopenOutgoingOctetsWireLevel,
	}
	direction := func(prefix string, wire, packed, plain, frames, messages int) {
		d[prefix+"OctetsWireLevel"], d[prefix+"OctetsWebSocketLevel"], d[prefix+"OctetsAppLevel"] = wire, packed, plain
		d[prefix+"WebSocketFrames"], d[prefix+"WebSocketMessages"] = frames, messages
		d[prefix+"CompressionRatio"], d[prefix+"WebSocketOverhead"] = ratio(packed, plain), ratio(wire-packed, packed)
	}
	direction("incoming", t.IncomingOctetsWireLevel, t.IncomingOctetsWebSocketLevel, t.IncomingOctetsAppLevel,
		t.IncomingWebSocketFrames, t.IncomingWebSocketMessages)
	direction("outgoing", t.OutgoingOctetsWireLevel, t.OutgoingOctetsWebSocketLevel, t.OutgoingOctetsAppLevel,
		t.OutgoingWebSocketFrames, t.OutgoingWebSocketMessages)
	return d
}

// ratio returns a/b, or nil where there is none.
func ratio(a, b int) any {
	if b == 0 {
		return nil
	}
	return float64(a) / float64(b)
}
