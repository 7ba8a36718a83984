package conn

import (
	"bytes"
	"context"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"

	"github.com/rfc6455/ws/conn/internal/outbox"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// loopStream gives the same bytes again and again, and takes everything.
type loopStream struct {
	wire    []byte
	pos     int
	expired bool
}

func (l *loopStream) Read(p []byte) (int, error) {
	if l.expired || len(l.wire) == 0 { // a pump may read it, if the machine is busy
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, l.wire[l.pos:])
	l.pos = (l.pos + n) % len(l.wire)
	return n, nil
}

// SetReadDeadline knows a deadline in the past, and none.
func (l *loopStream) SetReadDeadline(t time.Time) error {
	l.expired = !t.IsZero()
	return nil
}

func (l *loopStream) Write(p []byte) (int, error) { return len(p), nil }
func (l *loopStream) Close() error                { return nil }

// TestAllocsInMemory: reading and writing allocate nothing, under Background
// and under one cancellable context that is used again and again.
func TestAllocsInMemory(t *testing.T) {
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		for _, size := range []int{0, 128, 16 << 10, 64 << 10} {
			peer := frame.Encoder{Role: role.Peer()}
			wire, err := peer.AppendFrame(nil, frame.Header{Opcode: frame.Text, Fin: true, Key: 0x12345678}, pattern(size))
			check(err)
			var template []byte
			template = append(template, wire...)
			l := &loopStream{wire: wire}
			c := New(l, role, Negotiated{}, Config{})
			buf := make([]byte, 0, 64<<10)
			p := pattern(size)
			prepared, err := Prepare(Text, p)
			check(err)
			for name, ctx := range map[string]context.Context{"Background": bg, "cancellable": cancellable} {
				read := func() {
					copy(wire, template) // what is read in place is unmasked in place
					_, _, err := c.ReadInto(ctx, buf)
					check(err)
				}
				wantAllocs(t, name+" ReadInto", 0, read)
				wantAllocs(t, name+" Read", 1, func() {
					_, _, err := c.Read(ctx)
					check(err)
				})
			}
			wantAllocs(t, "Write", 0, func() { check(c.Write(bg, Text, p)) })
			wantAllocs(t, "WritePrepared", 0, func() { check(c.WritePrepared(bg, prepared)) })
			wantAllocs(t, "Append and Flush", 0, func() {
				check(c.Append(Text, p))
				check(c.Flush(bg))
			})
			check(c.CloseNow())
		}
	}
}

// TestAllocsSmallBuffer: ReadInto with a buffer that is too small, or none, allocates
// once, and what the message needs.
func TestAllocsSmallBuffer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties the pools
	for _, size := range []int{1, 600, 16 << 10, 64 << 10, 1 << 20} {
		peer := frame.Encoder{Role: frame.Server}
		wire, err := peer.AppendFrame(nil, frame.Header{Opcode: frame.Binary, Fin: true}, pattern(size))
		check(err)
		c := New(&loopStream{wire: wire}, frame.Client, Negotiated{}, Config{})
		for _, buf := range [][]byte{nil, make([]byte, 0, size/3)} {
			var p []byte
			read := func() {
				_, p, err = c.ReadInto(bg, buf)
				check(err)
			}
			read() // makes the pools' buffers
			if n := wstest.Allocs(20, 1, read); n > 1 {
				t.Errorf("%d bytes into a buffer of %d: %v allocations, want 1", size, cap(buf), n)
			}
			if len(p) != size || cap(p) > size+size/4+16 {
				t.Errorf("a message of %d bytes came in a slice of %d, with room for %d", size, len(p), cap(p))
			}
		}
		check(c.CloseNow())
	}
}

