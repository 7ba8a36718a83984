package conn_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// cutSize is the length of the message that is cut, and the piece of it that has
// to be out by then.
const (
	cutSize = 4 << 20
	cutFrom = 50_000
)

// cuts are the ways in which a message ends before it is whole. Each begins a
// message of 'a' and comes back when that has failed; cut is called with what
// ends it, for the peer to call when a part has arrived.
var cuts = map[string]func(c *ws.Conn, cut func(func())){
	"Write, context": func(c *ws.Conn, cut func(func())) {
		ctx, cancel := context.WithCancel(bg)
		cut(cancel)
		_ = c.Write(ctx, ws.Binary, bytes.Repeat([]byte("a"), cutSize))
	},
	"Write, CloseNow": func(c *ws.Conn, cut func(func())) {
		cut(func() { _ = c.CloseNow() })
		_ = c.Write(bg, ws.Binary, bytes.Repeat([]byte("a"), cutSize))
	},
	"NextWriter, context": func(c *ws.Conn, cut func(func())) {
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		cut(cancel)
		writePieces(ctx, c)
	},
	"NextWriter, Close": func(c *ws.Conn, cut func(func())) {
		cut(func() { go c.Close(ws.CloseNormal, "") })
		writePieces(bg, c)
	},
	"NextWriter, CloseNow": func(c *ws.Conn, cut func(func())) {
		cut(func() { _ = c.CloseNow() })
		writePieces(bg, c)
	},
	"NextWriter, abandoned": func(c *ws.Conn, cut func(func())) {
		cut(func() {})
		m, err := c.NextWriter(bg, ws.Text)
		if err != nil {
			return
		}
		_, _ = m.Write(append(bytes.Repeat([]byte("a"), cutSize), 0xce))
		_ = m.Close() // inside a character
	},
}

// writePieces writes most of a message of cutSize in pieces, and closes it where
// a piece has failed.
func writePieces(ctx context.Context, c *ws.Conn) {
	m, err := c.NextWriter(ctx, ws.Binary)
	if err != nil {
		return
	}
	for n := 0; n < cutSize && err == nil; n += 1000 {
		_, err = m.Write(bytes.Repeat([]byte("a"), 1000))
	}
	if err != nil {
		_ = m.Close()
	}
}

// TestCutMessageStaysCut: a message that can't be finished is followed by no
// frame that could complete it, in whichever way it is cut and whatever waits
// behind it: the peer never takes the beginning of one message and the end of
// another for one.
func TestCutMessageStaysCut(t *testing.T) {
	cfg := ws.Config{FragmentSize: 10_000, Queue: 20_000, CloseTimeout: time.Second}
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		for name, begin := range cuts {
			t.Run(name, func(t *testing.T) {
				for range 3 {
					near, far := connect(t)
					c := ws.New(near, frame.Server, ws.Negotiated{}, cfg)
					cutAndFollow(t, c, far, begin)
				}
			})
		}
	})
}

// cutAndFollow has begin send a message, cuts it when a part has arrived, has
// others sent in all ways meanwhile, and looks at what comes.
func cutAndFollow(t *testing.T, c *ws.Conn, far net.Conn, begin func(c *ws.Conn, cut func(func()))) {
	var all sync.WaitGroup
	arm := make(chan func(), 1)
	all.Go(func() { begin(c, func(f func()) { arm <- f }) })
	cut := <-arm
	r := &cutReader{Reader: far, after: cutFrom}
	r.cut = func() {
		for _, way := range ways {
			all.Go(func() { _ = way.send(c, ws.Binary, []byte("bbb")) })
			all.Go(func() { _ = way.send(c, ws.Binary, bytes.Repeat([]byte("b"), 30_000)) })
		}
		cut()
		go func() { all.Wait(); _ = c.CloseNow() }() // where nothing was cut after all
	}
	for message := range messagesOf(r) {
		a, b := bytes.Count(message, []byte("a")), bytes.Count(message, []byte("b"))
		if got := [2]int{a, b}; got != [2]int{cutSize, 0} && got != [2]int{0, 3} && got != [2]int{0, 30_000} {
			t.Errorf("a message of %d bytes of one and %d of another", a, b)
			break
		}
	}
	_ = c.CloseNow()
	_ = far.Close()
	all.Wait()
}

// cutReader calls cut when after bytes have come.
type cutReader struct {
	io.Reader
	after int
	cut   func()
}

func (r *cutReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), 4000)])
	if r.after -= n; r.after <= 0 && r.cut != nil {
		r.cut()
		r.cut = nil
	}
	return n, err
}

// messagesOf are the payloads of the messages that r has for a client, as any
// peer puts them together.
func messagesOf(r io.Reader) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		var in, message []byte
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			in = append(in, buf[:n]...)
			for {
				h, size, _ := frame.Parse(in)
				if size == 0 || int64(len(in)-size) < h.Length {
					break
				}
				payload := in[size : size+int(h.Length)]
				in = in[size+int(h.Length):]
				if h.Opcode >= frame.Close {
					continue
				}
				message = append(message, payload...)
				if h.Fin {
					if !yield(message) {
						return
					}
					message = nil
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// overWires runs f over memory, a socket and TLS.
func overWires(t *testing.T, f func(t *testing.T, connect func(t *testing.T) (near, far net.Conn))) {
	t.Run("memory", func(t *testing.T) {
		f(t, func(*testing.T) (near, far net.Conn) { return wstest.Pipe(4 << 10) })
	})
	thin := func(t *testing.T) (near, far net.Conn) {
		near, far = wstest.TCP(t)
		_ = near.(*net.TCPConn).SetWriteBuffer(128 << 10)
		_ = far.(*net.TCPConn).SetReadBuffer(256 << 10)
		return near, far
	}
	t.Run("socket", func(t *testing.T) { f(t, thin) })
	config := selfSigned(t)
	t.Run("TLS", func(t *testing.T) {
		f(t, func(t *testing.T) (net.Conn, net.Conn) {
			near, far := thin(t)
			l := circuit{near: near, far: far}
			l.startTLS(t, config)
			return l.near, l.far
		})
	})
}
