package engine

import (
	"context"
	"io"
	"math/rand/v2"
	"time"

	"github.com/rfc6455/ws/frame"
)

// state is where the tester's connection is (RFC 6455 sections 4 and 7.1).
type state uint8

const (
	connecting state = iota
	open
	closing // the tester's Close frame went out, as the first or as the answer
	closed  // the tester has dropped TCP, or the testee has
)

// OpenTimeout is how long the tester waits in the opening handshake.
const OpenTimeout = 5 * time.Second

// How long the tester waits at the end of a connection.
const (
	closeTimeout = time.Second // for the answer to a Close frame
	dropTimeout  = time.Second // as a client: for the server to close TCP
)

// Tester is the tester's end of one connection, on which it runs one case. It has a
// protocol of its own, and keeps no more order than a case asks for.
//
// Everything happens on the goroutine of [Tester.Run], one thing at a time: bytes that
// arrive and timers that fire are sent to it as functions. Steps and the functions of a
// script run there too, and may use all fields and methods. Others may use [Tester.Post],
// and the rest before Run begins or after it has returned.
type Tester struct {
	Script *Script
	rw     io.ReadWriteCloser
	Server bool // the tester is the server, and the testee the client

	state state
	todo  chan func()
	Gone  chan struct{} // closed when the connection has ended
	lost  bool
	out   *writer

	timers     []*time.Timer
	closeTimer *time.Timer
	dropTimer  *time.Timer

	// Receiving.
	partial   []byte       // the start of a frame header
	in        frame.Header // the frame whose payload is being received
	inFrame   bool
	got       int64  // bytes of its payload that have been received
	payload   []byte // what the frame log needs of it; all, if it is a control frame
	inMessage bool
	text      bool
	packed    bool   // the message is compressed
	message   []byte // its payload, as on the wire
	utf8      UTF8Check
	deaf      bool // what follows cannot be understood any more

	// Sending a frame piece by piece.
	streaming frame.Header
	streamed  int64

	Deflate *Deflation // what was negotiated; nil: no compression

	Key func() uint32 // the masking key of the next frame

	// The case.
	Received []Event
	Verdict
	AutoFragment int  // if not zero, how long the fragments of a message are
	RoundTrips   int  // how many messages the cases with many send
	patience     int  // multiplies what the testee is given; see [Tester.Allow]
	settled      bool // the verdict stands, whatever follows
	unavailable  bool // what the case needs was not negotiated
	MustRefuse   bool // the testee, a client, may not take the response
	Early        bool // the client sent something before the response
	KeyAgain     bool // the client has used its key before

	Rec  Record
	Echo Echo // for the cases that send many messages
}

// Echo is how far a case has come that judges each message as it comes.
type Echo struct {
	Sent    int    // how many messages have been sent
	Payload []byte // what is to come back for the last of them
}

// RoundTrips is how many messages the cases send that send many.
const RoundTrips = 1000

// NewTester makes the tester's end of a connection on which nothing has been sent. If rw is
// nil, [Tester.Connect] gives the connection later.
func NewTester(c *Script, rw io.ReadWriteCloser, server bool) *Tester {
	t := &Tester{
		Script: c, Server: server,
		RoundTrips: RoundTrips, Key: rand.Uint32,
		todo: make(chan func()), Gone: make(chan struct{}),
		Verdict: Verdict{
			Behavior:      Failed,
			BehaviorClose: Failed,
			Result:        "Actual events differ from any expected.",
			ResultClose:   "TCP connection was dropped without close handshake",
		},
	}
	t.Rec.Init()
	if rw != nil {
		t.Connect(rw)
	}
	return t
}

// Adjust sets how many messages the cases with many send, and the patience that
// multiplies what the testee is given. Zero is the default.
func (t *Tester) Adjust(trips, patience int) {
	if trips > 0 {
		t.RoundTrips = trips
	}
	t.patience = patience
}

// Connect gives the tester its connection. It starts a goroutine that writes, which
// [Tester.Run], [Tester.Refuse] and [Tester.Finish] end.
func (t *Tester) Connect(rw io.ReadWriteCloser) { t.rw, t.out = rw, newWriter(rw) }

// Run runs the case on a connection whose opening handshake is done, up to the end of TCP,
// and judges it. early has bytes that came together with the handshake. If ctx ends, Run
// drops the connection.
func (t *Tester) Run(ctx context.Context, early []byte) {
	t.state = open
	t.Rec.Opened = time.Now()
	t.Rec.ConnectionWasOpen = true
	stop := context.AfterFunc(ctx, t.out.abort)
	defer stop()
	switch {
	case t.Script.Ratio: // 12 and 13 say so in the log, 9 does not
		t.Rec.Enable(false)
	case t.Script.Quiet:
		t.Rec.Enabled = false
	}
	t.Do(t.Script.Steps)
	go t.read(early)
	for !t.lost {
		(<-t.todo)()
	}
	close(t.Gone)
	for _, timer := range t.timers {
		timer.Stop()
	}
	t.out.abort()
	t.Rec.ended = time.Now()
	t.judge()
}

// read hands what arrives to Run, until the connection ends.
func (t *Tester) read(early []byte) {
	taken := make(chan struct{})
	hand := func(b []byte) {
		t.Post(func() { t.receive(b); taken <- struct{}{} })
		select {
		case <-taken:
		case <-t.Gone:
		}
	}
	if len(early) > 0 {
		hand(early)
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := t.rw.Read(buf)
		if n > 0 {
			hand(buf[:n])
		}
		if err != nil {
			t.Post(t.lose)
			return
		}
	}
}

