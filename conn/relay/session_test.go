package relay

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/internal/pool"
	"github.com/rfc6455/ws/conn/internal/transport"
	"github.com/rfc6455/ws/conn/internal/wstest"
	"github.com/rfc6455/ws/frame"
)

// ends are the far ends of a session over pipes.
type ends struct {
	client, backend *wstest.PipeConn
	proxy           *Proxy
	ended           chan End
}

// pipeSession starts a session over two pipes with room for capacity bytes in each direction.
func pipeSession(capacity int, p *Proxy) *ends {
	e := &ends{proxy: p, ended: make(chan End, 1)}
	p.Ended = func(_ *http.Request, end End) { e.ended <- end }
	clientNear, clientFar := wstest.Pipe(capacity)
	backendNear, backendFar := wstest.Pipe(capacity)
	e.client, e.backend = clientFar, backendFar
	s := newSession(p, nil, accepted{link: transport.FitNet(clientNear)}, accepted{link: transport.FitNet(backendNear)})
	p.enter(s)
	s.start()
	return e
}

// TestBackPressure writes to a side that does not read. What is taken is bounded by one read and
// what the transports have room for; nothing is lost, and the other direction goes on.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity = 1 << 10
		e := pipeSession(capacity, &Proxy{Dialer: ws.Dialer{Config: ws.Config{WriteTimeout: -1}}})
		wire := appendFrame(nil, frame.Binary, true, true, bytes.Repeat([]byte("x"), 1<<20))
		wrote := make(chan error, 1)
		go func() {
			_, err := e.client.Write(wire)
			wrote <- err
		}()
		synctest.Wait()
		taken := e.client.Written() - int64(e.client.Buffered())
		if most := int64(pool.ReadSize + 3*capacity); taken > most {
			t.Errorf("%d bytes were taken of a client whose backend does not read, want %d at most", taken, most)
		}
		back := appendFrame(nil, frame.Text, false, true, []byte("the other way"))
		if _, err := e.backend.Write(back); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(back))
		if _, err := io.ReadFull(e.client, got); err != nil || !bytes.Equal(got, back) {
			t.Errorf("the client got %q, %v, want what the backend sent", got, err)
		}
		got = make([]byte, len(wire))
		if _, err := io.ReadFull(e.backend, got); err != nil || !bytes.Equal(got, wire) {
			t.Errorf("the backend got other bytes, %v", err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		e.hangUp()
		<-e.ended
	})
}

func (e *ends) hangUp() { _, _ = e.client.Close(), e.backend.Close() }

// TestWriteTimeout cuts both sides if one of them takes no bytes.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(64, &Proxy{Dialer: ws.Dialer{Config: ws.Config{WriteTimeout: time.Minute}}})
		start := time.Now()
		go func() { _, _ = e.client.Write(make([]byte, 1<<20)) }()
		end := <-e.ended
		if d := time.Since(start); d < 50*time.Second || d > time.Minute || !errors.Is(end.Err, ws.ErrWriteTimeout) {
			t.Errorf("ended after %v with %v, want ErrWriteTimeout after a minute", d, end.Err)
		}
		e.hangUp()
	})
}

// TestHalfEnd bounds how long a side may go on after the other one has ended.
func TestHalfEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<10, &Proxy{Dialer: ws.Dialer{Config: ws.Config{CloseTimeout: time.Minute}}})
		last := appendFrame(nil, frame.Text, false, true, []byte("last words"))
		_, _ = e.backend.Write(last)
		_ = e.backend.CloseWrite()
		if got, err := io.ReadAll(e.client); err != nil || !bytes.Equal(got, last) {
			t.Errorf("the client got %q, %v, want the last words and the end", got, err)
		}
		start := time.Now()
		request := appendFrame(nil, frame.Text, true, true, []byte("x"))
		_, _ = e.client.Write(request) // the other direction is whole
		got := make([]byte, len(request))
		if _, err := io.ReadFull(e.backend, got); err != nil {
			t.Error(err)
		}
		end := <-e.ended
		if d := time.Since(start); d != time.Minute || !errors.Is(end.Err, ws.ErrCloseTimeout) {
			t.Errorf("ended after %v with %v, want ErrCloseTimeout after a minute", d, end.Err)
		}
		e.hangUp()
	})
}

