package conn

import (
	"time"

	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// Trace holds hooks that observe connections; nil ones are not called, and a
// Config without a Trace costs nothing. One Trace may observe any number of
// connections. Stats and LogTrace make ready ones, JoinTraces puts several
// together. What Dial does before there is a connection it tells an
// httptrace.ClientTrace of its context.
//
// A hook runs on the goroutine that caused it and may run on several at once.
// It must not block, and as the connection may be locked meanwhile, of c's
// methods it may call State, Subprotocol, Deflate, LocalAddr, RemoteAddr, Data
// and SetData alone; Opened, Closed and Panic may call all of them. Strings
// that the peer chose are for logs, not for end users.
type Trace struct {
	// Opened is called once for every connection, when its opening handshake is
	// done and before anybody else has it. r is the client's request where this
	// side is the server; nil for Dial and New.
	Opened func(c *Conn, r *handshake.Request)

	// Refused is called for an opening handshake that an Upgrader did not
	// accept, with what Upgrade returns: a *handshake.Error where the request
	// was at fault or a hook refused it, else what went wrong on this side,
	// such as a Config that makes no sense. The client of Upgrader.Handler does
	// not get to know more than the status 500 then, and nobody else but this
	// hook. Where the request could not be read, r has the RemoteAddr alone.
	Refused func(r *handshake.Request, err error)

	// FrameReceived is called for each frame of the peer when its header, or a
	// control frame as a whole, has arrived and breaks no rule (RFC 6455
	// section 5.2). h.Key is 0.
	FrameReceived func(c *Conn, h frame.Header)

	// FrameSent is called for each frame of this side when it gets its place in
	// the order of the wire. It leaves with the next write; a Write whose
	// context ends may still take its own back. h.Key is 0.
	FrameSent func(c *Conn, h frame.Header)

	// MessageReceived is called for each message of the peer that is complete:
	// one that is read in pieces when its end was read.
	MessageReceived func(c *Conn, m MessageInfo)

	// MessageSent is called like FrameSent, for the last frame of a message.
	MessageSent func(c *Conn, m MessageInfo)

	// CloseReceived and CloseSent are called for Close frames, with
	// CloseNoStatus where the frame has no code (RFC 6455 section 5.5.1).
	CloseReceived func(c *Conn, code CloseCode, reason string)
	CloseSent     func(c *Conn, code CloseCode, reason string)

	// RoundTrip is called when a Pong answers a ping of Conn.Ping or of
	// Config.KeepAlive, with how long it took.
	RoundTrip func(c *Conn, rtt time.Duration)

	// Queued is called when a message of Append or Send has to wait because the
	// transport is busy. buffered is what Conn.Buffered returns then: the depth
	// of the queue in bytes.
	Queued func(c *Conn, buffered int)

	// Dropped is called for a message that Config.QueuePolicy drops. It was
	// never compressed, so that its Wire is 0.
	Dropped func(c *Conn, m MessageInfo)

	// Panic is called when a callback of Serve panicked, with the value that
	// it panicked with and its stack. The connection is then failed with 1011.
	Panic func(c *Conn, value any, stack []byte)

	// Closed is called once, when the connection has ended and its transport
	// is closed.
	Closed func(c *Conn, err *CloseError)
}

// MessageInfo describes a message for a Trace.
type MessageInfo struct {
	Type       MessageType // Text or Binary
	Compressed bool        // it was compressed on the wire (RFC 7692)
	Size       int64       // its length in bytes, as the programs at both ends see it
	Wire       int64       // the payload of its frames in bytes: less than Size where compression helped
}

func (t *Trace) opened(c *Conn, r *handshake.Request) {
	if t != nil && t.Opened != nil {
		t.Opened(c, r)
	}
}

func (t *Trace) refused(r *handshake.Request, err error) {
	if t != nil && t.Refused != nil {
		t.Refused(r, err)
	}
}

func (t *Trace) closed(c *Conn, err *CloseError) {
	if t != nil && t.Closed != nil {
		t.Closed(c, err)
	}
}

// received tells of the frame that ev, an event of c's decoder, begins or is.
func (t *Trace) received(c *Conn, ev frame.Event) {
	if t.FrameReceived != nil && (ev.Kind == frame.Start || ev.Kind == frame.Control) {
		t.FrameReceived(c, c.rd.dec.Header())
	}
}

// receivedMessage tells of the message that the reader has completed.
func (t *Trace) receivedMessage(c *Conn, size int64) {
	if r := &c.rd; t.MessageReceived != nil {
		t.MessageReceived(c, MessageInfo{Type: r.typ, Compressed: r.zipped, Size: size, Wire: r.dec.Announced()})
	}
}

func (t *Trace) sent(c *Conn, h frame.Header) {
	if t.FrameSent != nil {
		h.Key, h.Masked = 0, c.role() == frame.Client
		t.FrameSent(c, h)
	}
}

// sentMessage tells of a message of size bytes whose last frame has been
// encoded.
func (t *Trace) sentMessage(c *Conn, m MessageInfo) {
	if t.MessageSent != nil {
		m.Type &^= Uncompressed
		t.MessageSent(c, m)
	}
}

// sentPrepared tells of the frame and the message of a Prepared. A client's
// frame is one that appendFrame has told of.
func (t *Trace) sentPrepared(c *Conn, m *Prepared, f *form) {
	if c.role() == frame.Server {
		t.sent(c, f.header)
	}
	t.sentMessage(c, MessageInfo{Type: m.t, Compressed: f.header.RSV != 0, Size: int64(len(m.p)), Wire: int64(len(f.payload))})
}

func (t *Trace) dropped(c *Conn, typ MessageType, size int) {
	if t != nil && t.Dropped != nil {
		t.Dropped(c, MessageInfo{Type: typ &^ Uncompressed, Size: int64(size)})
	}
}

func (t *Trace) queued(c *Conn) {
	if t != nil && t.Queued != nil {
		t.Queued(c, c.wr.buffered())
	}
}

func (t *Trace) roundTrip(c *Conn, rtt time.Duration) {
	if t != nil && t.RoundTrip != nil {
		t.RoundTrip(c, rtt)
	}
}

// closeReceived and closeSent take the payload of a Close frame that is valid.

func (t *Trace) closeReceived(c *Conn, payload []byte) {
	if t != nil && t.CloseReceived != nil {
		code, reason, _ := frame.ParseClose(payload)
		t.CloseReceived(c, code, string(reason))
	}
}

func (t *Trace) closeSent(c *Conn, payload []byte) {
	if t.CloseSent != nil {
		code, reason, _ := frame.ParseClose(payload)
		t.CloseSent(c, code, string(reason))
	}
}

// JoinTraces returns a Trace that calls the hooks of all traces, in their
// order. Nil traces are skipped.
func JoinTraces(traces ...*Trace) *Trace {
	all := new(Trace)
	for _, t := range traces {
		if t == nil {
			continue
		}
		all = &Trace{
			Opened:          join2(all.Opened, t.Opened),
			Refused:         join2(all.Refused, t.Refused),
			FrameReceived:   join2(all.FrameReceived, t.FrameReceived),
			FrameSent:       join2(all.FrameSent, t.FrameSent),
			MessageReceived: join2(all.MessageReceived, t.MessageReceived),
			MessageSent:     join2(all.MessageSent, t.MessageSent),
			CloseReceived:   join3(all.CloseReceived, t.CloseReceived),
			CloseSent:       join3(all.CloseSent, t.CloseSent),
			RoundTrip:       join2(all.RoundTrip, t.RoundTrip),
			Queued:          join2(all.Queued, t.Queued),
			Dropped:         join2(all.Dropped, t.Dropped),
			Panic:           join3(all.Panic, t.Panic),
			Closed:          join2(all.Closed, t.Closed),
		}
	}
	return all
}

// join2 and join3 return a hook that calls f, then g.

func join2[A, B any](f, g func(A, B)) func(A, B) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A, b B) { f(a, b); g(a, b) }
}

func join3[A, B, C any](f, g func(A, B, C)) func(A, B, C) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A, b B, c C) { f(a, b, c); g(a, b, c) }
}
