package h2client

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
)

// read is the goroutine that reads. It ends with the link.
func (l *link) read() {
	for {
		f, err := l.readFrame()
		if err == nil {
			err = l.handle(f)
		}
		if stream, ok := errors.AsType[http2.StreamError](err); ok {
			err = l.resetStream(stream)
		}
		if err != nil {
			l.fail(err)
			return
		}
	}
}

// readFrame reads one frame. The error names the rule that the Framer found broken, as far as the
// Framer tells.
func (l *link) readFrame() (f http2.Frame, err error) {
	head, err := l.reading.ReadFrameHeader()
	if err == nil {
		f, err = l.reading.ReadFrameForHeader(head)
	}
	if err != nil && head.Length == 'H'<<16|'T'<<8|'T' && head.Type == 'P' { // "HTTP/1.1 400 Bad Request"
		return nil, errHTTP1
	}
	if _, broken := errors.AsType[http2.ConnectionError](err); !broken && err != http2.ErrFrameTooLarge {
		return f, err
	}
	if detail := l.reading.ErrorDetail(); detail != nil {
		return nil, fmt.Errorf("%w: %w", detail, err)
	}
	return nil, fmt.Errorf("%v frame of %d bytes on stream %d: %w",
		head.Type, head.Length, head.StreamID, err)
}

// errHTTP1 says that the server does not speak HTTP/2, as a server without TLS often does not.
var errHTTP1 = fmt.Errorf("the server answers with HTTP/1.1: it does not speak HTTP/2 on this port, or not without TLS: %w", errors.ErrUnsupported)

// breach returns the error of a server that broke a rule, which ends the link.
func breach(code http2.ErrCode, rule string) error {
	return fmt.Errorf("%s: %w", rule, http2.ConnectionError(code))
}

// fail ends the link because of what the server has done: a breach of the protocol, of which it is
// told, or the end of the transport.
func (l *link) fail(err error) {
	var code *http2.ErrCode
	var broken http2.ConnectionError
	switch {
	case errors.As(err, &broken):
		code = (*http2.ErrCode)(&broken)
		err = fmt.Errorf("the server broke the rules of HTTP/2: %w", err)
	case errors.Is(err, http2.ErrFrameTooLarge):
		code = new(http2.ErrCodeFrameSize)
		err = fmt.Errorf("the server broke the rules of HTTP/2: %w", err)
	case err == io.EOF:
		err = fmt.Errorf("the server closed the HTTP/2 connection: %w", io.ErrUnexpectedEOF)
	}
	l.mu.Lock()
	l.endLocked(err, code)
	l.mu.Unlock()
	if code == nil {
		l.cut()
	}
}

// handle processes one frame.
func (l *link) handle(f http2.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if settings, ok := f.(*http2.SettingsFrame); l.arrivals == 0 && (!ok || settings.IsAck()) {
		rule := fmt.Sprintf("%v frame before SETTINGS (RFC 9113 section 3.4)", f.Header().Type)
		return breach(http2.ErrCodeProtocol, rule)
	}
	l.arrivals++
	switch f := f.(type) {
	case *http2.DataFrame:
		return l.dataLocked(f)
	case *http2.MetaHeadersFrame:
		return l.headersLocked(f)
	case *http2.RSTStreamFrame:
		return l.resetLocked(f)
	case *http2.SettingsFrame:
		return l.settingsLocked(f)
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		_ = l.writing.WritePing(true, f.Data)
		return l.answerLocked()
	case *http2.GoAwayFrame:
		l.goAwayLocked(f)
	case *http2.WindowUpdateFrame:
		return l.windowUpdateLocked(f)
	case *http2.PushPromiseFrame:
		return breach(http2.ErrCodeProtocol,
			"PUSH_PROMISE, which SETTINGS_ENABLE_PUSH forbids (RFC 9113 section 8.4)")
	}
	return nil
}

// The methods below that end in Locked are called with l.mu held.

// streamLocked returns the stream of a frame, or nil if it has ended. A frame for a stream that was
// never opened is the server's mistake.
func (l *link) streamLocked(id uint32) (*Stream, error) {
	if id%2 == 0 || id >= l.nextID {
		rule := fmt.Sprintf("a frame on stream %d, which was never opened (RFC 9113 section 5.1)", id)
		return nil, breach(http2.ErrCodeProtocol, rule)
	}
	return l.streams[id], nil
}

