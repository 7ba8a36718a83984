package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/frame"
)

// reportTemplate has the templates of both kinds of pages.
//
//go:embed report.html
var reportTemplate string

var pages = template.Must(template.New("").Parse(reportTemplate))

// caseView is what the page of one case shows.
type caseView struct {
	Agent, ID, Description, Expectation string
	Behavior, Close                     cell
	Result, ResultClose                 string
	Started, Duration                   string
	Request, Response                   string
	Facts                               []fact
	Expected                            []fact
	Received                            string
	Log                                 []logLine
}

// fact is a line of a table.
type fact struct{ Name, Value string }

// logLine is a line of the frame log.
type logLine struct {
	At, Class, Arrow, What, Detail, Payload, Note string
}

// CasePage returns the HTML page of one outcome.
func CasePage(o *Outcome) ([]byte, error) {
	r, c := &o.rec, engine.ScriptOf(o.Case)
	v := caseView{
		Agent: o.Agent, ID: o.Case.ID, Description: o.Case.Description, Expectation: o.Case.Expectation,
		Behavior: cell{Class: class(o.verdict.Behavior), Text: o.verdict.Behavior},
		Close:    cell{Class: class(o.verdict.BehaviorClose), Text: o.verdict.BehaviorClose},
		Result:   o.verdict.Result, ResultClose: o.verdict.ResultClose,
		Started: r.Started.UTC().Format(time.RFC3339), Duration: r.Duration().Round(time.Microsecond).String(),
		Request: r.HTTPRequest, Response: r.HTTPResponse, Received: eventText(o.received),
		Facts: []fact{
			{"first Close frame", who(r.ClosedByMe, "the tester's", "not the tester's")},
			{"tester failed the connection", who(r.FailedByMe, "yes", "no")},
			{"TCP closed by", who(r.DroppedByMe, "the tester", "the testee")},
			{"closing handshake", who(r.WasClean, "complete", "not complete")},
			{"tester's Close frame", closeText(r.LocalCloseCode, r.LocalCloseReason)},
			{"testee's Close frame", closeText(r.RemoteCloseCode, r.RemoteCloseReason)},
		},
	}
	if r.WasNotCleanReason != nil {
		v.Facts = append(v.Facts, fact{"why not clean", *r.WasNotCleanReason})
	}
	for _, list := range []struct {
		name   string
		events []engine.Event
	}{{engine.OK, c.OK}, {engine.NonStrict, c.NonStrict}} {
		if list.events != nil {
			v.Expected = append(v.Expected, fact{list.name, eventText(list.events)})
		}
	}
	notes := annotator{deflate: r.Deflate, server: o.server}
	for _, e := range r.Entries {
		if line, ok := lineOf(e); ok {
			line.Note = notes.note(e)
			v.Log = append(v.Log, line)
		}
	}
	return render("case", v)
}

// render returns a page made by one of the templates.
func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := pages.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

// who returns a if yes is true, and b if not.
func who(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// closeText returns the code and the reason of a Close frame in a line.
func closeText(code *int, reason *string) string {
	if code == nil {
		return "none, or without a code"
	}
	s := fmt.Sprint(*code)
	if reason != nil {
		s += " " + engine.Preview([]byte(*reason))
	}
	return s
}

// eventText returns events in a line each.
func eventText(events []engine.Event) string {
	if len(events) == 0 {
		return "nothing"
	}
	var list []string
	for _, e := range events {
		kind := e.Kind
		if kind == "message" {
			kind = who(e.Binary, "binary message", "text message")
		}
		list = append(list, fmt.Sprintf("%s (%d) %s", kind, len(e.Data), engine.Preview(e.Data)))
	}
	return strings.Join(list, "\n")
}

// lineOf returns an entry of the frame log as the page shows it. It reports false for entries
// that are in the JSON file alone, such as the octets of frames.
func lineOf(e engine.Entry) (logLine, bool) {
	l := logLine{At: fmt.Sprintf("%.3f", e.At.Seconds()*1000), Class: "note"}
	switch e.Row[0] {
	case "RF", "TF":
		op, fin, rsv := e.Row[2].(frame.Opcode), e.Row[3].(bool), e.Row[4].(uint8)
		data := e.Row[1].([]any)
		l.Class, l.Arrow, l.What = "in", "←", frameText(op, fin, rsv)
		l.Detail, l.Payload = fmt.Sprintf("%v octets", data[0]), data[1].(string)
		if code, reason, ok := closeParts(e); ok && op == frame.Close {
			l.Payload = strings.TrimSpace(fmt.Sprintf("%d %s", code, engine.Preview([]byte(reason))))
		}
		if e.Row[0] == "TF" {
			l.Class, l.Arrow = "out", "→"
			l.Detail += sendText(e.Row[6], e.Row[7], e.Row[8])
		} else if e.Row[5].(bool) {
			l.Detail += ", masked"
		}
	case "CT":
		l.What = fmt.Sprintf("wait %v s %s", e.Row[1], e.Row[2])
	case "CTE":
		l.What = fmt.Sprintf("the wait is over %s", e.Row[1])
	case "KL":
		l.What = fmt.Sprintf("will fail the connection in %v s", e.Row[1])
	case "KLE":
		l.What = "time is up: fail the connection"
	case "TI":
		l.What = fmt.Sprintf("will close in %v s", e.Row[1])
	case "TIE":
		l.What = "time is up: close"
	case "XX":
		l.What = fmt.Sprint(e.Row[1])
	default:
		return l, false
	}
	return l, true
}

// frameText returns the opcode of a frame and the bits that are set.
func frameText(op frame.Opcode, fin bool, rsv uint8) string {
	s := strings.ToUpper(op.String())
	if fin {
		s += " FIN"
	}
	for _, bit := range []struct {
		bit  uint8
		name string
	}{{frame.RSV1, " RSV1"}, {frame.RSV2, " RSV2"}, {frame.RSV3, " RSV3"}} {
		if rsv&bit.bit != 0 {
			s += bit.name
		}
	}
	return s
}

// sendText returns how a frame was sent, if not as usual.
func sendText(repeat, chop, sync any) string {
	var s string
	if repeat != nil {
		s += fmt.Sprintf(", repeated to %v", repeat)
	}
	if chop != nil {
		s += fmt.Sprintf(", %v at a time", chop)
	}
	if sync == true {
		s += ", in a write of its own"
	}
	return s
}