// TestReadGivesItsBuffer: a long message that fills the buffer in which it was put together is not
// copied into another one, also if the pools are empty. The buffer is the caller's then, and no
// later message gets it.
func TestReadGivesItsBuffer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	onOneProcessor(t)
	const size = 1 << 20
	peer := frame.Encoder{Role: frame.Server}
	wire, err := peer.AppendFrame(nil, frame.Header{Opcode: frame.Binary, Fin: true}, pattern(size))
	check(err)
	for name, read := range map[string]func(c *Conn) ([]byte, error){
		"Read": func(c *Conn) ([]byte, error) {
			_, p, err := c.Read(bg)
			return p, err
		},
		"ReadInto": func(c *Conn) ([]byte, error) {
			_, p, err := c.ReadInto(bg, make([]byte, 0, 16))
			return p, err
		},
	} {
		c := New(&loopStream{wire: wire}, frame.Client, Negotiated{}, Config{})
		var before, after runtime.MemStats
		var kept [][]byte
		for range 3 {
			runtime.GC()
			runtime.GC() // the second one empties the pools
			runtime.ReadMemStats(&before)
			p, err := read(c)
			runtime.ReadMemStats(&after)
			check(err)
			kept = append(kept, p)
			if n := after.TotalAlloc - before.TotalAlloc; n > 3*size/2 {
				t.Errorf("%s: a message of %d bytes took %d bytes of memory, want at most half as "+
					"many more", name, size, n)
			}
		}
		for _, p := range kept {
			if !bytes.Equal(p, pattern(size)) {
				t.Errorf("%s: a message has changed since it was read", name)
			}
		}
		check(c.CloseNow())
	}
}

// TestRoomForWhatWaits: a long message whose beginning lies in the socket is put together in one
// buffer, since what waits there has come, too. Without that it moves from buffer to buffer as it
// grows.
func TestRoomForWhatWaits(t *testing.T) {
	if raceEnabled || runtime.GOOS != "linux" {
		t.Skip("the race detector allocates, and other systems do not say what waits in a socket")
	}
	onOneProcessor(t)
	const size = 256 << 10
	var loop Loop
	reads := map[string]func(c *Conn) ([]byte, error){
		"Read": func(c *Conn) ([]byte, error) {
			_, p, err := c.Read(bg)
			return p, err
		},
		"Serve": func(c *Conn) (p []byte, err error) {
			err = c.Serve(bg, &Events{Message: func(c *Conn, _ MessageType, m []byte) { p = append(p, m...); c.CloseNow() }})
			if p != nil {
				err = nil
			}
			return p, err
		},
		"Loop": func(c *Conn) (p []byte, err error) {
			err = c.Handle(&Events{Message: func(c *Conn, _ MessageType, m []byte) { p = append(p, m...); c.CloseNow() }})
			<-c.Done()
			return p, err
		},
	}
	take := func(name string, read func(c *Conn) ([]byte, error)) uint64 {
		a, b := tcpNets(t)
		check(a.SetReadBuffer(2 * size))
		waits := func() (n int) {
			raw, err := a.SyscallConn()
			check(err)
			check(raw.Control(func(fd uintptr) { n = transport.Waiting(fd) }))
			return n
		}
		peer := wstest.NewPeer(t, b, frame.Client)
		sent := make(chan struct{})
		go func() { peer.Binary(pattern(size)); close(sent) }()
		for waits() < size/3 {
			runtime.Gosched()
		}
		var cfg Config
		if name == "Loop" {
			cfg.Loop = &loop
		}
		c := New(a, frame.Server, Negotiated{}, cfg)
		runtime.GC()
		runtime.GC() // the second one empties the pools
		before := allocated()
		p, err := read(c)
		n := allocated() - before
		check(err)
		<-sent
		if !bytes.Equal(p, pattern(size)) {
			t.Errorf("%s: the message came as %d other bytes", name, len(p))
		}
		if name != "Read" {
			n -= size // the callback's copy
		}
		c.CloseNow()
		return n
	}
	for name, read := range reads {
		least := take(name, read)
		for n := 1; n < 3 && least > 5*size/4; n++ { // what other tests have left may allocate, too
			least = min(least, take(name, read))
		}
		if least > 5*size/4 {
			t.Errorf("%s: a message of %d bytes took %d bytes of memory, want at most a quarter more", name, size, least)
		}
	}
}

