package h2client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// Stream is one stream of an HTTP/2 connection. One goroutine may read and one may write at a time.
// The other methods may be called concurrently.
type Stream struct {
	link *link
	id   uint32

	// link.mu guards the fields below.

	answered chan struct{} // closed when resp or err is set
	resp     *http.Response
	informed int // 1xx responses

	readable sync.Cond
	in       *buffer // bytes that have come and were not read; nil if there are none
	want     []byte  // the argument of the Read that waits
	got      int     // what was put into want
	inErr    error   // comes after in; io.EOF after END_STREAM

	recvWindow int32
	recvDue    int32 // bytes that were read and are to be granted again

	deadline deadline

	writable   sync.Cond
	sendWindow int64
	outErr     error // why nothing more can be written
	finished   bool  // END_STREAM is sent

	closed    bool        // by Close or Abort
	gone      bool        // the link has forgotten it
	lingering *time.Timer // resets a stream that the server does not end
}

// lingerTime is how long the server may take to end a stream after this side has ended it.
const lingerTime = 5 * time.Second

// maxInformed is how many 1xx responses to one request are accepted.
const maxInformed = 10

func newStream(l *link, id uint32) *Stream {
	s := &Stream{link: l, id: id, answered: make(chan struct{}), recvWindow: streamWindow, sendWindow: l.peer.initialWindow}
	s.readable.L, s.writable.L = &l.mu, &l.mu
	return s
}

// await waits for the response. If ctx ends first, the stream is reset.
func (s *Stream) await(ctx context.Context) (*http.Response, error) {
	s.link.mu.Lock()
	answered, before := s.answered, s.link.arrivals
	s.link.mu.Unlock()
	if answered != nil {
		select {
		case <-answered:
		case <-ctx.Done():
			s.giveUp(before)
			return nil, context.Cause(ctx)
		}
	}
	s.link.mu.Lock()
	resp, err := s.resp, s.inErr
	s.resp = nil
	s.link.mu.Unlock()
	if resp == nil {
		return nil, err
	}
	if t := httptrace.ContextClientTrace(ctx); t != nil && t.GotFirstResponseByte != nil {
		t.GotFirstResponseByte()
	}
	return resp, nil
}

// giveUp resets a stream whose response did not come in time. If nothing has come on the connection
// since the request was sent, the connection may be dead, and it gets no other streams.
func (s *Stream) giveUp(before uint64) {
	s.link.mu.Lock()
	if s.link.arrivals == before {
		s.link.leaving = true
	}
	s.link.mu.Unlock()
	s.Abort()
}

// The methods from here to Read are called with link.mu held.

// breach returns the error of a server that broke a rule, which ends s.
func (s *Stream) breach(code http2.ErrCode, rule string) error {
	return http2.StreamError{StreamID: s.id, Code: code, Cause: errors.New(rule)}
}

// headersLocked processes a HEADERS frame: a 1xx response, the response, or trailers.
func (s *Stream) headersLocked(f *http2.MetaHeadersFrame) error {
	if s.answered == nil { // trailers
		if !f.StreamEnded() || s.inErr != nil {
			return s.breach(http2.ErrCodeProtocol,
				"HEADERS in the middle of the stream (RFC 9113 section 8.1)")
		}
		s.endReadLocked(io.EOF)
		return nil
	}
	resp, err := response(f)
	switch {
	case err != nil:
		return err
	case resp.StatusCode < 200:
		if s.informed++; f.StreamEnded() || s.informed > maxInformed || resp.StatusCode == http.StatusSwitchingProtocols {
			return s.breach(http2.ErrCodeProtocol,
				"a 1xx response that may not be (RFC 9113 sections 8.1 and 8.6)")
		}
		return nil
	}
	resp.Body = s
	s.resp = resp
	s.tellLocked()
	if f.StreamEnded() {
		s.endReadLocked(io.EOF)
	}
	return nil
}

// tellLocked wakes await.
func (s *Stream) tellLocked() {
	if s.answered != nil {
		close(s.answered)
		s.answered = nil
	}
}

// dataLocked processes a DATA frame.
func (s *Stream) dataLocked(f *http2.DataFrame) error {
	n, p := int32(f.Length), f.Data()
	switch {
	case s.answered != nil:
		return s.breach(http2.ErrCodeProtocol, "DATA before the response (RFC 9113 section 8.1)")
	case s.inErr != nil:
		return s.breach(http2.ErrCodeStreamClosed, "DATA after END_STREAM (RFC 9113 section 5.1)")
	case n > s.recvWindow:
		return s.breach(http2.ErrCodeFlowControl, "DATA beyond the stream's window (RFC 9113 section 6.9)")
	}
	s.recvWindow -= n
	if !s.closed { // otherwise the data is dropped, and its window is not granted again
		s.consumeLocked(int(n) - len(p))
		s.deliverLocked(p)
	}
	if f.StreamEnded() {
		s.endReadLocked(io.EOF)
	}
	return nil
}

// deliverLocked gives p to the Read that waits, and keeps what is left.
func (s *Stream) deliverLocked(p []byte) {
	if s.want != nil && s.in == nil && len(p) > 0 {
		s.got = copy(s.want, p)
		s.want = nil
		p = p[s.got:]
		s.consumeLocked(s.got)
		s.readable.Signal()
	}
	if len(p) > 0 {
		s.in = s.in.append(p)
	}
}

// consumeLocked counts n bytes that are not held any more. It grants them again when they are half
// of the window.
func (s *Stream) consumeLocked(n int) {
	if s.recvDue += int32(n); s.recvDue < streamWindow/2 || s.inErr != nil || s.gone {
		return
	}
	_ = s.link.writing.WriteWindowUpdate(s.id, uint32(s.recvDue))
	s.recvWindow += s.recvDue
	s.recvDue = 0
}

