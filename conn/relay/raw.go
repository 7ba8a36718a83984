package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/frame"
)

// Raw relay: how it works.
//
// Both sides have agreed on the same extensions, so that a frame means the same on both. Its bytes
// pass as they are, masks included: a client's frames are masked on both transports, and a server's
// on neither. Each [direction] has a goroutine, which waits for bytes of its source without a
// buffer, reads, and writes what it has read before it reads more. So a receiver that is slow holds
// back the sender, and what the relay holds is bounded by one read. How a socket is read is in
// [direction.passSocket].
//
// A [walker] follows the frames. So the relay knows which Close frames have passed, and where it
// may put in one of its own. A [phase] says what becomes of the bytes.
//
// The end of a source becomes the end of that direction at the other transport. The session is over
// when both directions have ended. From the first of these ends on a timer bounds the rest.

// session is a pair of connections whose frames are relayed as they are.
type session struct {
	p               *Proxy
	request         *http.Request // for Ended; nil: nobody wants it
	client, backend side
	toBackend       direction
	toClient        direction

	running atomic.Int32  // goroutines
	done    chan struct{} // closed at the end

	mu    sync.Mutex
	limit *time.Timer // from the first end of a direction on; nil before
	cause error       // why both sides were cut; nil: they were not

	aborts sync.WaitGroup // closes both transports, if there is a cause
}

// side is one of the two connections.
type side struct {
	transport transport.Transport
	name      string
	shut      atomic.Bool // nothing is sent to it any more
	said      atomic.Bool // its Close frame has come
}

// direction is one of the two ways through a session. Its goroutine alone reads.
type direction struct {
	s        *session
	src, dst *side
	early    []byte      // bytes of src that came with the handshake; nil once they have passed
	masked   bool        // frames of this direction are masked (RFC 6455 section 5.3)
	hungUp   atomic.Bool // src, a socket, may end without another word from the poller

	// mu guards what is sent to dst, and what follows.
	mu    sync.Mutex
	phase phase
	walk  walker
	bytes int64                // that have passed
	now   *transport.NowWriter // to dst; nil: dst is no socket
}

// newSession makes a session of two transports, whose handshakes are done.
func newSession(p *Proxy, r *http.Request, client, backend accepted) *session {
	s := &session{p: p, done: make(chan struct{})}
	if p.Ended != nil {
		s.request = r
	}
	s.client.name, s.backend.name = "client", "backend"
	s.client.init(client.link, s)
	s.backend.init(backend.link, s)
	s.toBackend = direction{s: s, src: &s.client, dst: &s.backend, masked: true}
	s.toClient = direction{s: s, src: &s.backend, dst: &s.client}
	s.toBackend.now, s.toClient.now = s.backend.transport.NowWriter(), s.client.transport.NowWriter()
	s.toBackend.early, s.toClient.early = bytes.Clone(client.early), bytes.Clone(backend.early)
	return s
}

func (e *side) init(l transport.Link, s *session) {
	if l.Socket() {
		e.transport.Init(l)
	} else {
		e.transport.InitPlain(l, limiter{s})
	}
}

// start relays in two goroutines of its own.
func (s *session) start() {
	s.running.Store(2)
	go s.toBackend.run()
	go s.toClient.run()
}

// leave is the end of one of the session's goroutines. The last one ends the session.
func (s *session) leave() {
	if s.running.Add(-1) > 0 {
		return
	}
	s.mu.Lock()
	if s.limit != nil {
		s.limit.Stop()
	}
	cause := s.cause
	s.mu.Unlock()
	if cause != nil {
		s.aborts.Wait()
	}
	for _, e := range [...]*side{&s.client, &s.backend} {
		if cause == nil {
			e.transport.Close()
		}
		e.transport.Release()
	}
	s.p.ended(s.request, End{Client: s.toBackend.end(), Backend: s.toClient.end(), Err: cause})
	close(s.done)
	s.p.leave(s)
}

// end returns how the sender of d has ended it.
func (d *direction) end() Side {
	d.mu.Lock()
	defer d.mu.Unlock()
	code, reason := d.walk.last()
	return Side{Code: code, Reason: reason, Bytes: d.bytes}
}

// shutdown ends the session with 1001, in both directions.
func (s *session) shutdown() {
	s.startTimer()
	go s.toBackend.drain()
	s.toClient.drain()
}

// startTimer bounds the way from here to the end.
func (s *session) startTimer() {
	d := s.p.closeTimeout()
	if d <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit == nil {
		s.limit = time.AfterFunc(d, func() { s.abort(ws.ErrCloseTimeout, false) })
	}
}

// abort closes both transports at once. With a reset TCP drops what has not arrived yet, so that
// the peer learns of the cut even if it does not read. The Close of a socket waits until its reader
// has left [transport.Transport.Loop], and the caller may be that reader. So goroutines close.
func (s *session) abort(cause error, reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return
	}
	s.cause = cause
	for _, e := range [...]*side{&s.client, &s.backend} {
		if reset {
			setReset(e.transport.Unwrap())
		}
		s.aborts.Go(e.transport.Abort)
	}
}

