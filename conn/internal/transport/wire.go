package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/rfc6455/ws/conn/internal/loop"
	"github.com/rfc6455/ws/conn/internal/pool"
)

// TLS without a goroutine.
//
// A tls.Conn reads and writes by a net.Conn, and waits there. A Wire is a net.Conn that lies
// between a tls.Conn and its socket. During the handshakes it passes everything on, but for the
// bounds of the first records: see [helloSplitter]. When it is moved into a loop, it stops waiting:
// a read that finds nothing returns errNothing, and a write keeps what the socket does not take.
// errNothing is a temporary net.Error, so that crypto/tls does not keep it, and goes on with the
// record where it was. From then on the tls.Conn, too, does nothing but with the bytes that are
// there.

// errNothing says that there is nothing to read now.
var errNothing error = nothingToRead{}

type nothingToRead struct{}

func (nothingToRead) Error() string   { return "nothing to read now" }
func (nothingToRead) Timeout() bool   { return true }
func (nothingToRead) Temporary() bool { return true }

// errUnread says that the peer makes this side answer and does not read the answers.
var errUnread = errors.New(
	"websocket: the peer of a TLS connection asks for more answers than it reads")

// Wire is a net.Conn under a tls.Conn that may be moved into a loop.
type Wire struct {
	net.Conn              // the socket
	socket   *loop.Socket // the same, when it is in a loop; nil: it is not
	tls      *tls.Conn    // which uses the Wire; set together with socket

	// These belong to who reads the tls.Conn.
	fd  uintptr          // set for the time of a read
	in  *pool.ReadBuffer // what was read and not used; nil: nothing
	dry bool             // the socket is empty
	hup bool             // the peer has ended its direction, or the connection is broken

	hello helloSplitter // of an accepted connection

	mu   sync.Mutex  // guards rest, cork and next
	rest []byte      // what the socket has not taken, in a buffer of the pool
	cork bool        // more follows: the socket gets all of it together
	owed uint16      // the last bytes written, which count when rest is out; for who writes
	next loop.Writer // who waits until the socket takes more; nil: nobody
}

// secure is the stream of a Wire that is in a loop: TLS.
type secure Wire

// NewWire returns a Wire over nc if a loop could take nc. If not, it returns nc.
func NewWire(nc net.Conn) net.Conn {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return &Wire{Conn: nc}
	}
	return nc
}

// unwire returns the socket of a Wire, and every other stream as it is.
func unwire(rwc io.ReadWriteCloser) io.ReadWriteCloser {
	if w, ok := rwc.(*Wire); ok {
		return w.Conn
	}
	return rwc
}

// WorkingDeadlines says that deadlines end reads: see [HasDeadlines].
func (w *Wire) WorkingDeadlines() bool { return true }

// CloseWrite ends this side's direction of the socket. An HTTP server does so before it closes a
// connection on which the peer may still be sending, so that its answer arrives.
func (w *Wire) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn returns the socket: a *net.TCPConn or a *net.UnixConn, or in a loop one of its own.
func (w *Wire) NetConn() net.Conn { return w.Conn }

// secureInLoop moves the socket under a tls.Conn into lp. It returns nil if rwc is none, or can't
// be moved.
func secureInLoop(rwc io.ReadWriteCloser, lp *loop.Loop) *secure {
	t, ok := rwc.(*tls.Conn)
	if !ok || !t.ConnectionState().HandshakeComplete {
		return nil
	}
	w, ok := t.NetConn().(*Wire)
	if !ok || w.socket != nil {
		return nil
	}
	nc, ok := w.Conn.(loop.Conn)
	if !ok {
		return nil
	}
	s, err := lp.Take(nc, GiveWay)
	if err != nil {
		return nil
	}
	w.Conn, w.socket, w.tls = s, s, t
	return (*secure)(w)
}