// TestCloseFrameOvertaken passes the Close frame of a side that takes no more bytes, and that
// resets after it, as a server does that closes a socket with unread bytes.
func TestCloseFrameOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<10, new(Proxy))
		closing := appendFrame(nil, frame.Close, false, true, closePayload(t, 1008, "no"))
		_, _ = e.backend.Write(closing)
		_ = e.backend.CloseRead()
		synctest.Wait()
		e.backend.Cut(syscall.ECONNRESET)
		written := make(chan error, 1)
		go func() {
			_, err := e.client.Write(appendFrame(nil, frame.Binary, true, true, make([]byte, 1<<16)))
			written <- err
		}()
		got := make([]byte, len(closing))
		if _, err := io.ReadFull(e.client, got); err != nil || !bytes.Equal(got, closing) {
			t.Errorf("the client got %x, %v, want the Close frame", got, err)
		}
		if err := <-written; err != nil {
			t.Errorf("the client's bytes: %v, want them read away", err)
		}
		_, _ = e.client.Write(appendFrame(nil, frame.Close, true, true, closePayload(t, 1008, "")))
		if n, err := e.client.Read(got); n != 0 || err != io.EOF {
			t.Errorf("behind the answer: %d bytes, %v, want the end", n, err)
		}
		_ = e.client.Close()
		if end := <-e.ended; end.Err != nil || end.Backend.Code != 1008 || end.Backend.Reason != "no" {
			t.Errorf("ended with %+v, want 1008 from the backend", end)
		}
	})
}

// TestEndBehindClose keeps the end of a client that ends its direction right behind its Close frame,
// as browsers do over HTTP/2, until the backend has answered.
func TestEndBehindClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<10, new(Proxy))
		client, backend := wstest.NewPeer(t, e.client, frame.Client), wstest.NewPeer(t, e.backend, frame.Server)
		client.Close(4001, "bye")
		_ = e.client.CloseWrite()
		backend.WantClose(4001)
		backend.WantNothing() // not the end, either
		backend.Close(4001, "")
		client.WantClose(4001)
		backend.WantEOF()
		_ = e.backend.Close()
		client.WantEOF()
		if end := <-e.ended; end.Err != nil || end.Client.Code != 4001 || end.Backend.Code != 4001 {
			t.Errorf("ended with %+v, want 4001 from both", end)
		}
		e.hangUp()
	})
}

// TestDrainBetweenFragments sends the relay's Close frame where a frame ends, masked for a backend.
func TestDrainBetweenFragments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<16, new(Proxy))
		first := appendFrame(nil, frame.Text, true, false, []byte("begun and "))
		second := appendFrame(nil, frame.Continuation, true, true, []byte("never ended"))
		_, _ = e.client.Write(append(first[:len(first):len(first)], second[:5]...))
		synctest.Wait()
		shut := make(chan error, 1)
		go func() { shut <- e.proxy.Shutdown(t.Context()) }()
		synctest.Wait()
		third := appendFrame(nil, frame.Ping, true, true, nil)
		_, _ = e.client.Write(append(second[5:len(second):len(second)], third[:3]...))
		synctest.Wait()
		_, _ = e.client.Write(third[3:])
		peer := wstest.NewPeer(t, e.backend, frame.Server)
		if got := peer.WantMessage(frame.Text, "begun and never ended"); got != 2 { // checks the masks, too
			t.Errorf("%d frames, want 2", got)
		}
		if reason := peer.WantClose(frame.GoingAway); reason != "the proxy is shutting down" {
			t.Errorf("reason %q", reason)
		}
		peer.WantNothing()
		wstest.NewPeer(t, e.client, frame.Client).WantClose(frame.GoingAway)
		e.hangUp()
		if err := <-shut; err != nil {
			t.Error(err)
		}
	})
}

// TestDrainAfterClose sends no Close frame behind the one that has passed.
func TestDrainAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<16, new(Proxy))
		client, backend := wstest.NewPeer(t, e.client, frame.Client), wstest.NewPeer(t, e.backend, frame.Server)
		client.Close(4000, "")
		backend.WantClose(4000)
		go func() { _ = e.proxy.Shutdown(t.Context()) }()
		synctest.Wait()
		backend.WantNothing()
		client.WantClose(frame.GoingAway)
		e.hangUp()
		<-e.ended
	})
}

