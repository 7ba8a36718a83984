package h3_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/conn/h3"
)

// TestDialerClose: what sockets say last arrives, although the Dialer is closed right after them.
func TestDialerClose(t *testing.T) {
	ends := make(chan error, 100)
	var u ws.Upgrader
	s := serve(t, u.Handler(&ws.Events{Close: func(_ *ws.Conn, e *ws.CloseError) { ends <- e }}), nil)
	for range 20 {
		d := dialer(t)
		var all sync.WaitGroup
		for range 3 {
			c := dial(t, d, s.url())
			all.Go(func() { _ = c.Close(ws.CloseGoingAway, "bye") })
		}
		all.Wait()
		conn := await(t, s.quic, "connection")
		if err := d.Close(); err != nil {
			t.Fatalf("Close = %v, want nil", err)
		}
		wantClosed(t, conn, http3.ErrCodeNoError)
		for range 3 {
			if code, _ := ws.CloseStatus(await(t, ends, "end")); code != ws.CloseGoingAway {
				t.Errorf("a socket ended with %d, want 1001", code)
			}
		}
	}
}

// TestDialerCloseWaits: the connection stays until the server has ended its side of the stream.
func TestDialerCloseWaits(t *testing.T) {
	toClient(func(s *rawServer) {
		w, c := s.open()
		closed := make(chan error, 1)
		go func() {
			_ = c.Close(ws.CloseNormal, "")
			closed <- s.d.Close()
		}()
		w.message() // Close
		w.data("\x88\x02\x03\xe8")
		w.wantEnd()
		select {
		case err := <-closed:
			t.Errorf("Close = %v before the server's FIN, want that it waits", err)
		case <-s.conn.Context().Done():
			t.Errorf("the connection ended with %v before the server's FIN", context.Cause(s.conn.Context()))
		default:
		}
		_ = w.Stream.Close()
		if err := await(t, closed, "end of Close"); err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
		wantClosed(t, s.conn, http3.ErrCodeNoError)
	})(t)
}

// finished counts the streams whose FIN has come, at a server whose Tracer it is.
type finished struct {
	mu   sync.Mutex
	fins map[quic.StreamID]bool
}

func (f *finished) AddProducer() qlogwriter.Recorder { return f }
func (f *finished) SupportsSchemas(string) bool      { return true }
func (f *finished) Close() error                     { return nil }

func (f *finished) RecordEvent(e qlogwriter.Event) {
	received, ok := e.(qlog.PacketReceived)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fr := range received.Frames {
		if s, ok := fr.Frame.(*qlog.StreamFrame); ok && s.Fin {
			f.fins[s.StreamID] = true
		}
	}
}

// TestDialerCloseFlushes: what this side wrote leaves before the connection is closed, even if the
// server ended its sides of the streams first, so that nothing more is to come.
func TestDialerCloseFlushes(t *testing.T) {
	const n = 50
	f := &finished{fins: map[quic.StreamID]bool{}}
	s := listen(t, &quic.Config{
		Tracer: func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return f },
	})
	_, first := s.open()
	conns := []*ws.Conn{first}
	for range n - 1 {
		done := s.dial()
		w, _ := s.request()
		w.send(h3Frame(headers, fields(":status: 200")))
		w.data("\x88\x02\x03\xe8")
		_ = w.Stream.Close()
		r := await(t, done, "result of Dial")
		if r.err != nil {
			t.Fatal(r.err)
		}
		conns = append(conns, r.c)
	}
	_ = first.CloseNow()
	for _, c := range conns[1:] { // its Close frame waits to be read, and so does FIN
		_, _, _ = c.Read(s.ctx)
	}
	if err := s.d.Close(); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	wantClosed(t, s.conn, http3.ErrCodeNoError)
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := len(f.fins); got != n-1 {
		t.Errorf("%d streams ended with FIN, want %d", got, n-1)
	}
}

