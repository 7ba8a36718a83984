//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import (
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rfc6455/ws/conn/internal/wstest"
)

var long = flag.Bool("long", false, "run the tests that take minutes in full")

// TestMain fails the tests if they leave goroutines of this package behind.
func TestMain(m *testing.M) {
	if addr := os.Getenv(caller); addr != "" {
		if err := call(addr); err != nil {
			panic(err)
		}
		return
	}
	wstest.Main(m, "internal/loop.(*runner)", "internal/loop.(*Hangups)")
}

// take moves nc into l.
func take(t testing.TB, l *Loop, nc Conn) *Socket {
	t.Helper()
	s, err := l.Take(nc, runtime.Gosched)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// echo is a Reader that writes back what it reads, until the end.
type echo struct {
	s       *Socket
	before  func(p []byte) // of each answer; may be nil
	calls   atomic.Int32   // under way
	closed  atomic.Bool
	turnMax int // bytes for each call
}

func (e *echo) Readable(fd uintptr, hup bool) Verdict {
	if e.calls.Add(1) != 1 {
		panic("two calls at a time")
	}
	defer e.calls.Add(-1)
	buf := make([]byte, 4096)
	for taken := 0; ; {
		n, err := syscall.Read(int(fd), buf)
		switch {
		case err == syscall.EAGAIN:
			return Wait
		case err == syscall.EINTR:
			continue
		case err != nil || n == 0:
			go e.s.Close()
			return Over
		}
		if e.before != nil {
			e.before(buf[:n])
		}
		if _, err := e.s.Write(buf[:n]); err != nil {
			go e.s.Close()
			return Over
		}
		if taken += n; e.turnMax > 0 && taken >= e.turnMax {
			return Again
		}
		if n < len(buf) && !hup {
			return Wait
		}
	}
}

func (e *echo) Closed() { e.closed.Store(true) }

// say writes a line and wants it back.
func say(t testing.TB, nc net.Conn, line string) {
	t.Helper()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(nc, line); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != line {
		t.Fatalf("got %q, %v, want %q", got, err, line)
	}
}

// TestEcho: a socket that is watched is read and written without a goroutine, to its end.
func TestEcho(t *testing.T) {
	var l Loop
	a, b := wstest.TCP(t)
	if _, err := io.WriteString(b, "early"); err != nil {
		t.Fatal(err)
	}
	s := take(t, &l, a)
	s.Watch(&echo{s: s})
	got := make([]byte, 5)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "early" {
		t.Fatalf("got %q, %v: what came before Watch is lost", got, err)
	}
	for range 100 {
		say(t, b, "hello")
	}
	big := strings.Repeat("0123456789", 100_000)
	go io.WriteString(b, big)
	answer := make([]byte, len(big))
	if _, err := io.ReadFull(b, answer); err != nil || string(answer) != big {
		t.Fatal("a large message came back wrong")
	}
	_ = b.CloseWrite()
	if n, err := b.Read(got); err != io.EOF {
		t.Errorf("after the end: %d, %v, want EOF", n, err)
	}
}

// TestAddresses: they are those of the connection, also after its end.
func TestAddresses(t *testing.T) {
	var l Loop
	a, b := wstest.TCP(t)
	local, remote := a.LocalAddr().String(), a.RemoteAddr().String()
	s := take(t, &l, a)
	for _, when := range []string{"open", "reset", "closed"} {
		if got := s.LocalAddr().String(); got != local {
			t.Errorf("%s: LocalAddr = %v, want %v", when, got, local)
		}
		if got := s.RemoteAddr().String(); got != remote {
			t.Errorf("%s: RemoteAddr = %v, want %v", when, got, remote)
		}
		switch when {
		case "open":
			_ = b.SetLinger(0)
			_ = b.Close()
			_, _ = s.Read(make([]byte, 1))
		case "reset":
			_ = s.Close()
		}
	}
}

// TestBlocking: a Socket is a net.Conn, whose calls wait, and end by deadlines and Close.
func TestBlocking(t *testing.T) {
	var l Loop
	a, b := wstest.TCP(t)
	s := take(t, &l, a)
	got := make([]byte, 5)
	read := make(chan error, 1)
	go func() { _, err := io.ReadFull(s, got); read <- err }()
	_, _ = io.WriteString(b, "hello")
	if err := <-read; err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v, want hello", got, err)
	}
	_ = s.SetReadDeadline(time.Unix(1, 0))
	if _, err := s.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read after its deadline: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	_ = s.SetReadDeadline(time.Time{})
	go func() { _, err := s.Read(got); read <- err }()
	_ = s.SetReadDeadline(time.Now().Add(time.Millisecond))
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read at its deadline: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	big := make([]byte, 16<<20)
	_ = s.SetWriteDeadline(time.Now().Add(time.Millisecond))
	n, err := s.Write(big)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Write to a peer that does not read: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	_ = s.SetDeadline(time.Time{})
	wrote := make(chan error, 1)
	go func() { _, err := s.Write(big[n:]); wrote <- err }()
	if _, err := io.CopyN(io.Discard, b, int64(len(big))); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Errorf("Write: %v", err)
	}
	go func() { _, err := s.Read(got); read <- err }()
	go func() { _, err := s.Write(big); wrote <- err }()
	_ = s.Close()
	if r, w := <-read, <-wrote; !errors.Is(r, net.ErrClosed) || !errors.Is(w, net.ErrClosed) {
		t.Errorf("after Close: Read: %v, Write: %v, want %v", r, w, net.ErrClosed)
	}
	if err := s.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Close: %v, want %v", err, net.ErrClosed)
	}
	_ = b.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, b); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the peer's reads do not end after Close")
	}
}