// TestAllocsOverTCP: an echo through Serve, ReadInto, Write and Append.
func TestAllocsOverTCP(t *testing.T) {
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	for name, ctx := range map[string]context.Context{"Background": bg, "cancellable": cancellable} {
		for _, size := range []int{0, 128, 16 << 10, 64 << 10} {
			s, c := tcpPair(t, Config{})
			go s.Serve(ctx, &Events{Message: func(c *Conn, t MessageType, p []byte) {
				if len(p)%2 == 0 {
					check(c.Append(t, p))
				} else {
					check(c.Write(ctx, t, p))
				}
			}})
			buf := make([]byte, 0, 64<<10)
			p := pattern(size)
			odd := pattern(size + 1)
			wantAllocs(t, name+" echo", 0, func() {
				for _, m := range [][]byte{p, odd} {
					check(c.Write(ctx, Text, m))
					var err error
					_, buf, err = c.ReadInto(ctx, buf[:0])
					check(err)
				}
			})
			check(c.Close(CloseNormal, ""))
		}
	}
}

// idlePairs makes n pairs of connections that have exchanged messages and
// wait, and returns them with the heap that one connection holds, package
// net's part and the waiting goroutine's descriptor included.
func idlePairs(t *testing.T, n int) (pairs [][2]*Conn, heap int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer ln.Close()
	cfg := new(Config) // as an Upgrader or a Dialer has one for all
	pairs = make([][2]*Conn, n)
	before := heapNow()
	for i := range pairs {
		dialed, err := net.Dial("tcp", ln.Addr().String())
		check(err)
		accepted, err := ln.Accept()
		check(err)
		pairs[i] = [2]*Conn{
			newConn(accepted, frame.Server, Negotiated{}, cfg),
			newConn(dialed, frame.Client, Negotiated{}, cfg),
		}
		for _, end := range pairs[i] {
			go end.Serve(bg, &Events{})
		}
	}
	for range 10 {
		for _, p := range pairs {
			check(p[0].Write(bg, Text, pattern(1000)))
			check(p[1].Write(bg, Text, pattern(1000)))
		}
	}
	for _, p := range pairs {
		for _, end := range p {
			_, err := end.Ping(bg) // everything before it has been read
			check(err)
		}
	}
	return pairs, (heapNow() - before) / (2 * n)
}

// TestSizeOfConn: one more word, and a Conn takes the next larger block of the
// heap, with 32 bytes more, and so do a run of Serve, with 16, and the buffers of
// the pools. What few connections need belongs behind a pointer: Conn.rare,
// the outbox's line; what they need only now and then, into its Batch and pool.ReadBuffer.
func TestSizeOfConn(t *testing.T) {
	for _, x := range []struct {
		name        string
		size, block uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), 320},
		{"server", unsafe.Sizeof(server{}), 32},
		{"outbox.Batch", unsafe.Sizeof(outbox.Batch{}), 512},
		{"pool.ReadBuffer", unsafe.Sizeof(pool.ReadBuffer{}), 18<<10 - 8}, // the runtime puts its word before what is larger than 512 bytes
	} {
		if x.size > x.block {
			t.Errorf("a %s has %d bytes, want at most %d", x.name, x.size, x.block)
		}
	}
}

// TestHeapPerIdleConn bounds what a connection that waits holds on the heap:
// no read buffer, no write buffer, nothing of the handshake.
func TestHeapPerIdleConn(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	if *inLoop {
		t.Skip("these wait on goroutines: see TestHeapPerIdleLoopConn")
	}
	onOneProcessor(t)
	const limit = 1400
	pairs, heap := idlePairs(t, 200)
	for _, p := range pairs {
		check(p[0].Close(CloseNormal, ""))
	}
	if heap > limit {
		t.Errorf("an idle connection holds %d bytes of heap, want at most %d", heap, limit)
	}
	t.Logf("an idle connection holds %d bytes of heap", heap)
}
