package report

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

	"github.com/rfc6455/ws/autobahn/internal/cases"
	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// Outcome is one agent's result in one case, with all that was observed.
type Outcome struct {
	Case  *engine.Case
	Agent string

	number   int  // of the case, as the report has it
	server   bool // the tester was the server
	verdict  engine.Verdict
	rec      engine.Record
	received []engine.Event
}

// NewOutcome returns the outcome of a case whose tester has ended. Number is the place of the
// case among those that are run, from one.
func NewOutcome(c *engine.Case, agent string, number int, t *engine.Tester) *Outcome {
	t.Rec.Deflate = t.Deflate != nil
	return &Outcome{
		Case: c, Agent: agent, number: number, server: t.Server,
		verdict: t.Verdict, rec: t.Rec, received: t.Received,
	}
}

// Result returns the outcome as index.json has it.
func (o *Outcome) Result() Result {
	return Result{
		Behavior: o.verdict.Behavior, BehaviorClose: o.verdict.BehaviorClose,
		Duration: o.rec.Duration().Milliseconds(), RemoteCloseCode: o.rec.RemoteCloseCode,
		ReportFile: FileOf(o, "json"),
	}
}

// Passed reports whether neither the behaviour nor the end of the connection is
// wrong: OK, NON-STRICT or INFORMATIONAL, and a close that is OK or INFORMATIONAL.
func (o *Outcome) Passed() bool {
	v := o.verdict
	return (v.Behavior == engine.OK || v.Behavior == engine.NonStrict || v.Behavior == engine.Informational) &&
		(v.BehaviorClose == engine.OK || v.BehaviorClose == engine.Informational)
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

// FileOf returns the name of an outcome's file in the report.
func FileOf(o *Outcome, ext string) string {
	return cleanName(o.Agent) + "_case_" + strings.ReplaceAll(o.Case.ID, ".", "_") + "." + ext
}

// cleanName returns an agent's name as a part of a file name.
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

// AwaitOutcome returns a channel on which the outcome of an agent in a case comes: at once, or
// when it is added.
func AwaitOutcome(r *Report, agent, id string) <-chan *Outcome {
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
	for _, o := range OutcomesOf(r) {
		if x[o.Agent] == nil {
			x[o.Agent] = make(map[string]Result)
		}
		x[o.Agent][o.Case.ID] = o.Result()
	}
	return x
}

// Failures returns the outcomes that have not passed, sorted by agent and case.
func (r *Report) Failures() []*Outcome {
	return slices.DeleteFunc(OutcomesOf(r), (*Outcome).Passed)
}

// OutcomesOf returns all outcomes, sorted by agent and case.
func OutcomesOf(r *Report) []*Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Outcome
	for _, agent := range slices.Sorted(maps.Keys(r.outcomes)) {
		for _, id := range slices.SortedFunc(maps.Keys(r.outcomes[agent]), cases.Compare) {
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
	outcomes := OutcomesOf(r)
	page, err := IndexPage(outcomes)
	errs = append(errs, put("index.html", page, err))
	junit, err := junitXML(outcomes)
	errs = append(errs, put("junit.xml", junit, err))
	for _, o := range outcomes {
		detail, err := marshal(o.detail())
		errs = append(errs, put(FileOf(o, "json"), detail, err))
		page, err := CasePage(o)
		errs = append(errs, put(FileOf(o, "html"), page, err))
	}
	return errors.Join(errs...)
}

// marshal returns v as JSON, indented by three spaces like the genuine suite's.
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
	r, c := &o.rec, engine.ScriptOf(o.Case)
	d := map[string]any{
		"agent": o.Agent, "id": c.ID, "case": o.number,
		"description": c.Description, "expectation": c.Expectation,
		"started":  r.Started.UTC().Format("2006-01-02T15:04:05.000Z"),
		"duration": r.Duration().Milliseconds(), "reportTime": c.Timed, "reportCompressionRatio": c.Ratio,
		"behavior": o.verdict.Behavior, "behaviorClose": o.verdict.BehaviorClose,
		"result": o.verdict.Result, "resultClose": o.verdict.ResultClose,
		"expected": expected(c), "received": eventRows(o.received),
		"expectedClose": closeDetail(c.Close),
		"closedByMe":    r.ClosedByMe, "failedByMe": r.FailedByMe, "droppedByMe": r.DroppedByMe,
		"wasClean": r.WasClean, "wasNotCleanReason": r.WasNotCleanReason,
		"wasServerConnectionDropTimeout": r.WasServerConnectionDropTimeout,
		"wasOpenHandshakeTimeout":        r.WasOpenHandshakeTimeout,
		"wasCloseHandshakeTimeout":       r.WasCloseHandshakeTimeout,
		"localCloseCode":                 r.LocalCloseCode, "localCloseReason": r.LocalCloseReason,
		"remoteCloseCode": r.RemoteCloseCode, "remoteCloseReason": r.RemoteCloseReason,
		"isServer": o.server, "createStats": true,
		"rxOctetStats": r.RxOctets, "txOctetStats": r.TxOctets,
		"rxFrameStats": frameCounts(r.RxFrames), "txFrameStats": frameCounts(r.TxFrames),
		"httpRequest": r.HTTPRequest, "httpResponse": r.HTTPResponse,
		"trafficStats": nil, "createWirelog": r.Enabled, "wirelog": rows(r),
	}
	if r.Judged {
		d["trafficStats"] = trafficDetail(&r.Traffic)
	}
	return d
}

// rows returns the frame log.
func rows(r *engine.Record) [][]any {
	rows := [][]any{}
	for _, e := range r.Entries {
		rows = append(rows, e.Row)
	}
	return rows
}

// frameCounts returns counts of frames by the opcode's number, as the genuine suite's report
// has them.
func frameCounts(m map[frame.Opcode]int) map[int]int {
	counts := make(map[int]int)
	for op, n := range m {
		counts[int(op)] = n
	}
	return counts
}

// expected returns the events with which a case passes, by verdict.
func expected(c *engine.Script) map[string][][]any {
	m := make(map[string][][]any)
	if c.OK != nil {
		m[engine.OK] = eventRows(c.OK)
	}
	if c.NonStrict != nil {
		m[engine.NonStrict] = eventRows(c.NonStrict)
	}
	return m
}

// closeDetail returns what is demanded of the end of the connection.
func closeDetail(r engine.CloseRule) map[string]any {
	d := map[string]any{"closedByMe": r.ByMe, "closeCode": r.Codes, "requireClean": r.Clean}
	if r.Fatal {
		d["closedByWrongEndpointIsFatal"] = true
	}
	return d
}

// eventRows returns events as the genuine suite's report has them.
func eventRows(events []engine.Event) [][]any {
	rows := [][]any{}
	for _, e := range events {
		row := []any{e.Kind, engine.Preview(e.Data)}
		if e.Kind == "message" {
			row = append(row, e.Binary)
		}
		rows = append(rows, row)
	}
	return rows
}

// trafficDetail returns the counts under their names in the genuine suite's report.
func trafficDetail(t *engine.Traffic) map[string]any {
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

// ratio returns a/b, or nil if b is zero.
func ratio(a, b int) any {
	if b == 0 {
		return nil
	}
	return float64(a) / float64(b)
}