// Read implements net.Conn. In a loop it does not wait. Then its caller is [secure.readNow].
func (w *Wire) Read(p []byte) (n int, err error) {
	if w.socket == nil {
		return w.hello.read(w.Conn, p)
	}
	if w.in == nil {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n = copy(p, w.in.Unread)
	if w.in.Unread = w.in.Unread[n:]; len(w.in.Unread) == 0 {
		w.drop()
	}
	return n, nil
}

// fill reads into a buffer of the pool.
func (w *Wire) fill() error {
	if w.dry {
		return errNothing
	}
	in := pool.GetRead()
	n, err := ReadFD(w.fd, in.Room[:])
	w.dry = n < len(in.Room) && !w.hup
	if n == 0 {
		pool.PutRead(in)
		if err == nil {
			err = errNothing
		}
		return err
	}
	in.Unread = in.Room[:n]
	w.in = in
	return nil
}

// drop gives the read buffer back.
func (w *Wire) drop() {
	if w.in != nil {
		pool.PutRead(w.in)
		w.in = nil
	}
}

// maxRest bounds what a Wire keeps, in bytes. It is more than writeMost bytes become.
const (
	maxRest   = 64 << 10
	writeMost = 16 << 10
)

// Write implements net.Conn. In a loop it keeps what the socket does not take, and does not wait.
func (w *Wire) Write(p []byte) (int, error) {
	if w.socket == nil {
		return w.Conn.Write(p)
	}
	w.mu.Lock()
	began := len(w.rest) == 0
	n := 0
	var err error
	if began && !w.cork {
		n, err = w.tryWrite(p)
	}
	if left := p[n:]; err == nil && len(left) > 0 {
		if len(w.rest)+len(left) > maxRest {
			err = errUnread
		} else {
			w.rest = append(pool.Grow(w.rest, len(left)), left...)
		}
	}
	waits := began && !w.cork && len(w.rest) > 0
	w.mu.Unlock()
	if waits {
		// If the socket is closed, nobody is told here: crypto/tls holds a lock. Who waits in next
		// is told by the socket.
		w.socket.WhenWritable(w)
	}
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// tryWrite writes as much of p as the socket takes. The caller has the lock, so tryWrite does not
// use RawConn.Write: that waits for settle, and the function of settle waits for the lock.
func (w *Wire) tryWrite(p []byte) (n int, err error) {
	fd, ok := w.socket.Acquire()
	if !ok {
		return 0, net.ErrClosed
	}
	defer w.socket.Release()
	return WriteFD(fd, p)
}

// pull and push enclose a write of several records, which leave together.
func (w *Wire) pull() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cork = true
}

func (w *Wire) push() (err error) {
	w.mu.Lock()
	w.cork = false
	if len(w.rest) > 0 {
		var n int
		n, err = w.tryWrite(w.rest)
		w.took(n)
	}
	waits := len(w.rest) > 0 && err == nil
	w.mu.Unlock()
	if waits {
		w.socket.WhenWritable(w)
	}
	return err
}

// took notes that the socket has taken n bytes of the rest. The caller has the lock.
func (w *Wire) took(n int) {
	left := copy(w.rest, w.rest[n:])
	if w.rest = w.rest[:left]; left == 0 {
		pool.Put(w.rest)
		w.rest = nil
	}
}

// full reports whether the socket has not taken all that it was given. If it takes more now, it
// gets that.
func (w *Wire) full(fd uintptr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 && !w.cork {
		n, err := WriteFD(fd, w.rest)
		w.took(n)
		if err != nil {
			w.took(len(w.rest)) // the reader finds the error, and so does the next write
		}
	}
	return len(w.rest) > 0
}

// keeps reports whether the socket has not taken all that it was given.
func (w *Wire) keeps() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.rest) > 0
}

// Writable implements [loop.Writer].
func (w *Wire) Writable(fd uintptr) (done bool) {
	if w.full(fd) {
		return false
	}
	if next := w.takeNext(); next != nil && !next.Writable(fd) {
		w.mu.Lock()
		w.next = next
		w.mu.Unlock()
		return false
	}
	return !w.keeps()
}

// Closed implements [loop.Writer].
func (w *Wire) Closed() {
	w.mu.Lock()
	w.took(len(w.rest))
	w.mu.Unlock()
	if next := w.takeNext(); next != nil {
		next.Closed()
	}
}

