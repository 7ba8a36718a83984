package tunnel

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// A tunnel ends in one of two ways: FIN is what an orderly close of TCP is elsewhere, and a reset
// with H3_REQUEST_CANCELLED is what a reset of TCP is (RFC 9220 section 3). A reset of QUIC
// overtakes what was written before, even what the peer has received and not read. So after a Close
// frame of a WebSocket FIN has to follow, whatever happens.

// CloseWrite sends FIN after what was written. If a Write is under way, that will not return in
// time, and CloseWrite resets the stream.
func (s *Stream) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finishLocked()
}

func (s *Stream) finishLocked() error {
	switch s.out {
	case outOpen:
		s.out = outFinished
		return s.cfg.Ends.Close()
	case outFinished:
		return nil
	case outBusy:
		s.out = outCut
		s.cfg.Ends.CancelWrite(cancelled)
	}
	return io.ErrClosedPipe
}

// Close ends the stream without waiting. The end is in order if both sides have sent FIN. It is in
// order, too, if one has, and the other one does it now: this side at once, the peer within
// lastWord. Otherwise the stream is reset.
func (s *Stream) Close() error {
	s.mu.Lock()
	orderly := s.out == outFinished || s.ended && s.out == outOpen
	if s.closed || !orderly {
		s.mu.Unlock()
		s.Abort()
		return nil
	}
	s.closed = true
	_ = s.finishLocked()
	ended := s.ended
	s.mu.Unlock()
	s.cfg.Closed()
	if ended {
		s.over(noError)
	} else {
		go s.linger()
	}
	return nil
}

// linger waits for the peer's FIN. It reads little, since nothing matters that a peer says after
// its Close frame.
func (s *Stream) linger() {
	_ = s.cfg.QUIC.SetReadDeadline(longAgo) // ends a read that is under way
	s.reading.Lock()
	defer s.reading.Unlock()
	_ = s.cfg.QUIC.SetReadDeadline(time.Now().Add(lastWord))
	if _, err := io.CopyN(io.Discard, s.cfg.QUIC, discardMax); err == io.EOF {
		s.over(noError)
		return
	}
	s.over(cancelled)
}

// over ends the direction of the peer's. After its FIN that does nothing on the wire.
func (s *Stream) over(code quic.StreamErrorCode) {
	s.cfg.Ends.CancelRead(code)
	s.cfg.Over()
}

// Abort resets the stream with H3_REQUEST_CANCELLED. If FIN has been sent, that stays so.
func (s *Stream) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	if s.out != outFinished {
		s.out = outCut
		s.cfg.Ends.CancelWrite(cancelled) // ends a Write that flow control holds up
	}
	s.cfg.Closed()
	s.over(cancelled)
}

// ResetOvertakes says that Abort may take away from the peer what was written before.
func (s *Stream) ResetOvertakes() {}

// LostError says that the peer has reset the stream, or that the connection is lost. errors.Is
// finds io.ErrUnexpectedEOF in it, and errors.As finds the cause: an [*http3.Error] if there was a
// code, otherwise an error of package quic.
type LostError struct {
	text  string
	cause error
}

func (e *LostError) Error() string { return e.text }

// Is reports whether target is io.ErrUnexpectedEOF. QUIC's errors are all net.ErrClosed, whoever
// ended the connection. So they can't be in the chain of Unwrap, where that error says that this
// side has ended it.
func (e *LostError) Is(target error) bool { return target == io.ErrUnexpectedEOF }

// As finds the cause.
func (e *LostError) As(target any) bool { return errors.As(e.cause, target) }

// explain returns the LostError for an error of QUIC's.
func explain(err error) error {
	var stream *quic.StreamError
	var app *quic.ApplicationError
	var idle *quic.IdleTimeoutError
	switch {
	case errors.As(err, &stream):
		cause := &http3.Error{Remote: stream.Remote, ErrorCode: http3.ErrCode(stream.ErrorCode)}
		return &LostError{fmt.Sprintf("the HTTP/3 stream was reset: %v", cause), cause}
	case errors.As(err, &app):
		cause := &http3.Error{
			Remote: app.Remote, ErrorCode: http3.ErrCode(app.ErrorCode), ErrorMessage: app.ErrorMessage,
		}
		return &LostError{fmt.Sprintf("the HTTP/3 connection was closed: %v", cause), cause}
	case errors.As(err, &idle):
		return &LostError{"the QUIC connection was lost: nothing came from the peer any more", err}
	}
	return &LostError{fmt.Sprintf("the QUIC connection was lost: %v", err), err}
}