func (l *link) dataLocked(f *http2.DataFrame) error {
	n := int32(f.Length) // with the padding: section 6.9.1
	if n > l.recvWindow {
		return breach(http2.ErrCodeFlowControl,
			"DATA beyond the connection's window (RFC 9113 section 6.9)")
	}
	l.recvWindow -= n
	// The link's window is granted again at once. The streams' windows bound what is held, and a
	// stream that nobody reads does not stop the others.
	if l.recvDue += n; l.recvDue >= linkWindow/2 {
		_ = l.writing.WriteWindowUpdate(0, uint32(l.recvDue))
		l.recvWindow += l.recvDue
		l.recvDue = 0
	}
	s, err := l.streamLocked(f.StreamID)
	if s == nil {
		return err
	}
	return s.dataLocked(f)
}

func (l *link) headersLocked(f *http2.MetaHeadersFrame) error {
	s, err := l.streamLocked(f.StreamID)
	if s == nil {
		return err
	}
	return s.headersLocked(f)
}

func (l *link) resetLocked(f *http2.RSTStreamFrame) error {
	s, err := l.streamLocked(f.StreamID)
	if s == nil {
		return err
	}
	err = http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode, Cause: errors.New("the server reset the stream")}
	if f.ErrCode == http2.ErrCodeRefusedStream {
		err = refused{err}
	}
	s.endLocked(err)
	l.removeLocked(s)
	return nil
}

// resetStream resets a stream for the server's mistake.
func (l *link) resetStream(e http2.StreamError) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	s, err := l.streamLocked(e.StreamID)
	if s == nil {
		return err
	}
	_ = l.writing.WriteRSTStream(e.StreamID, e.Code)
	s.endLocked(fmt.Errorf("the server broke the rules of HTTP/2: %w", e))
	l.removeLocked(s)
	return nil
}

func (l *link) goAwayLocked(f *http2.GoAwayFrame) {
	l.leaving = true
	err := refused{goAway(f.ErrCode, f.DebugData())}
	for id, s := range l.streams {
		if id > f.LastStreamID {
			s.endLocked(err)
			l.removeLocked(s)
		}
	}
	if len(l.streams) == 0 {
		l.endLocked(err, nil)
	}
}

func (l *link) windowUpdateLocked(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if l.sendWindow += int64(f.Increment); l.sendWindow > maxWindow {
			return breach(http2.ErrCodeFlowControl,
				"the connection's window is more than 2^31-1 (RFC 9113 section 6.9.1)")
		}
		l.room.Broadcast()
		return nil
	}
	s, err := l.streamLocked(f.StreamID)
	if s == nil {
		return err
	}
	return s.growLocked(int64(f.Increment))
}

// settingsLocked processes the server's SETTINGS (RFC 9113 section 6.5).
func (l *link) settingsLocked(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if err := f.ForeachSetting(l.settingLocked); err != nil {
		return err
	}
	_ = l.writing.WriteSettingsAck()
	l.settle()
	return l.answerLocked()
}

func (l *link) settingLocked(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return fmt.Errorf("SETTINGS with %v: %w", s, err)
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		l.enc.SetMaxDynamicTableSizeLimit(min(s.Val, tableSize))
	case http2.SettingMaxConcurrentStreams:
		l.peer.maxStreams = s.Val
	case http2.SettingInitialWindowSize:
		return l.resizeLocked(int64(s.Val))
	case http2.SettingEnableConnectProtocol:
		if s.Val == 0 && l.peer.connect {
			return breach(http2.ErrCodeProtocol,
				"SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 after it was 1 (RFC 8441 section 3)")
		}
		l.peer.connect = s.Val == 1
	}
	return nil
}

// resizeLocked changes the windows of all streams (RFC 9113 section 6.9.2). They may become
// negative.
func (l *link) resizeLocked(n int64) error {
	delta := n - l.peer.initialWindow
	l.peer.initialWindow = n
	for _, s := range l.streams {
		if s.growLocked(delta) != nil {
			return breach(http2.ErrCodeFlowControl,
				"SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window more than 2^31-1 (RFC 9113 section 6.9.2)")
		}
	}
	return nil
}
