package autobahn

import (
	"context"
	"io"
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

// How long the tester waits before it gives up on its peer.
const (
	openTimeout  = 5 * time.Second // for the opening handshake
	closeTimeout = time.Second     // for the answer to a Close frame
	dropTimeout  = time.Second     // as a client: for the server to close TCP
	overTimeout  = 5 * time.Second // as a server: for a client's cases, before the report is written
)

// tester is the tester's end of one connection: one case is run on it. It is an
// endpoint of its own, with its own sequencing, and keeps no more order than a
// case asks for.
//
// Everything happens on the goroutine that runs [tester.run], one thing at a time:
// bytes that arrive and timers that fire are sent to it as functions.
type tester struct {
	c      *Case
	rw     io.ReadWriteCloser
	server bool // the tester's role: it is the server, and the testee the client

	state state
	todo  chan func()
	gone  chan struct{} // closed when the connection is at its end
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
	utf8      utf8Check
	deaf      bool // what follows cannot be understood any more

	// Sending a frame piece by piece.
	streaming frame.Header
	streamed  int64

	deflate *deflation // what was negotiated; nil: no compression

	// The case.
	received []event
	verdict
	autoFragment int
	roundTrips   int  // how many messages the cases with many send
	patience     int  // see [Client.Patience]
	settled      bool // the verdict stands, whatever follows
	unavailable  bool // what the case needs was not negotiated
	mustRefuse   bool // the testee, a client, may not take the response
	early        bool // the client sent something before the response
	keyAgain     bool // the client has used its key before

	rec  record
	echo echo // course of the cases that send many messages
}

// newTester makes the tester's end of a connection on which nothing has been sent.
// Without one, connect follows.
func newTester(c *Case, rw io.ReadWriteCloser, server bool) *tester {
	t := &tester{
		c: c, server: server,
		roundTrips: roundTrips,
		todo:       make(chan func()), gone: make(chan struct{}),
		verdict: verdict{
			Behavior:      Failed,
			BehaviorClose: Failed,
			Result:        "Actual events differ from any expected.",
			ResultClose:   "TCP connection was dropped without close handshake",
		},
	}
	t.rec.init()
	if rw != nil {
		t.connect(rw)
	}
	return t
}

// adjust sets what Client and Server have fields for. Zero is the default.
func (t *tester) adjust(trips, patience int) {
	if trips > 0 {
		t.roundTrips = trips
	}
	t.patience = patience
}

// connect gives the tester its connection.
func (t *tester) connect(rw io.ReadWriteCloser) { t.rw, t.out = rw, newWriter(rw) }

// run runs the case on a connection whose opening handshake is done, up to the end
// of TCP, and judges it. early holds bytes that came with the handshake. When ctx
// ends, the connection is dropped.
func (t *tester) run(ctx context.Context, early []byte) {
	t.state = open
	t.rec.opened = time.Now()
	t.rec.ConnectionWasOpen = true
	stop := context.AfterFunc(ctx, t.out.abort)
	defer stop()
	switch {
	case t.c.ratio: // 12 and 13 say so in the log, 9 does not
		t.rec.enable(false)
	case t.c.quiet:
		t.rec.enabled = false
	}
	t.do(t.c.steps)
	go t.read(early)
	for !t.lost {
		(<-t.todo)()
	}
	close(t.gone)
	for _, timer := range t.timers {
		timer.Stop()
	}
	t.out.abort()
	t.rec.ended = time.Now()
	t.judge()
}

// read hands what arrives to the loop, until the connection ends.
func (t *tester) read(early []byte) {
	taken := make(chan struct{})
	hand := func(b []byte) {
		t.post(func() { t.receive(b); taken <- struct{}{} })
		select {
		case <-taken:
		case <-t.gone:
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
			t.post(t.lose)
			return
		}
	}
}

// post has the loop run f, unless the connection is at its end.
func (t *tester) post(f func()) {
	select {
	case t.todo <- f:
	case <-t.gone:
	}
}

// after has the loop run f after a time.
func (t *tester) after(d time.Duration, f func()) *time.Timer {
	timer := time.AfterFunc(d, func() { t.post(f) })
	t.timers = append(t.timers, timer)
	return timer
}

// allow returns how long the tester waits for what takes a testee at most d, on a
// machine that has nothing else to do.
func (t *tester) allow(d time.Duration) time.Duration {
	return max(d, min(d*time.Duration(t.patience), time.Minute))
}

func (t *tester) killAfter(d time.Duration) {
	d = t.allow(d)
	t.rec.log("KL", d.Seconds())
	t.after(d, func() {
		if t.state != closed {
			t.rec.log("KLE")
			t.fail(1001, "Going Away")
		}
	})
}

func (t *tester) closeAfter(d time.Duration) {
	d = t.allow(d)
	t.rec.log("TI", d.Seconds())
	t.after(d, func() {
		if t.state != closed {
			t.rec.log("TIE")
			t.closeFrame(-1, "")
		}
	})
}

// fail fails the connection (RFC 6455 section 7.1.7): with a Close frame while it
// is open, and by dropping TCP when one has gone out already.
func (t *tester) fail(code int, reason string) {
	if t.state == closed {
		return
	}
	t.rec.FailedByMe = true
	if t.state == closing {
		t.drop(false)
		return
	}
	t.closeFrame(code, reason)
}

// closeFrame opens the closing handshake, if the connection is open.
func (t *tester) closeFrame(code int, reason string) {
	if t.state != open {
		return
	}
	t.sendClose(code, reason)
	t.rec.ClosedByMe = true
	t.closeTimer = t.after(t.limit(closeTimeout), func() {
		if t.state == closed {
			return
		}
		t.rec.WasClean = false
		t.rec.WasNotCleanReason = text("peer did not respond (in time) in closing handshake")
		t.rec.WasCloseHandshakeTimeout = true
		t.drop(true)
	})
}

// limit returns how long the tester waits in the closing handshake: as the
// Autobahn|Testsuite does, but where verdicts are to be those of a machine that has
// much else to do.
func (t *tester) limit(d time.Duration) time.Duration {
	if t.c.strict {
		d = reaction
	}
	return t.allow(d)
}

// sendClose sends a Close frame, of whichever kind.
func (t *tester) sendClose(code int, reason string) {
	var payload []byte
	if code >= 0 {
		payload = append(payload, byte(code>>8), byte(code))
		t.rec.LocalCloseCode = &code
	}
	payload = append(payload, reason...)
	if reason != "" {
		t.rec.LocalCloseReason = text(reason)
	}
	send{op: frame.Close, payload: string(payload)}.do(t)
	t.state = closing
}

// awaitDrop waits for the server to close TCP, which is its duty (RFC 6455 section
// 7.1.1).
func (t *tester) awaitDrop() {
	t.dropTimer = t.after(t.limit(dropTimeout), func() {
		if t.state == closed {
			return
		}
		t.rec.WasClean = false
		t.rec.WasNotCleanReason = text("server did not drop TCP connection (in time)")
		t.rec.WasServerConnectionDropTimeout = true
		t.drop(true)
	})
}

// drop closes TCP: at once and with a reset if abort is set, else when all that was
// sent has been written.
func (t *tester) drop(abort bool) {
	if t.state == closed {
		return
	}
	t.rec.DroppedByMe = true
	t.state = closed
	if abort {
		t.out.abort()
	} else {
		t.out.finish()
	}
}

// lose is called when TCP has gone, whoever closed it.
func (t *tester) lose() {
	t.state = closed
	t.lost = true
	if !t.rec.WasClean && !t.rec.DroppedByMe && t.rec.WasNotCleanReason == nil {
		t.rec.WasNotCleanReason = text("peer dropped the TCP connection without previous WebSocket closing handshake")
	}
}

// crash ends the connection because of something that the tester cannot handle:
// neither side closed it in any way that the protocol knows.
func (t *tester) crash(reason string) {
	t.rec.log("XX", reason)
	t.rec.WasNotCleanReason = text(reason)
	t.out.abort()
	t.lose()
}