// TestBlockedCallback: a call that blocks holds up nobody else, however many do.
func TestBlockedCallback(t *testing.T) {
	var l Loop
	release := make(chan struct{})
	const blocked, others = 20, 20
	began := make(chan struct{}, blocked)
	peers := make([]net.Conn, 0, blocked+others)
	for i := range blocked + others {
		a, b := wstest.TCP(t)
		s := take(t, &l, a)
		e := &echo{s: s}
		if i < blocked {
			e.before = func([]byte) { began <- struct{}{}; <-release }
			if _, err := io.WriteString(b, "block"); err != nil {
				t.Fatal(err)
			}
		}
		s.Watch(e)
		peers = append(peers, b)
	}
	for range blocked {
		<-began
	}
	for range 10 {
		for _, nc := range peers[blocked:] {
			say(t, nc, "hello")
		}
	}
	close(release)
	for _, nc := range peers[:blocked] {
		got := make([]byte, 5)
		if _, err := io.ReadFull(nc, got); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlood: a peer that sends without pause does not keep the poller.
func TestFlood(t *testing.T) {
	var l Loop
	l.once.Do(func() { l.pollers = make([]poller, 1) })
	a, b := wstest.TCP(t)
	flooded := take(t, &l, a)
	flooded.Watch(&echo{s: flooded, turnMax: 64 << 10})
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() { _, _ = io.Copy(io.Discard, b) })
	flood.Go(func() {
		for buf := make([]byte, 64<<10); ; {
			select {
			case <-stop:
				_ = b.CloseWrite()
				return
			default:
				_, _ = b.Write(buf)
			}
		}
	})
	c, d := wstest.TCP(t)
	s := take(t, &l, c)
	s.Watch(&echo{s: s})
	for range 50 {
		say(t, d, "hello")
	}
	close(stop)
	flood.Wait()
}

// TestGoexit: a callback that ends its goroutine ends nobody else's.
func TestGoexit(t *testing.T) {
	var l Loop
	l.once.Do(func() { l.pollers = make([]poller, 1) })
	a, b := wstest.TCP(t)
	s := take(t, &l, a)
	s.Watch(&echo{s: s, before: func([]byte) { runtime.Goexit() }})
	_, _ = io.WriteString(b, "bye")
	c, d := wstest.TCP(t)
	other := take(t, &l, c)
	other.Watch(&echo{s: other})
	say(t, d, "hello")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("the descriptor is open still")
	}
}

// blast is a Writer that writes n bytes.
type blast struct {
	n    int
	done chan bool // false: it was closed
}

func (b *blast) Writable(fd uintptr) bool {
	for b.n > 0 {
		m, err := syscall.Write(int(fd), make([]byte, min(b.n, 64<<10)))
		if err != nil {
			return false
		}
		b.n -= m
	}
	b.done <- true
	return true
}

func (b *blast) Closed() { b.done <- false }

// TestWriter: what a socket does not take waits without a goroutine, for the peer or for Close.
func TestWriter(t *testing.T) {
	var l Loop
	for _, closes := range []bool{false, true} {
		a, b := wstest.TCP(t)
		s := take(t, &l, a)
		w := &blast{n: 16 << 20, done: make(chan bool, 2)}
		before := runtime.NumGoroutine()
		if !s.WhenWritable(w) {
			t.Fatal("the socket is closed")
		}
		if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if n := runtime.NumGoroutine(); n > before+2 { // of the poller, and of its timer
			t.Errorf("%d goroutines, %d before", n, before)
		}
		if closes {
			_ = s.Close()
		} else if _, err := io.CopyN(io.Discard, b, 16<<20-1); err != nil {
			t.Fatal(err)
		}
		if wrote := <-w.done; wrote == closes {
			t.Errorf("the Writer says %v, closed: %v", wrote, closes)
		}
	}
}

