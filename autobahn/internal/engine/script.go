package engine

import (
	"bytes"
	"slices"
	"time"
)

// Case is one case of a catalogue: what the tester sends, and which behaviour of
// the testee passes. Cases are constant; they may be used by many goroutines.
type Case struct {
	ID          string // "1.1.1", or "rfc.RX-5.2-07.2" in the second catalogue
	Description string // what is sent
	Expectation string // what a testee should do

	script *Script
}

// NewCase returns the case of a script. From then on the script may not be changed.
func NewCase(s *Script) *Case {
	return &Case{ID: s.ID, Description: s.Description, Expectation: s.Expectation, script: s}
}

// Opening reports whether the case is about the opening handshake of HTTP/1.1, and
// so makes no sense over another.
func (c *Case) Opening() bool { return ScriptOf(c).Hello != nil }

// ScriptOf returns the script of a case. A case that a user has made has no script of its
// own: the tester then sends nothing.
func ScriptOf(c *Case) *Script {
	if c.script == nil {
		return &Script{ID: c.ID}
	}
	return c.script
}

// Script is what the tester does in a case, and how it judges what the testee does. Package
// cases writes scripts. When they have become cases, many goroutines use them: they are
// constant.
type Script struct {
	ID, Description, Expectation string // as those of Case

	Steps []Step // run when the connection is open

	// What the testee may send. The case passes with OK if the messages and pongs that
	// came are those in OK, and with NON-STRICT if they are those in NonStrict; see
	// [Script.matches]. A nil list matches nothing.
	OK, NonStrict []Event

	Close    CloseRule
	KeepOpen bool // the tester does not close when all in OK has come

	// Message is for the cases that judge each message as it comes: messages are not
	// recorded then. Judge has the last word on the verdict.
	Message func(t *Tester, payload []byte, binary bool)
	Judge   func(t *Tester)

	Deflate *DeflateRule // the extension to negotiate; nil: none
	Quiet   bool         // the frame log is off while the case runs
	Timed   bool         // the report shows how long the case took
	Ratio   bool         // the report shows how well messages were compressed

	// For the second catalogue.
	Strict bool     // see [Tester.judgeStrictly]; codes 1012 to 1014 are fine
	Mute   bool     // the tester does not answer a Close frame
	Lazy   bool     // as a server, the tester leaves closing TCP to the client
	Hello  *Opening // an opening handshake that is not the usual one
}

// CloseRule is what a case demands of the end of the connection.
type CloseRule struct {
	ByMe  bool  // the tester's Close frame comes first
	Codes []int // the codes that the testee's Close frame may have; it may always have none
	Clean bool  // there must be a full closing handshake
	Fatal bool  // if ByMe is not as it should be, Behavior fails too, not BehaviorClose alone
}

// The rules that most cases have.
var (
	// NormalClose wants a closing handshake that the tester begins.
	NormalClose = CloseRule{ByMe: true, Codes: []int{1000}, Clean: true}
	// ProtocolError wants the testee to fail the connection because a rule was broken.
	ProtocolError = CloseRule{Codes: []int{1002}}
	// InvalidUTF8 wants the testee to fail the connection because text is not UTF-8.
	InvalidUTF8 = CloseRule{Codes: []int{1007}, Fatal: true}
)

// Second is the unit in which cases give time.
const Second = time.Second

// How long a testee may take in the second catalogue. Both are far more than it needs,
// so that verdicts do not depend on what else the machine does.
const (
	// Patient is for all that is to come back.
	Patient = 10 * Second
	// Reaction is for failing the connection, answering a Close frame and closing TCP.
	Reaction = 3 * Second
)

// Event is something that the tester records: a message, a pong or the end of a wait.
type Event struct {
	Kind   string // "message", "pong" or "timeout"
	Data   []byte // the payload; of a timeout its tag
	Binary bool   // the message is binary, not text
}

func (e Event) equal(o Event) bool {
	return e.Kind == o.Kind && e.Binary == o.Binary && bytes.Equal(e.Data, o.Data)
}

func sameEvents(a, b []Event) bool { return slices.EqualFunc(a, b, Event.equal) }

// Nothing is the list of events for a case in which none may happen.
var Nothing = []Event{}

// TextMessage is the event of a text message.
func TextMessage(s string) Event { return Event{Kind: "message", Data: []byte(s)} }

// BinaryMessage is the event of a binary message.
func BinaryMessage(s string) Event { return Event{Kind: "message", Data: []byte(s), Binary: true} }

// Pong is the event of a pong.
func Pong(s string) Event { return Event{Kind: "pong", Data: []byte(s)} }

// Timeout is the event of a wait that has ended; see [Later].
func Timeout(tag string) Event { return Event{Kind: "timeout", Data: []byte(tag)} }
