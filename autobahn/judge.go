package autobahn

import (
	"slices"
	"strconv"
	"strings"
)

// verdict is the outcome of a case.
type verdict struct {
	Behavior      string `json:"behavior"`
	BehaviorClose string `json:"behaviorClose"`
	Result        string `json:"result"`
	ResultClose   string `json:"resultClose"`
}

// judge judges a case whose connection has ended.
func (t *tester) judge() {
	if t.settled {
		return
	}
	for _, list := range []struct {
		verdict string
		events  []event
	}{{OK, t.c.ok}, {NonStrict, t.c.nonStrict}} {
		if list.events != nil && sameEvents(list.events, t.received) {
			t.Behavior, t.Result = list.verdict, "Actual events match at least one expected."
			break
		}
	}
	if !t.rec.ConnectionWasOpen {
		t.BehaviorClose, t.ResultClose = Failed, "The WebSocket opening handshake was never completed!"
	} else {
		t.BehaviorClose, t.ResultClose = t.judgeClose()
		if t.c.close.fatal && t.c.close.byMe != t.rec.ClosedByMe {
			t.Behavior = Failed
		}
	}
	if t.c.judge != nil {
		t.c.judge(t)
	}
	if t.c.strict {
		t.judgeStrictly()
	}
	if t.unavailable {
		t.Behavior, t.Result = Unimplemented, "permessage-deflate was not negotiated."
	}
}

// judgeClose judges how the connection ended.
func (t *tester) judgeClose() (behavior, result string) {
	rule, code := t.c.close, t.rec.RemoteCloseCode
	switch {
	case rule.byMe != t.rec.ClosedByMe:
		return Failed, "The connection was failed by the wrong endpoint"
	case rule.clean && !t.rec.WasClean:
		return Unclean, "The spec requires the connection to be failed cleanly here"
	case code != nil && !slices.Contains(rule.codes, *code):
		return WrongCode, "The close code should have been " + codeList(rule.codes) + " or empty"
	case !t.server && t.rec.DroppedByMe:
		return FailedByClient, "It is preferred that the server close the TCP connection"
	}
	return OK, "Connection was properly closed"
}

func codeList(codes []int) string {
	var list []string
	for _, c := range codes {
		list = append(list, strconv.Itoa(c))
	}
	return strings.Join(list, ",")
}

// wrongCodeFails is for the cases in which the status code is the point.
func wrongCodeFails(t *tester) {
	if t.BehaviorClose == WrongCode {
		t.Behavior, t.Result = Failed, t.ResultClose
	}
}

// informational is for the cases that pass no judgement.
func informational(t *tester) {
	t.Behavior, t.BehaviorClose = Informational, Informational
}