// TestDrainWithinClose lets the Close frame pass that is on its way when Shutdown is called, and sends
// none behind it, whatever comes after it.
func TestDrainWithinClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<16, new(Proxy))
		closing := appendFrame(nil, frame.Close, true, true, closePayload(t, 4000, "own"))
		_, _ = e.client.Write(closing[:5])
		synctest.Wait()
		go func() { _ = e.proxy.Shutdown(t.Context()) }()
		synctest.Wait()
		_, _ = e.client.Write(closing[5:])
		synctest.Wait()
		for range 2 {
			_, _ = e.client.Write(appendFrame(nil, frame.Ping, true, true, nil))
			synctest.Wait()
		}
		backend := wstest.NewPeer(t, e.backend, frame.Server)
		if reason := backend.WantClose(4000); reason != "own" {
			t.Errorf("reason %q, want the client's", reason)
		}
		backend.Want(frame.Ping, "")
		backend.Want(frame.Ping, "")
		backend.WantNothing()
		e.hangUp()
		<-e.ended
	})
}

// TestDrainAstray cuts what can't be ended between frames.
func TestDrainAstray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := pipeSession(1<<16, new(Proxy))
		_, _ = e.client.Write([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
		synctest.Wait()
		if err := e.proxy.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if end := <-e.ended; !errors.Is(end.Err, ws.ErrCloseTimeout) {
			t.Errorf("ended with %+v, want ErrCloseTimeout", end)
		}
		e.hangUp()
	})
}

// FuzzRelay sends any bytes from both sides, in pieces of any size, with a Shutdown somewhere. All
// bytes arrive as they were until Shutdown, and a prefix of them arrives after it.
func FuzzRelay(f *testing.F) {
	wire, _ := someFrames(f, true)
	f.Add(wire, uint64(1), false)
	f.Add(wire[:200], uint64(2), true)
	f.Add([]byte{0x88, 0x82, 1, 2, 3, 4, 5, 6, 0xff, 0xff, 0xff}, uint64(3), true)
	f.Add([]byte{0xff, 0x7f, 0xff, 0xff}, uint64(4), true)
	f.Add([]byte{0x82, 0x10, 0x82}, uint64(5), true)
	f.Add(bytes.Repeat([]byte{0x88, 0x00, 0x89, 0x00}, 20), uint64(6), true)
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64, drain bool) {
		synctest.Test(t, func(t *testing.T) {
			e := pipeSession(100, new(Proxy))
			r := rand.New(rand.NewPCG(seed, 0))
			cut := r.IntN(len(wire) + 1)
			for _, way := range [][2]*wstest.PipeConn{{e.client, e.backend}, {e.backend, e.client}} {
				pieces := rand.New(rand.NewPCG(seed, 1))
				from, to := way[0], way[1]
				got := make(chan []byte, 1)
				go func() {
					p, _ := io.ReadAll(to)
					got <- p
				}()
				go func() {
					for rest, sent := wire, 0; len(rest) > 0; {
						n := 1 + pieces.IntN(len(rest))
						if _, err := from.Write(rest[:n]); err != nil {
							return
						}
						rest, sent = rest[n:], sent+n
						if drain && sent >= cut && sent-n < cut {
							go func() { _ = e.proxy.Shutdown(t.Context()) }()
						}
					}
					_ = from.CloseWrite()
				}()
				go func() { // the check comes when both directions have ended
					p := <-got
					if !drain && !bytes.Equal(p, wire) {
						t.Errorf("%d bytes arrived of %d, or others", len(p), len(wire))
					}
					checkDrained(t, p, wire)
				}()
			}
			<-e.ended
			synctest.Wait() // the readers have got everything
			e.hangUp()
		})
	})
}

// checkDrained checks that p is wire up to a place where the relay's Close frame stands.
func checkDrained(t *testing.T, p, wire []byte) {
	same := 0
	for same < min(len(p), len(wire)) && p[same] == wire[same] {
		same++
	}
	if same == len(p) {
		return
	}
	for at := same; at >= 0; at-- { // the Close frame may begin as wire goes on
		var w walker
		if w.walk(p[:at]); !w.between() || w.closed() {
			continue
		}
		h, n, err := frame.Parse(p[at:])
		if err == nil && n > 0 && h.Opcode == frame.Close && at+n+int(h.Length) == len(p) {
			return
		}
	}
	t.Errorf("%x arrived, want a prefix of %x, and at most one Close frame behind a whole frame", p, wire)
}
