package autobahn

import (
	"bytes"
	"slices"
	"time"

	"github.com/rfc6455/ws/frame"
)

// Case is one case of a catalogue: what the tester sends, and which behaviour of
// the testee passes. Cases are constant; they may be used by many goroutines.
type Case struct {
	ID          string // "1.1.1", or for the rfc catalogue "rfc.mask.1"
	Description string // what is sent
	Expectation string // what a testee should do

	steps []step // run when the connection is open

	// What the testee may send: the case passes with OK if the messages and pongs
	// received are exactly those in ok, and with NON-STRICT for nonStrict. A nil
	// list is no list: nothing matches it.
	ok, nonStrict []event

	close    closeRule
	keepOpen bool // no closing handshake of ours when ok has been received

	// message replaces the recording of messages, for the cases that judge each
	// message as it comes. judge has the last word on the verdict.
	message func(t *tester, payload []byte, binary bool)
	judge   func(t *tester)

	deflate *deflateRule // the extension to negotiate; nil: none
	quiet   bool         // the frame log is off while the case runs
	timed   bool         // the duration is of interest
	ratio   bool         // so is the compression ratio

	// For the second catalogue.
	strict bool     // see judgeStrictly; and the status codes that came after RFC 6455 are fine
	mute   bool     // the tester does not answer a Close frame
	lazy   bool     // as a server, the tester leaves closing TCP to the client
	hello  *opening // an opening handshake that is not the usual one
}

// closeRule is what a case demands of the end of the connection.
type closeRule struct {
	byMe  bool  // the tester's Close frame comes first
	codes []int // what the testee's Close frame may carry; having no code is always fine
	clean bool  // there must be a full closing handshake
	fatal bool  // if byMe is not as it should be, the case has failed, not just its close
}

// The rules that most cases have.
var (
	normalClose   = closeRule{byMe: true, codes: []int{1000}, clean: true}
	protocolError = closeRule{codes: []int{1002}}
	invalidUTF8   = closeRule{codes: []int{1007}, fatal: true}
)

// Time limits of cases.
const second = time.Second

// event is something that the tester records: a message, a pong or a wait that
// ended.
type event struct {
	kind   string // "message", "pong", "timeout"
	data   []byte // of a timeout its tag
	binary bool
}

func (e event) equal(o event) bool {
	return e.kind == o.kind && e.binary == o.binary && bytes.Equal(e.data, o.data)
}

func sameEvents(a, b []event) bool { return slices.EqualFunc(a, b, event.equal) }

// nothing is the list of events in which none may happen.
var nothing = []event{}

func textMessage(s string) event   { return event{kind: "message", data: []byte(s)} }
func binaryMessage(s string) event { return event{kind: "message", data: []byte(s), binary: true} }
func pong(s string) event          { return event{kind: "pong", data: []byte(s)} }
func timeout(tag string) event     { return event{kind: "timeout", data: []byte(tag)} }

// step is one thing that the tester does in a case.
type step interface{ do(t *tester) }

// send is a frame that is written as it is, legal or not. It doesn't change the
// tester's state: a Close frame sent this way begins no closing handshake.
type send struct {
	op      frame.Opcode
	payload string
	more    bool  // FIN is clear
	rsv     uint8 // RSV1 is 4, RSV2 is 2, RSV3 is 1
	length  int   // if not zero, payload is repeated to that many bytes
	chop    int   // if not zero, the bytes go out in writes of that many each
	sync    bool  // the frame is one write of its own
}

// say is a message, as an application would send it: compressed where that was
// negotiated, and in frames of at most fragment payload bytes if that is not zero.
type say struct {
	payload  string
	binary   bool
	fragment int
}

// begin opens the closing handshake, with any code and reason, legal or not. A
// negative code is a Close frame without payload.
type begin struct {
	code   int
	reason string
}

// killAfter fails the connection (1001) after a time, and closeAfter opens the
// closing handshake.
type (
	killAfter  time.Duration
	closeAfter time.Duration
)

// later runs more steps after a time, if the connection has not gone. With a tag,
// they run only while it is open, and that is recorded as an event. Where the
// testee has that time to fail the connection, Patience multiplies it.
type later struct {
	wait   time.Duration
	toFail bool
	tag    string
	steps  []step
}

// doing is a step that is a function.
type doing func(t *tester)

func (s doing) do(t *tester)      { s(t) }
func (s begin) do(t *tester)      { t.closeFrame(s.code, s.reason) }
func (s killAfter) do(t *tester)  { t.killAfter(time.Duration(s)) }
func (s closeAfter) do(t *tester) { t.closeAfter(time.Duration(s)) }
func (s say) do(t *tester)        { t.say([]byte(s.payload), s.binary, s.fragment) }

func (s later) do(t *tester) {
	wait := s.wait
	if s.toFail {
		wait = t.allow(wait)
	}
	t.rec.log("CT", wait.Seconds(), s.tag)
	t.after(wait, func() {
		if t.state == closed {
			return
		}
		t.rec.log("CTE", s.tag)
		if s.tag != "" {
			if t.state != open {
				return
			}
			t.received = append(t.received, timeout(s.tag))
		}
		t.do(s.steps)
	})
}

// do runs steps one after the other.
func (t *tester) do(steps []step) {
	for _, s := range steps {
		s.do(t)
	}
}
