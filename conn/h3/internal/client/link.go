package client

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// idleTimeout is how long a connection stays that carries no stream.
const idleTimeout = 90 * time.Second

// closeTimeout bounds [Client.Close]. A peer has 5 s to end its side of a stream: see package
// tunnel.
const closeTimeout = 6 * time.Second

// link is one connection.
type link struct {
	conn    *quic.Conn
	settled chan struct{}                       // closed when the server's SETTINGS have come
	own     *quic.SendStream                    // this side's control stream
	allowed bool                                // the SETTINGS allow extended CONNECT; read it after settled
	seen    [streamQPACKDecoder + 1]atomic.Bool // which of the server's streams have come

	mu      sync.Mutex
	streams int                    // that have not ended
	open    int                    // those of them that this side has not ended
	ends    chan struct{}          // closed, and made anew, if a stream ends while the link is leaving
	waiting map[*exchange]struct{} // those of them whose response has not come
	leaving bool                   // no stream is opened any more; the link ends with the last one
	last    uint64                 // the stream that GOAWAY has named
	idle    *time.Timer
}

func newLink(conn *quic.Conn) *link {
	l := &link{
		conn: conn, settled: make(chan struct{}),
		waiting: make(map[*exchange]struct{}), last: math.MaxUint64, ends: make(chan struct{}),
	}
	l.idle = time.AfterFunc(idleTimeout, l.closeIdle)
	return l
}

// start sends SETTINGS and reads the server's. It calls ended when the link has ended.
func (l *link) start(ended func()) {
	context.AfterFunc(l.conn.Context(), func() {
		l.idle.Stop()
		ended()
	})
	s, err := l.conn.OpenUniStream()
	if err == nil {
		l.own = s
		_, err = s.Write(ownSettings()) // QUIC keeps that much, and does not wait
	}
	if err != nil {
		l.fail(localError(http3.ErrCodeInternalError, "no control stream: %v", err))
		return
	}
	go l.accept() // what the server says may end the link, for which own is needed
}

// await waits for the server's SETTINGS.
func (l *link) await(ctx context.Context) error {
	select {
	case <-l.settled:
		return nil
	case <-l.conn.Context().Done():
		return context.Cause(l.conn.Context())
	case <-ctx.Done():
		l.close(http3.ErrCodeNoError, "")
		return context.Cause(ctx)
	}
}

// fail ends the link because the server has broken HTTP/3.
func (l *link) fail(e *http3.Error) { l.close(e.ErrorCode, e.ErrorMessage) }

// close ends the link, and with it all of its streams.
func (l *link) close(code http3.ErrCode, text string) {
	_ = l.conn.CloseWithError(quic.ApplicationErrorCode(code), text)
}

// over reports whether the link has ended.
func (l *link) over() bool { return l.conn.Context().Err() != nil }

// exchange opens a stream. It returns nil if this link can't carry one more, and an error if no link
// to this server can.
func (l *link) exchange() (*exchange, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.leaving || l.over():
		return nil, nil
	case !l.allowed:
		return nil, ErrNotAllowed
	}
	s, err := l.conn.OpenStream()
	if err != nil {
		return nil, nil // the server allows no more, or the connection has just ended
	}
	x := &exchange{link: l, stream: s}
	l.streams++
	l.open++
	l.waiting[x] = struct{}{}
	l.idle.Stop()
	return x, nil
}

// answered notes that x does not wait for its response any more.
func (l *link) answered(x *exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, x)
}

// closed notes that this side has ended a stream.
func (l *link) closed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// ended notes that a stream has ended on both sides.
func (l *link) ended() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams--
	if l.streams == 0 && !l.over() {
		l.idle.Reset(idleTimeout)
	}
	if l.leaving {
		close(l.ends)
		l.ends = make(chan struct{})
	}
	l.closeUnusedLocked()
}

// closeIdle ends the link when no stream is open any more, and opens none.
func (l *link) closeIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == 0 {
		l.leaving = true
		l.closeUnusedLocked()
	}
}

// closeUnusedLocked ends a link that is leaving, if it has no stream. Another goroutine does it,
// since the end takes l.mu too.
func (l *link) closeUnusedLocked() {
	if l.leaving && l.streams == 0 {
		go func() {
			_ = l.flush(time.Now().Add(closeTimeout))
			l.close(http3.ErrCodeNoError, "")
		}()
	}
}

// finish makes the link leave. It returns when what the sockets that have ended wrote has left, and
// the link has ended if it carries no other one. If ctx ends before that, a link without open
// sockets is closed at once.
func (l *link) finish(ctx context.Context) error {
	l.mu.Lock()
	l.leaving = true
	l.closeUnusedLocked()
	for l.streams > l.open && !l.over() && ctx.Err() == nil {
		ends := l.ends
		l.mu.Unlock()
		select {
		case <-ends:
		case <-l.conn.Context().Done():
		case <-ctx.Done():
		}
		l.mu.Lock()
	}
	open := l.open > 0
	l.mu.Unlock()
	if open {
		deadline, _ := ctx.Deadline()
		if l.flush(deadline) == nil || l.over() {
			return nil
		}
		return errCut
	}
	select {
	case <-l.conn.Context().Done():
		return nil
	case <-ctx.Done():
		l.close(http3.ErrCodeNoError, "")
		return errCut
	}
}

// errCut is the error of [link.finish].
var errCut = fmt.Errorf("websocket: a Close frame, or the end of a stream, may not have left: %w",
	context.DeadlineExceeded)

// flush tells the server that the client is leaving (RFC 9114 section 5.2), and so waits until all
// that was written before has left. QUIC makes packets of what waits, in turn, and asks a limiter
// when it does so: the write returns when GOAWAY is in a packet. A write without a limiter returns
// earlier. Closing a connection takes away what is in no packet.
func (l *link) flush(deadline time.Time) error {
	_ = l.own.SetWriteDeadline(deadline)
	_, err := l.own.WriteWithLimit(goingAway(), func(most int) int { return most })
	return err
}

// errUnused is the error of a link on which no stream could be opened although it is new.
func (l *link) errUnused() error {
	if l.over() {
		return context.Cause(l.conn.Context())
	}
	l.close(http3.ErrCodeNoError, "")
	return ErrNoStreams
}
