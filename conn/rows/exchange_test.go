package rows

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// exchange is what a peer sends over a connection and what comes of it.
type exchange struct {
	name string
	in   string    // what the peer sends, see wire
	raw  bool      // in is as it stands, masking and all
	got  []string  // the messages that the program gets, as describe writes them
	back []string  // the frames that the peer gets before those of the end
	cfg  ws.Config // limits
	zip  bool      // permessage-deflate was agreed, with its largest windows

	// How it ends: a rule is broken, with the last byte of in and not before;
	// or the peer closes with in; or else, after in, with a code of 1000.
	rule *frame.Error
	end  *ws.CloseError
}

// whole and single are the two ways in which a peer's bytes come: at once, and
// one by one, the connection taking each before the next. Of many bytes those
// at either end come one by one. No rule is found to be broken before the last
// byte.
func whole(l *link, b []byte) { l.p.SendBytes(b) }

func single(l *link, b []byte) {
	const edge = 64
	for i := 0; i < len(b); i++ {
		n := 1
		if i >= edge && len(b)-i > edge {
			n = min(997, len(b)-i-edge)
		}
		overPipe.wait()
		var end *ws.CloseError
		if errors.As(l.c.Err(), &end) && !end.Clean() {
			l.Fatalf("ended before byte %d of %d with %v, want that with the last one", i, len(b), end)
		}
		l.p.SendBytes(b[i : i+n])
		i += n - 1
	}
}

// run has the exchange in every combination of drivers and transports.
func (x *exchange) run(t *testing.T, role frame.Role) {
	for _, d := range drivers {
		x.runOver(t, role, overPipe, d, "whole", whole)
		x.runOver(t, role, overPipe, d, "byte by byte", single)
	}
	for _, d := range []driver{drivers[0], drivers[3]} { // a descriptor is read in these two ways
		x.runOver(t, role, overTCP, d, "whole", whole)
	}
}

// runOver has the exchange in one of them.
func (x *exchange) runOver(t *testing.T, role frame.Role, tr transport, d driver, how string, feed func(*link, []byte)) {
	if t.Failed() {
		return
	}
	defer func() {
		if t.Failed() {
			t.Logf("%s over %s, %s", d.name, tr.name, how)
		}
	}()
	in := wstest.Hex(strings.ReplaceAll(strings.ReplaceAll(x.in, "k", ""), "|", ""))
	if !x.raw {
		in = wire(role, x.in)
	}
	s := setup{cfg: x.cfg}
	if x.zip {
		s.deflate = &handshake.Deflate{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	}
	tr.run(t, role, s, func(l *link) {
		l.read(d)
		feed(l, in)
		l.wantBack(x.back)
		switch {
		case x.rule != nil:
			l.wantFailed(x.rule, x.got)
		case x.end != nil:
			l.hangUp()
			l.wantOutcome(x.got, *x.end)
		default:
			l.finish()
			l.wantOutcome(x.got, ws.CloseError{Code: ws.CloseNormal, Reason: "done", Remote: true})
		}
	})
}

// wantBack reads these frames, as describe writes them.
func (l *link) wantBack(frames []string) {
	l.Helper()
	for _, want := range frames {
		h, payload := l.p.WantFrame()
		if got := describe(h.Opcode, string(payload)); got != want || !h.Fin || h.RSV != 0 {
			l.Fatalf("peer: got %.200s, FIN %t, RSV %d, want %.200s", got, h.Fin, h.RSV, want)
		}
	}
}

// wantOutcome compares what the program has seen.
func (l *link) wantOutcome(messages []string, end ws.CloseError) {
	l.Helper()
	got, err := l.outcome()
	if !slices.Equal(got, messages) {
		l.Fatalf("messages %.300q, want %.300q", got, messages)
	}
	if errors.Is(err.Err, end.Err) { // with the sizes
		end.Err = err.Err
	}
	if !isEnd(*err, end) {
		l.Fatalf("ended with %+v, want %+v", *err, end)
	}
}

// wantFailed is the end of a connection whose peer broke a rule, section 7.1.7:
// one Close frame with the rule's code and its text, the end of TCP, and nothing
// that comes afterwards is looked at.
func (l *link) wantFailed(rule *frame.Error, messages []string) {
	l.Helper()
	if reason := l.p.WantClose(rule.Code()); "websocket: "+reason != rule.Error() {
		l.Fatalf("close reason %q, want that of %v", reason, rule)
	}
	l.p.Ping("late")
	l.p.Text("late")
	l.p.Close(ws.CloseNormal, "late")
	l.p.WantEOF()
	_ = l.p.NetConn().Close()
	l.wantOutcome(messages, ws.CloseError{Code: ws.CloseAbnormal, Err: rule, Sent: rule.Code()})
}

// table enters exchanges for one row.
func (q *requirements) table(id string, xs ...exchange) {
	for _, x := range xs {
		q.both(id, x.name, x.run)
	}
}