// TestDialerCloseOpen: sockets that are open go on, and new ones are refused.
func TestDialerCloseOpen(t *testing.T) {
	s := serve(t, echoing(&ws.Upgrader{}), nil)
	for _, fallback := range []h3.Fallback{h3.Fail, h3.HTTP2} {
		d := dialer(t)
		d.Fallback = fallback
		c := dial(t, d, s.url())
		conn := await(t, s.quic, "connection")
		for range 2 {
			if err := d.Close(); err != nil {
				t.Errorf("Close = %v, want nil", err)
			}
		}
		for _, url := range []string{s.url(), "ws://" + s.addr} {
			if _, _, err := d.Dial(bg, url); !errors.Is(err, h3.ErrClosed) || !errors.Is(err, net.ErrClosed) {
				t.Errorf("Dial(%s) = %v, want %v", url, err, h3.ErrClosed)
			}
		}
		if err := echo(c, "still here"); err != nil {
			t.Error(err)
		}
		_ = c.Close(ws.CloseNormal, "")
		wantClosed(t, conn, http3.ErrCodeNoError)
	}
}

// TestDialerCloseUnused closes a Dialer that has no connection.
func TestDialerCloseUnused(t *testing.T) {
	var d h3.Dialer
	if err := d.Close(); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
}

// TestDialerCloseDialing: a Dial that is under way gets its socket, or ErrClosed, and leaves no
// connection behind: see TestMain.
func TestDialerCloseDialing(t *testing.T) {
	s := serve(t, echoing(&ws.Upgrader{}), nil)
	for range 20 {
		d := dialer(t)
		results := make(chan dialed, 3)
		for range cap(results) {
			go func() {
				c, resp, err := d.Dial(bg, s.url())
				results <- dialed{c, resp, err}
			}()
		}
		if err := d.Close(); err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
		for range cap(results) {
			r := await(t, results, "result of Dial")
			if r.err == nil {
				_ = r.c.CloseNow()
			} else if !errors.Is(r.err, h3.ErrClosed) {
				t.Errorf("Dial = %v, want a socket or %v", r.err, h3.ErrClosed)
			}
		}
	}
}

// TestNoControlStream: a server that takes no control stream, and says at once that it is leaving,
// gets an error for Dial and nothing more.
func TestNoControlStream(t *testing.T) {
	s := listen(t, &quic.Config{MaxIncomingUniStreams: -1})
	go func() { // the client may be faster
		if c, err := s.ln.Accept(s.ctx); err == nil {
			if ctl, err := c.OpenUniStream(); err == nil {
				_, _ = ctl.Write([]byte("\x00" + h3Frame(settings, "\x08\x01") + h3Frame(goAway, "\x00")))
			}
		}
	}()
	var e *http3.Error
	r := await(t, s.dial(), "result of Dial")
	if r.err == nil || errors.As(r.err, &e) && e.Remote {
		t.Errorf("Dial = %v, want an error of this side", r.err)
	}
	if err := s.d.Close(); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
}

// TestDialerCloseLost: Close ends even if nothing arrives any more.
func TestDialerCloseLost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 6 seconds")
	}
	s := listen(t, nil)
	r := relayTo(t, s.ln.Addr().String(), 1, faults{})
	done := make(chan dialed, 1)
	go func() {
		c, resp, err := s.d.Dial(s.ctx, "wss://"+r.addr()+"/")
		done <- dialed{c, resp, err}
	}()
	s.accept()
	control(t, s.conn, 0x8, 1)
	w, _ := s.request()
	w.send(h3Frame(headers, fields(":status: 200")))
	c := await(t, done, "socket").c
	closed := make(chan error, 1)
	go func() { closed <- c.Close(ws.CloseNormal, "") }()
	w.message()
	w.data("\x88\x02\x03\xe8")
	_ = await(t, closed, "end of the socket")
	w.wantEnd()
	r.loseAll() // the server's FIN among it
	_ = w.Stream.Close()
	if err := s.d.Close(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close = %v, want nil or %v", err, context.DeadlineExceeded)
	}
}