// Post has [Tester.Run] call f, unless the connection has ended. It may be called by any
// goroutine but Run's own.
func (t *Tester) Post(f func()) {
	select {
	case t.todo <- f:
	case <-t.Gone:
	}
}

// after has Run call f after a time.
func (t *Tester) after(d time.Duration, f func()) *time.Timer {
	timer := time.AfterFunc(d, func() { t.Post(f) })
	t.timers = append(t.timers, timer)
	return timer
}

// Allow returns how long the tester waits for something that takes a testee at most d on a
// machine with nothing else to do: d times patience, up to a minute.
func (t *Tester) Allow(d time.Duration) time.Duration {
	return max(d, min(d*time.Duration(t.patience), time.Minute))
}

// killAfter fails the connection after a time, if TCP has not ended by then.
func (t *Tester) killAfter(d time.Duration) {
	d = t.Allow(d)
	t.Rec.log("KL", d.Seconds())
	t.after(d, func() {
		if t.state != closed {
			t.Rec.log("KLE")
			t.fail(1001, "Going Away")
		}
	})
}

// closeAfter opens the closing handshake after a time, if TCP has not ended by then.
func (t *Tester) closeAfter(d time.Duration) {
	d = t.Allow(d)
	t.Rec.log("TI", d.Seconds())
	t.after(d, func() {
		if t.state != closed {
			t.Rec.log("TIE")
			t.CloseFrame(-1, "")
		}
	})
}

// fail fails the connection (RFC 6455 section 7.1.7): with a Close frame if it is open, and
// by dropping TCP if one has gone out already.
func (t *Tester) fail(code int, reason string) {
	if t.state == closed {
		return
	}
	t.Rec.FailedByMe = true
	if t.state == closing {
		t.drop(false)
		return
	}
	t.CloseFrame(code, reason)
}

// CloseFrame opens the closing handshake, if the connection is open. A negative code is a
// Close frame without one.
func (t *Tester) CloseFrame(code int, reason string) {
	if t.state != open {
		return
	}
	t.sendClose(code, reason)
	t.Rec.ClosedByMe = true
	t.closeTimer = t.after(t.limit(closeTimeout), func() {
		if t.state == closed {
			return
		}
		t.Rec.WasClean = false
		t.Rec.WasNotCleanReason = new("peer did not respond (in time) in closing handshake")
		t.Rec.WasCloseHandshakeTimeout = true
		t.drop(true)
	})
}

// limit returns how long the tester waits in the closing handshake. Without patience that
// is d, as in the Autobahn|Testsuite. A case of the second catalogue gives three seconds,
// so that its verdict does not depend on what else the machine does.
func (t *Tester) limit(d time.Duration) time.Duration {
	if t.Script.Strict {
		d = Reaction
	}
	return t.Allow(d)
}

// sendClose sends a Close frame, whether it is the first or the answer.
func (t *Tester) sendClose(code int, reason string) {
	var payload []byte
	if code >= 0 {
		payload = append(payload, byte(code>>8), byte(code))
		t.Rec.LocalCloseCode = &code
	}
	payload = append(payload, reason...)
	if reason != "" {
		t.Rec.LocalCloseReason = new(reason)
	}
	Send{Op: frame.Close, Payload: string(payload)}.Do(t)
	t.state = closing
}

// IsOpen reports whether no Close frame has gone out, and TCP has not ended.
func (t *Tester) IsOpen() bool { return t.state == open }

// Together runs steps and sends what they write in as few writes as can be.
func (t *Tester) Together(steps []Step) {
	t.out.hold()
	defer t.out.release()
	t.Do(steps)
}

// Finish closes the connection when all has been written, or after ten seconds.
func (t *Tester) Finish() { t.out.finish() }

// awaitDrop gives the server time to close TCP, which is its duty (RFC 6455 section
// 7.1.1).
func (t *Tester) awaitDrop() {
	t.dropTimer = t.after(t.limit(dropTimeout), func() {
		if t.state == closed {
			return
		}
		t.Rec.WasClean = false
		t.Rec.WasNotCleanReason = new("server did not drop TCP connection (in time)")
		t.Rec.WasServerConnectionDropTimeout = true
		t.drop(true)
	})
}

// drop closes TCP: at once and with a reset if abort is set, else when all that was
// sent has been written.
func (t *Tester) drop(abort bool) {
	if t.state == closed {
		return
	}
	t.Rec.DroppedByMe = true
	t.state = closed
	if abort {
		t.out.abort()
	} else {
		t.out.finish()
	}
}

// lose notes that TCP has ended, whoever closed it.
func (t *Tester) lose() {
	t.state = closed
	t.lost = true
	if !t.Rec.WasClean && !t.Rec.DroppedByMe && t.Rec.WasNotCleanReason == nil {
		t.Rec.WasNotCleanReason = new("peer dropped the TCP connection without previous WebSocket closing handshake")
	}
}

// Crash ends the connection because the tester cannot handle what has come. Neither side
// has closed it then in a way that the protocol knows.
func (t *Tester) Crash(reason string) {
	t.Rec.log("XX", reason)
	t.Rec.WasNotCleanReason = new(reason)
	t.out.abort()
	t.lose()
}