// TestIdleLoop: a loop without sockets has no goroutine and no descriptor, and begins again.
func TestIdleLoop(t *testing.T) {
	var l Loop
	for range 3 {
		a, b := wstest.TCP(t)
		s := take(t, &l, a)
		s.Watch(&echo{s: s})
		say(t, b, "hello")
		_ = s.Close()
		wantNothing(t, &l)
	}
}

// unread is a Reader that reads nothing. It is closed when it is told that its socket is.
type unread chan struct{}

func (u unread) Readable(uintptr, bool) Verdict { return Wait }

func (u unread) Closed() { close(u) }

// TestClosedReader: a Reader is told, once, if its socket is closed under it. If the poller is
// calling it at that moment, the poller tells it after the call.
func TestClosedReader(t *testing.T) {
	var l Loop
	for range 1000 {
		a, b := wstest.TCP(t)
		s := take(t, &l, a)
		u, late := make(unread), make(unread)
		s.Watch(u)
		_ = s.Close()
		<-u
		s.Watch(late)
		select {
		case <-late:
		default:
			t.Fatal("the Reader of a closed socket was not told")
		}
		_ = b.Close()
	}
}

// TestSuccessors: connections come and go as fast as they can, so that their descriptors are used
// again and again, while their two sides, and those who have nothing to do with them any more, use
// and close them in every order. No byte of one connection reaches another one.
func TestSuccessors(t *testing.T) {
	total := 4000
	if *long {
		total = 200_000
	}
	var l Loop
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := l.Take(nc.(*net.TCPConn), runtime.Gosched)
			if err != nil {
				_ = nc.Close()
				continue
			}
			s.Watch(&echo{s: s})
		}
	}()
	var next atomic.Uint64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for n := next.Add(1); n <= uint64(total); n = next.Add(1) {
				comeAndGo(t, &l, ln.Addr().String(), n)
			}
		})
	}
	all.Wait()
	wantNothing(t, &l)
}

// wantNothing waits until the pollers of l have nothing.
func wantNothing(t *testing.T, l *Loop) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		left := 0
		for i := range l.pollers {
			p := &l.pollers[i]
			p.mu.Lock()
			left += p.table.used + len(p.table.places)
			if p.poll != nil {
				left++
			}
			p.mu.Unlock()
		}
		if left == 0 {
			return
		}
		<-tick.C
	}
	t.Error("the pollers have sockets still, or what they need for them")
}

// comeAndGo is connection n.
func comeAndGo(t *testing.T, l *Loop, addr string, n uint64) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	_ = nc.(*net.TCPConn).SetLinger(0) // no port of this machine stays occupied
	s, err := l.Take(nc.(*net.TCPConn), runtime.Gosched)
	if err != nil {
		_ = nc.Close()
		t.Error(err)
		return
	}
	var p [8]byte
	binary.BigEndian.PutUint64(p[:], n)
	for range 3 {
		if _, err := s.Write(p[:]); err != nil {
			t.Error(err)
		}
		var got [8]byte
		if _, err := io.ReadFull(s, got[:]); err != nil || got != p {
			t.Errorf("connection %d reads %x, %v", n, got, err)
		}
	}
	var late sync.WaitGroup
	for range 2 {
		late.Go(func() { // each may find the descriptor closed, or another connection's
			_, _ = s.Write(p[:])
			_ = s.CloseWrite()
			_ = s.Close()
			_, _ = s.Write([]byte("never"))
			_, _ = s.Read(make([]byte, 100))
			_ = s.SetReadDeadline(time.Now())
			_ = s.CloseRead()
			_ = s.LocalAddr()
		})
	}
	_ = s.Close()
	late.Wait()
}

// TestKeys: an event of a socket that is gone is nobody's, whoever has its place.
func TestKeys(t *testing.T) {
	var x table
	a, b := new(Socket), new(Socket)
	first := x.add(a)
	x.remove(first)
	second := x.add(b)
	if second.place != first.place {
		t.Fatalf("the place %d is not used again", first.place)
	}
	if x.find(first) != nil {
		t.Error("a late event of the first socket finds one")
	}
	if x.find(second) != b || x.find(key{99, 0}) != nil {
		t.Error("an event of the second socket does not find it, or one of none does")
	}
}

// BenchmarkEcho is one event: a byte read and written back.
func BenchmarkEcho(b *testing.B) {
	var l Loop
	x, y := wstest.TCP(b)
	s := take(b, &l, x)
	s.Watch(&echo{s: s})
	p := make([]byte, 128)
	for b.Loop() {
		_, _ = y.Write(p)
		_, _ = io.ReadFull(y, p)
	}
}
