package client

import (
	"errors"
	"io"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// accept takes the server's unidirectional streams until the connection ends.
func (l *link) accept() {
	for {
		s, err := l.conn.AcceptUniStream(l.conn.Context())
		if err != nil {
			return
		}
		go l.unidirectional(s)
	}
}

// unidirectional reads one of the server's streams (RFC 9114 section 6.2).
func (l *link) unidirectional(s *quic.ReceiveStream) {
	r := quicvarint.NewReader(s)
	kind, err := quicvarint.Read(r)
	if err != nil {
		return // cut before it said what it is
	}
	switch {
	case kind == streamPush:
		l.fail(localError(http3.ErrCodeIDError, "a push that nobody has allowed"))
	case kind > streamQPACKDecoder: // unknown types are no errors
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeStreamCreationError))
	case l.seen[kind].Swap(true):
		l.fail(localError(http3.ErrCodeStreamCreationError, "a second stream of type %d", kind))
	case kind == streamControl:
		l.fail(l.control(r))
	default:
		// QPACK's streams. This side has no dynamic table, so the server has nothing to say there.
	}
}

// control reads the server's control stream. It returns why the connection has to end.
func (l *link) control(r quicvarint.Reader) *http3.Error {
	for first := true; ; first = false {
		kind, length, err := readFrame(r)
		if err != nil {
			return controlEnds(err)
		}
		switch {
		case first && kind != frameSettings:
			return localError(http3.ErrCodeMissingSettings,
				"the control stream begins with a frame of type %#x", kind)
		case first:
			err = l.settings(r, length)
		case kind == frameGoAway:
			err = l.goAway(r, length)
		case kind == frameCancelPush:
			err = localError(http3.ErrCodeIDError, "a push is cancelled that nobody has allowed")
		default:
			err = localError(http3.ErrCodeFrameUnexpected, "a frame of type %#x on the control stream", kind)
		}
		if err != nil {
			return controlEnds(err)
		}
	}
}

// controlEnds returns the error for the end of the control stream, which must not end (section
// 6.2.1).
func controlEnds(err error) *http3.Error {
	var e *http3.Error
	switch {
	case errors.As(err, &e):
		return e
	case err == io.ErrUnexpectedEOF:
		return localError(http3.ErrCodeFrameError, "the control stream ended within a frame")
	}
	return localError(http3.ErrCodeClosedCriticalStream, "the control stream ended: %v", err)
}

// maxControl bounds the frames of the control stream, in octets.
const maxControl = 8 << 10

// settings reads a SETTINGS frame.
func (l *link) settings(r io.Reader, length uint64) error {
	b, err := readPayload(r, length, maxControl)
	if err != nil {
		return err
	}
	allowed, broken := allowsConnect(b)
	if broken != nil {
		return broken
	}
	l.allowed = allowed
	close(l.settled)
	return nil
}

// goAway reads a GOAWAY frame. Requests on the stream that it names, and on those after that, have
// not been processed (section 5.2).
func (l *link) goAway(r io.Reader, length uint64) error {
	b, err := readPayload(r, length, maxControl)
	if err != nil {
		return err
	}
	id, n, err := quicvarint.Parse(b)
	if err != nil || n != len(b) {
		return localError(http3.ErrCodeFrameError, "GOAWAY holds more, or less, than a number")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if id%4 != 0 || id > l.last {
		return localError(http3.ErrCodeIDError, "GOAWAY names the stream %d", id)
	}
	l.leaving, l.last = true, id
	for x := range l.waiting {
		if uint64(x.stream.StreamID()) >= id {
			x.refuse()
		}
	}
	l.closeUnusedLocked()
	return nil
}
