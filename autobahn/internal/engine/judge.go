package engine

import (
	"slices"
	"strconv"
	"strings"
)

// Values of Behavior and BehaviorClose in a [Verdict], as the Autobahn|Testsuite spells
// them in its reports.
const (
	OK             = "OK"
	NonStrict      = "NON-STRICT"
	Informational  = "INFORMATIONAL"
	Unimplemented  = "UNIMPLEMENTED"
	Failed         = "FAILED"
	Unclean        = "UNCLEAN"          // BehaviorClose only: no full closing handshake
	WrongCode      = "WRONG CODE"       // BehaviorClose only: a status code that the case does not allow
	FailedByClient = "FAILED BY CLIENT" // BehaviorClose only: the tester had to close TCP itself
)

// Verdict is what a case has come to: what the testee did, how the connection ended, and the
// reasons.
type Verdict struct {
	Behavior      string `json:"behavior"`
	BehaviorClose string `json:"behaviorClose"`
	Result        string `json:"result"`
	ResultClose   string `json:"resultClose"`
}

// judge judges the case when its connection has ended.
func (t *Tester) judge() {
	if t.settled {
		return
	}
	for _, list := range []struct {
		verdict string
		events  []Event
	}{{OK, t.Script.OK}, {NonStrict, t.Script.NonStrict}} {
		if list.events != nil && t.Script.matches(list.events, t.Received) {
			t.Behavior, t.Result = list.verdict, "Actual events match at least one expected."
			break
		}
	}
	if !t.Rec.ConnectionWasOpen {
		t.BehaviorClose, t.ResultClose = Failed, "The WebSocket opening handshake was never completed!"
	} else {
		t.BehaviorClose, t.ResultClose = t.judgeClose()
		if t.Script.Close.Fatal && t.Script.Close.ByMe != t.Rec.ClosedByMe {
			t.Behavior = Failed
		}
	}
	if t.Script.Judge != nil {
		t.Script.Judge(t)
	}
	if t.Script.Strict {
		t.judgeStrictly()
	}
	if t.unavailable {
		t.Behavior, t.Result = Unimplemented, "permessage-deflate was not negotiated."
	}
}

// judgeStrictly fails a case for what the Autobahn|Testsuite only notes: an end of the
// connection that is not as it should be, a second Close frame, and frames after the first.
func (t *Tester) judgeStrictly() {
	switch {
	case t.Behavior != OK && t.Behavior != NonStrict:
	case t.BehaviorClose != OK:
		t.Behavior, t.Result = Failed, t.ResultClose
	case t.Rec.RxFrames[8] > 1:
		t.Behavior, t.Result = Failed, "There was more than one Close frame."
	case t.Rec.afterClose > 0:
		t.Behavior, t.Result = Failed, "There were frames after the Close frame."
	}
}

// judgeClose judges how the connection ended.
func (t *Tester) judgeClose() (behavior, result string) {
	rule, code := t.Script.Close, t.Rec.RemoteCloseCode
	switch {
	case rule.ByMe != t.Rec.ClosedByMe:
		return Failed, "The connection was failed by the wrong endpoint"
	case rule.Clean && !t.Rec.WasClean:
		return Unclean, "The spec requires the connection to be failed cleanly here"
	case code != nil && !slices.Contains(rule.Codes, *code):
		return WrongCode, "The close code should have been " + codeList(rule.Codes) + " or empty"
	case !t.Server && t.Rec.DroppedByMe:
		return FailedByClient, "It is preferred that the server close the TCP connection"
	}
	return OK, "Connection was properly closed"
}

// codeList returns codes as text, with commas between them.
func codeList(codes []int) string {
	var list []string
	for _, c := range codes {
		list = append(list, strconv.Itoa(c))
	}
	return strings.Join(list, ",")
}

// WrongCodeFails is a [Script.Judge] for the cases that are about the status code: a wrong
// one fails them.
func WrongCodeFails(t *Tester) {
	if t.BehaviorClose == WrongCode {
		t.Behavior, t.Result = Failed, t.ResultClose
	}
}

// NoJudgement is a [Script.Judge] for the cases in which all is well whatever happens.
func NoJudgement(t *Tester) {
	t.Behavior, t.BehaviorClose = Informational, Informational
}