// setReset makes the Close of a TCP connection send a RST.
func setReset(rwc io.Closer) {
	if t, ok := rwc.(interface{ NetConn() net.Conn }); ok {
		rwc = t.NetConn()
	}
	if t, ok := rwc.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

// run relays until the source ends.
func (d *direction) run() {
	defer d.s.leave()
	if len(d.early) > 0 {
		d.forward(d.early)
		d.early = nil
	}
	if d.src.transport.Socket() {
		d.over(d.passSocket())
	} else {
		d.over(d.passStream())
	}
}

// background is the context of all reads and writes: no context ends a session.
var background = context.Background()

// passStream relays from a source that is no socket, and returns the source's error.
func (d *direction) passStream() error {
	for {
		in, n, err := d.read()
		if n > 0 {
			d.forward(in.Room[:n])
		}
		if in != nil {
			pool.PutRead(in)
		}
		if err != nil {
			return err
		}
	}
}

// read waits for bytes of a stream without holding a buffer, and reads. The caller has to give the
// buffer back.
func (d *direction) read() (in *pool.ReadBuffer, n int, err error) {
	t := &d.src.transport
	if d.walk.within() > 0 { // more is on its way
		in = pool.GetRead()
		n, _, err = t.Read(background, in.Room[:], nil)
		return in, n, err
	}
	n, _, err = t.Read(background, nil, &in)
	if n == transport.FirstBytes && d.splits(in.Room[:n]) {
		// The first read is short, to do without a buffer. The rest of the frame is as a rule at
		// hand.
		var more int
		more, _, err = t.Read(background, in.Room[n:], nil)
		n += more
	}
	return in, n, err
}

// splits reports whether a frame is begun and not ended after p.
func (d *direction) splits(p []byte) bool {
	ahead := d.walk
	ahead.closing = nil // shared with d.walk
	ahead.walk(p)
	return !ahead.between()
}

// forward sends p, or a part of it, as the phase wants.
func (d *direction) forward(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	had := d.walk.closed()
	at := d.walk.walk(p)
	switch d.phase {
	case passing:
		d.sendLocked(p)
	case leaving:
		d.leaveLocked(p, at)
	}
	if d.walk.closed() && !had {
		d.src.said.Store(true)
		if d.src.shut.Load() { // that has waited for this answer
			d.src.transport.CloseWrite()
		}
	}
}

// leaveLocked sends p up to its last boundary, and ends there. If the source's Close frame has
// come, it sends all of p, since the source itself has said how it ends.
func (d *direction) leaveLocked(p []byte, at int) {
	if at == nowhere || d.walk.closed() {
		d.sendLocked(p)
		return
	}
	d.sendLocked(p[:at])
	d.stepLocked(boundary, nil)
}

// drain ends the direction with a Close frame of the relay's own, unless the source's has passed.
func (d *direction) drain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.walk.closed(): // nothing may follow
	case d.walk.between():
		d.stepLocked(drainBetween, nil)
	default:
		d.stepLocked(drainWithin, nil)
	}
}

// over ends the direction after an error of its source.
func (d *direction) over(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == io.EOF || d.walk.closed() || d.src.shut.Load() || d.s.isCut():
		d.stepLocked(finished, nil)
	default:
		const text = "websocket: relay: the connection to the %s was lost: %w"
		d.stepLocked(broken, fmt.Errorf(text, d.src.name, err))
	}
}

// isCut reports whether the session was cut.
func (s *session) isCut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause != nil
}

// stepLocked applies e to the phase and carries out the action. why is the reason of a cut.
func (d *direction) stepLocked(e event, why error) {
	was := d.phase
	var do action
	d.phase, do = next(d.phase, e)
	if d.phase != was && d.phase != leaving {
		d.s.startTimer()
	}
	switch do {
	case sayClose:
		d.sendLocked(d.closeFrame())
	case shut:
		d.shutLocked(was)
	case cut:
		d.s.abort(why, true)
	}
}

// shutLocked ends the direction towards the receiver. If the last frame was a Close frame, it waits
// for the receiver's answer. A client over HTTP/2 may end its stream right behind its Close frame,
// as browsers do, and many a server over TCP takes a FIN there for a client that has gone. And a
// client's stream can't be ended in one direction alone by net/http's server.
func (d *direction) shutLocked(was phase) {
	d.dst.shut.Store(true)
	asked := d.walk.closed() || was == silent
	if !asked || d.dst.said.Load() {
		d.dst.transport.CloseWrite()
	}
}

// closeFrame returns a Close frame with 1001 (going away, RFC 6455 section 7.4.1).
func (d *direction) closeFrame() []byte {
	payload, _ := frame.AppendClose(nil, frame.GoingAway, "the proxy is shutting down")
	h := frame.Header{Opcode: frame.Close, Fin: true, Masked: d.masked}
	e := frame.Encoder{Role: frame.Server}
	if d.masked {
		e.Role = frame.Client
		var key [4]byte
		_, _ = rand.Read(key[:]) // never fails
		h.Key = binary.LittleEndian.Uint32(key[:])
	}
	p, _ := e.AppendFrame(nil, h, payload) // it is valid
	return p
}

// sendLocked sends p to the receiver, and waits until the receiver's transport has taken it.
func (d *direction) sendLocked(p []byte) {
	if len(p) == 0 || d.phase == ended {
		return
	}
	n := 0
	var err error
	if d.now != nil {
		n, err = d.now.Write(p) // all of it, as a rule
	}
	if n < len(p) && err == nil {
		var rest int
		rest, _, err = d.dst.transport.Write(background, d.s.writeLimit(), p[n:], nil)
		n += rest
	}
	d.sentLocked(int64(n), err)
}

func (s *session) writeLimit() transport.WriteLimit {
	return transport.WriteLimit{Timeout: s.p.writeTimeout(), Err: ws.ErrWriteTimeout}
}

// sentLocked notes the result of a write.
func (d *direction) sentLocked(n int64, err error) {
	d.bytes += n
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.stepLocked(stuck, ws.ErrWriteTimeout)
	default:
		d.stepLocked(lost, nil)
	}
}

// limiter bounds the writes to a transport that is no socket.
type limiter struct{ s *session }

func (l limiter) WriteTimeout() time.Duration { return l.s.p.writeTimeout() }

func (l limiter) WriteTimedOut() error {
	l.s.abort(ws.ErrWriteTimeout, true)
	return ws.ErrWriteTimeout
}
