package transport

import (
	"io"
	"net"
	"sync"
)

// requestBody is the client's direction of an HTTP/2 stream. It is like io.Pipe, but Write does not
// return when the transport has taken the last byte. It returns when the transport comes back for
// more, which x/net's transport does when it has written those bytes. So what Write reports as sent
// does leave, even if the connection is then cut by a reset. An answer to a Close frame is such a
// write.
//
// There is one Write at a time, as everywhere in Conn.
type requestBody struct {
	mu      sync.Mutex
	moved   sync.Cond // something below has changed
	p       []byte    // the bytes of the current Write that the transport has yet to take
	writing bool      // from Write until the transport comes back
	end     bodyEnd
	gone    bool // the transport reads no more
}

// bodyEnd says how this side has ended the body.
type bodyEnd uint8

const (
	bodyOpen     bodyEnd = iota
	bodyFinished         // END_STREAM follows what was written
	bodyAborted          // nothing follows
)

func newRequestBody() *requestBody {
	b := new(requestBody)
	b.moved.L = &b.mu
	return b
}

// Read is for the transport.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.p) == 0 {
		b.writing = false
		b.moved.Broadcast()
	}
	for len(b.p) == 0 && b.end == bodyOpen && !b.gone {
		b.moved.Wait()
	}
	switch {
	case b.gone || b.end == bodyAborted:
		return 0, net.ErrClosed
	case len(b.p) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.p)
	b.p = b.p[n:]
	return n, nil
}

// Close is for the transport. It reads no more.
func (b *requestBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
	b.moved.Broadcast()
	return nil
}

// Write returns when the transport is done with p. The error is io.ErrClosedPipe if the transport
// has let go of the body, and net.ErrClosed if this side has ended it.
func (b *requestBody) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end == bodyOpen && !b.gone {
		b.p, b.writing = p, len(p) > 0
		b.moved.Broadcast()
		for b.writing && b.end != bodyAborted && !b.gone {
			b.moved.Wait()
		}
		// The server may have ended the stream because of what was taken whole before. So that is
		// no error here: the reader learns why.
		n, done := len(p)-len(b.p), !b.writing || len(b.p) == 0 && b.gone && b.end == bodyOpen
		b.p, b.writing = nil, false // p is the caller's again
		if done {
			return n, nil
		}
		return n, b.closedLocked()
	}
	return 0, b.closedLocked()
}

// closedLocked returns the error that says who has ended the body.
func (b *requestBody) closedLocked() error {
	if b.end != bodyOpen {
		return net.ErrClosed
	}
	return io.ErrClosedPipe
}

// finish makes END_STREAM follow what was written. After abort nothing follows.
func (b *requestBody) finish() { b.stop(bodyFinished) }
func (b *requestBody) abort()  { b.stop(bodyAborted) }

func (b *requestBody) stop(end bodyEnd) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end = max(b.end, end)
	b.moved.Broadcast()
}