func (w *Wire) takeNext() loop.Writer {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.next
	w.next = nil
	return next
}

// SetDeadline implements net.Conn.
func (w *Wire) SetDeadline(t time.Time) error {
	if err := w.SetWriteDeadline(t); err != nil {
		return err
	}
	return w.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn. In a loop it does nothing, since nothing waits. crypto/tls
// sets one before it ends its direction.
func (w *Wire) SetWriteDeadline(t time.Time) error {
	if w.socket != nil {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// readNow reads what is there. It returns 0 and no error if there is nothing.
func (s *secure) readNow(fd uintptr, p []byte) (n int, err error) {
	s.fd = fd
	n, err = s.tls.Read(p)
	if n > 0 || errors.Is(err, errNothing) {
		return n, nil // another error comes again
	}
	return 0, err
}

// writeNow writes until p is out or the socket is full. What was begun of a record is kept. It does
// not count as written before the socket has taken all of it: see [Wire].owed. So the next call has
// to begin with the bytes that did not count.
func (s *secure) writeNow(p []byte) (n int, err error) {
	w := (*Wire)(s)
	for err == nil {
		if w.keeps() {
			return n, nil
		}
		n += int(s.owed)
		s.owed = 0
		if n == len(p) {
			return n, nil
		}
		var m int
		m, err = s.writeSome(p[n:min(len(p), n+writeMost)])
		s.owed = uint16(m)
	}
	return n, err
}

// writeSome writes at most writeMost bytes.
func (s *secure) writeSome(p []byte) (n int, err error) {
	if len(p) < 1<<10 { // one record
		return s.tls.Write(p)
	}
	w := (*Wire)(s)
	w.pull()
	n, err = s.tls.Write(p)
	if failed := w.push(); err == nil {
		err = failed
	}
	return n, err
}

// whenWritable makes the loop call next when the socket takes more than it was given.
func (s *secure) whenWritable(next loop.Writer) {
	s.mu.Lock()
	s.next = next
	s.mu.Unlock()
	if w := (*Wire)(s); !s.socket.WhenWritable(w) {
		w.Closed()
	}
}

// Read implements stream. It waits.
func (s *secure) Read(p []byte) (n int, err error) {
	raw, _ := s.socket.SyscallConn()
	closed := raw.Read(func(fd uintptr) bool {
		s.dry, s.hup = false, true // it is not known what the poller has seen
		n, err = s.readNow(fd, p)
		return n > 0 || err != nil
	})
	if closed != nil {
		return 0, closed
	}
	return n, err
}

// Write implements stream. It waits.
func (s *secure) Write(p []byte) (n int, err error) {
	for {
		m, err := s.writeNow(p[n:])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
		if err := s.settle(); err != nil {
			return n, err
		}
	}
}

// settle waits until the socket has taken what it was given.
func (s *secure) settle() error {
	w := (*Wire)(s)
	if !w.keeps() {
		return nil
	}
	raw, _ := s.socket.SyscallConn()
	return raw.Write(func(fd uintptr) bool { return !w.full(fd) })
}

// Close implements stream. It tells the peer, but waits for nothing: what counts as written has
// left.
func (s *secure) Close() error { return s.tls.Close() }

// CloseRead ends both directions of the socket, and so a read that waits.
func (s *secure) CloseRead() error {
	_ = s.socket.CloseRead()
	return s.socket.CloseWrite()
}

// CloseWrite ends this side's direction of TLS.
func (s *secure) CloseWrite() error { return s.tls.CloseWrite() }

// SetReadDeadline implements stream.
func (s *secure) SetReadDeadline(t time.Time) error { return s.socket.SetReadDeadline(t) }

// NetConn returns the Wire: see [CloseHard].
func (s *secure) NetConn() net.Conn { return (*Wire)(s) }

// LocalAddr returns the socket's local address.
func (s *secure) LocalAddr() net.Addr { return s.socket.LocalAddr() }

// RemoteAddr returns the socket's remote address.
func (s *secure) RemoteAddr() net.Addr { return s.socket.RemoteAddr() }
