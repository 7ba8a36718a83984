package h2client

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What this side announces, and its limits.
const (
	streamWindow  = 256 << 10 // bytes that a server may send on a stream that nobody reads
	linkWindow    = 1 << 20   // bytes on all streams together between two WINDOW_UPDATE frames
	maxFrame      = 16 << 10  // of a frame in either direction; every endpoint takes that (RFC 9113 section 4.2)
	maxHeaderList = 64 << 10  // of a response
	tableSize     = 4 << 10   // of HPACK's dynamic tables
	maxOut        = 64 << 10  // bytes; if as many wait for the writer, streams wait, too
	maxAnswers    = 1000      // SETTINGS and PING frames whose answers wait for the writer
	maxWindow     = 1<<31 - 1 // RFC 9113 section 6.9.1
	maxStreamID   = 1<<31 - 1 // section 5.1.1
	idleTimeout   = 90 * time.Second
	lastWrite     = time.Second // for what has to leave before a connection ends
)

// link is one connection.
type link struct {
	nc      net.Conn
	reading *http2.Framer // of the goroutine that reads
	settled chan struct{} // closed when the server's first SETTINGS have come, or the link has ended
	first   sync.Once     // closes settled

	mu      sync.Mutex
	work    sync.Cond // the writer waits for out
	room    sync.Cond // streams wait for room in out, or for the link's window
	out     []byte    // frames that the writer is to write
	answers int       // how many of them answer SETTINGS and PING
	writing *http2.Framer
	block   bytes.Buffer
	enc     *hpack.Encoder

	streams    map[uint32]*Stream
	nextID     uint32
	sendWindow int64
	recvWindow int32
	recvDue    int32 // bytes received that are to be granted again
	peer       peerSettings
	arrivals   uint64 // frames read

	leaving bool  // no stream is opened any more; the link ends with the last one
	err     error // how the link ended
	idle    *time.Timer
}

// peerSettings holds those of the server's SETTINGS that matter here.
type peerSettings struct {
	initialWindow int64
	maxStreams    uint32
	connect       bool
}

func newLink(nc net.Conn) *link {
	l := &link{
		nc: nc, settled: make(chan struct{}), streams: make(map[uint32]*Stream), nextID: 1,
		sendWindow: 65535, recvWindow: linkWindow,
		peer: peerSettings{initialWindow: 65535, maxStreams: maxWindow},
	}
	l.work.L, l.room.L = &l.mu, &l.mu
	l.writing = http2.NewFramer(outWriter{l}, nil)
	l.reading = http2.NewFramer(nil, bufio.NewReaderSize(nc, maxFrame))
	l.reading.SetReuseFrames()
	l.reading.SetMaxReadFrameSize(maxFrame)
	l.reading.MaxHeaderListSize = maxHeaderList
	l.reading.ReadMetaHeaders = hpack.NewDecoder(tableSize, nil)
	l.enc = hpack.NewEncoder(&l.block)
	l.idle = time.AfterFunc(idleTimeout, l.closeIdle)
	return l
}

// start sends the connection preface (RFC 9113 section 3.4) and starts the two goroutines. It calls
// ended when the link has ended.
func (l *link) start(ended func()) {
	l.mu.Lock()
	l.out = append(l.out, http2.ClientPreface...)
	_ = l.writing.WriteSettings( // can't fail: it writes to out
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeaderList},
	)
	_ = l.writing.WriteWindowUpdate(0, linkWindow-65535)
	l.mu.Unlock()
	go l.write()
	go func() {
		l.read()
		ended()
	}()
}

// settle wakes those who wait for the server's SETTINGS.
func (l *link) settle() { l.first.Do(func() { close(l.settled) }) }

// over reports whether the link has ended.
func (l *link) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// open opens a stream by sending the request. It returns nil if this link can't carry one more, and
// an error if no link to this server can.
func (l *link) open(fields []hpack.HeaderField) (*Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil || l.leaving:
		return nil, nil
	case !l.peer.connect:
		return nil, ErrNotAllowed
	case l.nextID > maxStreamID:
		l.leaving = true
		return nil, nil
	case uint64(len(l.streams)) >= uint64(l.peer.maxStreams) || len(l.out) >= maxOut:
		return nil, nil
	}
	s := newStream(l, l.nextID)
	l.streams[s.id] = s
	l.nextID += 2
	l.idle.Stop()
	l.writeRequestLocked(s.id, fields)
	return s, nil
}

// removeLocked forgets a stream whose both directions have ended. l.mu is held.
func (l *link) removeLocked(s *Stream) {
	s.gone = true
	if s.lingering != nil {
		s.lingering.Stop()
	}
	delete(l.streams, s.id)
	if len(l.streams) > 0 || l.err != nil {
		return
	}
	if l.leaving {
		l.endLocked(errIdle, nil)
	} else {
		l.idle.Reset(idleTimeout)
	}
}

// errIdle is the error of a link that nobody used.
var errIdle = errors.New("the HTTP/2 connection was idle and has been closed")

// closeIdle ends the link if no stream is open. Streams that are closed but have not ended yet end
// first.
func (l *link) closeIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		if !s.closed {
			return
		}
	}
	l.leaving = true
	if len(l.streams) == 0 {
		l.endLocked(errIdle, nil)
	}
}

// leave ends the link, and with it all of its streams. A nil cause means that nobody needs the
// link.
func (l *link) leave(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cause == nil {
		cause = errIdle
	}
	l.endLocked(cause, nil)
}

// refuse ends a new link on which no stream could be opened. It returns the reason.
func (l *link) refuse() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(ErrNoStreams, nil)
	return l.err
}

// endLocked ends the link, once. What is in out still leaves, and a GOAWAY frame if code is set,
// within lastWrite. l.mu is held.
func (l *link) endLocked(cause error, code *http2.ErrCode) {
	if l.err != nil {
		return
	}
	l.err = cause
	l.settle()
	l.idle.Stop()
	if code != nil {
		_ = l.writing.WriteGoAway(0, *code, nil)
	}
	for _, s := range l.streams {
		s.endLocked(cause)
	}
	l.work.Signal()
	l.room.Broadcast()
	time.AfterFunc(lastWrite, l.cut)
}

// cut closes the transport at once. The Close of crypto/tls would first wait for a write that is
// under way, and then for one of its own.
func (l *link) cut() {
	if t, ok := l.nc.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
	}
	_ = l.nc.Close()
}