// growLocked changes how much may be sent, by n bytes.
func (s *Stream) growLocked(n int64) error {
	if s.sendWindow += n; s.sendWindow > maxWindow {
		return s.breach(http2.ErrCodeFlowControl,
			"the stream's window is more than 2^31-1 (RFC 9113 section 6.9.1)")
	}
	s.writable.Signal()
	return nil
}

// endReadLocked ends what the server sends. After END_STREAM the other direction goes on.
func (s *Stream) endReadLocked(err error) {
	if s.inErr == nil {
		s.inErr = err
	}
	s.tellLocked()
	s.readable.Broadcast()
	if s.finished && !s.gone {
		s.link.removeLocked(s)
	}
}

// endLocked ends both directions.
func (s *Stream) endLocked(err error) {
	if s.outErr == nil {
		s.outErr = fmt.Errorf("the HTTP/2 stream has ended: %w (%w)", err, io.ErrClosedPipe)
	}
	s.finished = true
	if s.inErr == nil {
		s.inErr = err
	}
	s.tellLocked()
	s.readable.Broadcast()
	s.writable.Broadcast()
	s.link.room.Broadcast()
}

// Read reads what the server has sent. The error is [io.EOF] after END_STREAM, [net.ErrClosed]
// after Close, [os.ErrDeadlineExceeded] after the deadline, or else what ended the stream, such as
// an [http2.StreamError] after RST_STREAM.
func (s *Stream) Read(p []byte) (n int, err error) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case s.deadline.passed:
			return 0, os.ErrDeadlineExceeded
		case s.in != nil:
			n, s.in = s.in.read(p)
			s.consumeLocked(n)
			return n, nil
		case s.inErr != nil:
			return 0, s.inErr
		case len(p) == 0:
			return 0, nil
		}
		s.want = p
		s.readable.Wait()
		s.want = nil
		if n, s.got = s.got, 0; n > 0 {
			return n, nil
		}
	}
}

// SetReadDeadline makes reads fail from t on, including those that wait already. The zero time
// means no deadline.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	s.deadline.setLocked(s, t)
	return nil
}

// Write sends p in DATA frames. It returns when the connection has accepted all of p, as flow
// control allows. What it has accepted leaves before any reset that follows.
func (s *Stream) Write(p []byte) (n int, err error) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for n < len(p) {
		m, err := s.reserveLocked(len(p) - n)
		if err != nil {
			return n, err
		}
		l.appendDataLocked(s.id, p[n:n+m])
		n += m
	}
	return n, nil
}

// reserveLocked waits until some of want bytes may be sent, takes them from the windows and returns
// how many they are. link.mu is held.
func (s *Stream) reserveLocked(want int) (int, error) {
	l := s.link
	for {
		switch {
		case s.closed || s.finished && s.outErr == nil:
			return 0, net.ErrClosed
		case s.outErr != nil:
			return 0, s.outErr
		case s.sendWindow <= 0:
			s.writable.Wait()
		case l.sendWindow <= 0 || len(l.out) >= maxOut:
			l.room.Wait()
		default:
			n := min(int64(want), s.sendWindow, l.sendWindow, maxFrame)
			s.sendWindow -= n
			l.sendWindow -= n
			return int(n), nil
		}
	}
}

// CloseWrite sends END_STREAM after what was written.
func (s *Stream) CloseWrite() error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	return s.finishLocked()
}

// finishLocked sends END_STREAM, once. link.mu is held.
func (s *Stream) finishLocked() error {
	if s.finished {
		return s.outErr
	}
	s.finished = true
	_ = s.link.writing.WriteData(s.id, true, nil)
	s.writable.Broadcast()
	s.link.room.Broadcast()
	if s.inErr != nil {
		s.link.removeLocked(s)
	}
	return nil
}

// Close ends the stream without waiting. If the server has ended it already, or if CloseWrite was
// called, it ends with END_STREAM. In the second case the server has a few seconds to end it, too.
// Otherwise the stream is reset.
func (s *Stream) Close() error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if s.inErr == io.EOF {
		_ = s.finishLocked()
	}
	if !s.finished || s.gone || s.closed {
		s.cutLocked()
		return nil
	}
	s.releaseLocked()
	s.lingering = time.AfterFunc(lingerTime, s.Abort)
	return nil
}

// Abort resets the stream with CANCEL (RFC 8441 section 5), unless it has ended.
func (s *Stream) Abort() {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	s.cutLocked()
}

// cutLocked does what [Stream.Abort] does. link.mu is held.
func (s *Stream) cutLocked() {
	s.releaseLocked()
	if s.gone || s.link.err != nil {
		return
	}
	_ = s.link.writing.WriteRSTStream(s.id, http2.ErrCodeCancel)
	s.endLocked(net.ErrClosed)
	s.link.removeLocked(s)
}

// releaseLocked ends all reads and writes and drops what was not read. link.mu is held.
func (s *Stream) releaseLocked() {
	s.closed = true
	s.in.free()
	s.in = nil
	s.deadline.stopLocked()
	s.readable.Broadcast()
	s.writable.Broadcast()
	s.link.room.Broadcast()
}

// EndsAlone reports that this side may end the stream without waiting for the server.
func (s *Stream) EndsAlone() bool { return true }

// LocalAddr returns this side's address of the connection.
func (s *Stream) LocalAddr() net.Addr { return s.link.nc.LocalAddr() }

// RemoteAddr returns the server's address.
func (s *Stream) RemoteAddr() net.Addr { return s.link.nc.RemoteAddr() }
