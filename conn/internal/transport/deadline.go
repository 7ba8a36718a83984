package transport

import (
	"sync"
	"sync/atomic"
	"time"
)

// Reason says who set the read deadline, and so why a read that it ended did end. The zero value is
// User.
type Reason uint32

// The reasons.
const (
	User    Reason = iota // the user, if there is a deadline at all
	Idle                  // SetIdle: to see whether the connection is idle
	Look                  // LookNow: there may be something to read that the poller does not report
	Context               // the context of the read has ended
	Closing               // nobody: the connection ends, and another timer bounds that
)

var reasonNames = [...]string{"user", "idle", "look", "context", "closing"}

// String returns the name of the reason, such as "idle".
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// deadlineEvent is an event that may change the read deadline.
type deadlineEvent uint8

const (
	userSets    deadlineEvent = iota // to a time, or to none
	idleSets                         // to a time
	lookWanted                       // now
	contextEnds                      // now
	readerKnows                      // the reader knows why: the reason is over
	closeBegins                      // none from now on
)

// deadlineAction says what happens to the deadline.
type deadlineAction uint8

const (
	keep  deadlineAction = iota // as it is
	now                         // in the past
	given                       // the time that came with the event
	users                       // the user's again, or none
	none
)

// deadlineStep is one entry in the table of transitions.
type deadlineStep struct {
	reason Reason
	action deadlineAction
}

// deadlineSteps holds the step for every reason and every event, in the order of their constants.
// The end of a context is reported only once. So only Closing replaces Context. The user's own
// deadline comes back when the reason that took its place is over.
var deadlineSteps = [Closing + 1][closeBegins + 1]deadlineStep{
	User:    {{User, given}, {Idle, given}, {Look, now}, {Context, now}, {User, keep}, {Closing, none}},
	Idle:    {{Idle, keep}, {Idle, keep}, {Look, now}, {Context, now}, {User, users}, {Closing, none}},
	Look:    {{Look, keep}, {Look, keep}, {Look, keep}, {Context, keep}, {User, users}, {Closing, none}},
	Context: {{Context, keep}, {Context, keep}, {Context, keep}, {Context, keep}, {User, users}, {Closing, none}},
	Closing: {{Closing, keep}, {Closing, keep}, {Closing, keep}, {Closing, keep}, {Closing, keep}, {Closing, none}},
}

// nextReason returns the reason after an event, and what happens to the deadline. It is a pure
// function.
func nextReason(r Reason, e deadlineEvent) (Reason, deadlineAction) {
	s := deadlineSteps[r][e]
	return s.reason, s.action
}

// readDeadline is the one owner of a transport's read deadline. To change the deadline, send it an
// event. To learn why a read has timed out, ask it for the reason.
type readDeadline struct {
	mu  sync.Mutex
	why atomic.Uint32 // a Reason; changes under mu, together with the deadline
}

// Why returns the reason of the read deadline.
func (t *Transport) Why() Reason { return Reason(t.read.why.Load()) }

// SetUser sets the user's own read deadline, as [net.Conn] does. It has an effect while no other
// reason holds.
func (t *Transport) SetUser(at time.Time) error {
	if p, ok := t.stream.(*pump); ok {
		return p.setInner(at)
	}
	x := t.makeSide()
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	if r := t.Why(); r != Idle && r != Closing && !x.in.gone {
		x.user = at
	}
	return t.deadlineLocked(userSets, at)
}

// SetIdle sets the deadline that detects an idle connection. The user's own deadline is forgotten.
func (t *Transport) SetIdle(at time.Time) {
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	if x := t.side.Load(); x != nil && !x.in.gone {
		x.user = time.Time{}
	}
	_ = t.deadlineLocked(idleSets, at)
}

// LookNow ends the read that is under way. Its goroutine then looks whether there is anything to
// read.
func (t *Transport) LookNow() { t.deadline(lookWanted) }

// SetClosing lifts the read deadline for good.
func (t *Transport) SetClosing() { t.deadline(closeBegins) }

// Known ends the reason r, which the reader has noticed. It does nothing if the deadline has
// another reason by now.
func (t *Transport) Known(r Reason) {
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	if t.Why() == r {
		_ = t.deadlineLocked(readerKnows, time.Time{})
	}
}

// deadline applies an event that has no time.
func (t *Transport) deadline(e deadlineEvent) {
	t.read.mu.Lock()
	defer t.read.mu.Unlock()
	_ = t.deadlineLocked(e, time.Time{})
}

// deadlineLocked changes the reason and sets the deadline. A closed transport returns an error, but
// nothing is blocked there either.
func (t *Transport) deadlineLocked(e deadlineEvent, at time.Time) error {
	why, action := nextReason(t.Why(), e)
	t.read.why.Store(uint32(why))
	switch action {
	case keep:
		return nil
	case now:
		at = LongAgo
	case users, none:
		at = time.Time{}
	}
	if x := t.side.Load(); action == users && x != nil {
		at = x.user
	}
	return t.stream.SetReadDeadline(at)
}
