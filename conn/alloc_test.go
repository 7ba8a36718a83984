package conn

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/rfc6455/ws/frame"
)

// loopStream gives the same bytes again and again, and takes everything.
type loopStream struct {
	wire []byte
	pos  int
}

func (l *loopStream) Read(p []byte) (int, error) {
	n := copy(p, l.wire[l.pos:])
	l.pos = (l.pos + n) % len(l.wire)
	return n, nil
}

func (l *loopStream) Write(p []byte) (int, error)     { return len(p), nil }
func (l *loopStream) Close() error                    { return nil }
func (l *loopStream) SetReadDeadline(time.Time) error { return nil }

// wantAllocs checks how often f allocates once everything is warm.
func wantAllocs(t *testing.T, name string, want float64, f func()) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for range 20 {
		f()
	}
	if n := testing.AllocsPerRun(200, f); n > want {
		t.Errorf("%s: %v allocations, want at most %v", name, n, want)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// TestAllocsInMemory: reading and writing allocate nothing, under Background
// and under one cancellable context that is used again and again.
func TestAllocsInMemory(t *testing.T) {
	cancellable, cancel := context.WithCancel(bg)
	defer cancel()
	for _, role := range []frame.Role{frame.Server, frame.Client} {
		for _, size := range []int{0, 128, 16 << 10, 64 << 10} {
			peer := frame.Encoder{Role: 1 - role}
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

// onOneProcessor leaves one processor to a test that measures memory: the threads
// and caches that the runtime has for each are no part of a connection, and count
// on a machine with many.
func onOneProcessor(t *testing.T) {
	all := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(all) })
}

// heapNow is the live heap, pools emptied, once what earlier tests have left
// behind is gone.
func heapNow() int {
	var m runtime.MemStats
	last := 0
	for i := range 30 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		now := int(m.HeapAlloc)
		if i >= 3 && last-now < 1<<10 {
			break
		}
		last = now
	}
	return int(m.HeapAlloc)
}

// TestSizeOfConn: one more word, and a Conn takes the next larger block of the
// heap, with 32 bytes more, and so do a run of Serve, with 16, and the buffers of
// the pools. What few connections need belongs behind a pointer: Conn.rare,
// writeHalf.queue; what they need only now and then, into readBuffer and batch.
func TestSizeOfConn(t *testing.T) {
	for _, x := range []struct {
		name        string
		size, block uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), 320},
		{"server", unsafe.Sizeof(server{}), 32},
		{"batch", unsafe.Sizeof(batch{}), 512},
		{"readBuffer", unsafe.Sizeof(readBuffer{}), 18<<10 - 8}, // the runtime puts its word before what is larger than 512 bytes
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
