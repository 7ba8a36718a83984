package conn_test

import (
	"context"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
	"github.com/rfc6455/ws/frame"
	"github.com/rfc6455/ws/handshake"
)

// hookTime bounds what waits by its nature: for a message, a pong, a peer.
const hookTime = 200 * time.Millisecond

// lockFree are the methods that every hook may call.
var lockFree = map[string]func(ctx context.Context, c *ws.Conn, g *ws.Group){
	"State":       func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.State() },
	"Subprotocol": func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Subprotocol() },
	"Deflate":     func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Deflate() },
	"LocalAddr":   func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.LocalAddr() },
	"RemoteAddr":  func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.RemoteAddr() },
	"Data":        func(_ context.Context, c *ws.Conn, _ *ws.Group) { c.SetData(1); _ = c.Data() },
}

// emptyMessage is a prepared one.
var emptyMessage, _ = ws.Prepare(ws.Text, nil)

// locking are the others, alone and after those that begin an end.
var locking = map[string]func(ctx context.Context, c *ws.Conn, g *ws.Group){
	"AfterClose":        func(_ context.Context, c *ws.Conn, _ *ws.Group) { c.AfterClose(func(*ws.Conn) {}) },
	"Append":            func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Append(ws.Text, nil) },
	"Buffered":          func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Buffered() },
	"Close":             func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Close(4000, "") },
	"Close twice":       func(_ context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.Close(4000, ""), c.Close(4000, "") },
	"Close, CloseNow":   func(_ context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.Close(4000, ""), c.CloseNow() },
	"Close, Read":       func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Close(4000, ""); _, _, _ = c.Read(bg) },
	"Close, NextReader": func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Close(4000, ""); _, _, _ = c.NextReader(bg) },
	"Close, Serve":      func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Close(4000, ""); _ = c.Serve(bg, nil) },
	"Close, Write":      func(_ context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.Close(4000, ""), c.Write(bg, ws.Text, nil) },
	"Close, Flush":      func(_ context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.Close(4000, ""), c.Flush(bg) },
	"CloseNow":          func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.CloseNow() },
	"CloseNow, Close":   func(_ context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.CloseNow(), c.Close(4000, "") },
	"CloseNow, Read":    func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.CloseNow(); _, _, _ = c.Read(bg) },
	"CloseNow, Done":    func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.CloseNow(); <-c.Done() },
	"CloseNow, Flush":   func(_ context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.CloseNow(), c.Flush(bg) },
	"CloseNow, Ping":    func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.CloseNow(); _, _ = c.Ping(bg) },
	"Done":              func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Done() },
	"Drained":           func(_ context.Context, c *ws.Conn, _ *ws.Group) { <-c.Drained(0) },
	"Dropped":           func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Dropped() },
	"Err":               func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Err() },
	"Flush":             func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Flush(bg) },
	"NetConn":           func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.NetConn().Close() },
	"NextReader":        func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _, _, _ = c.NextReader(ctx) },
	"Ping":              func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _, _ = c.Ping(ctx) },
	"Read":              func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _, _, _ = c.Read(ctx) },
	"ReadInto":          func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _, _, _ = c.ReadInto(ctx, nil) },
	"Serve":             func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Serve(ctx, nil) },
	"SetMaxMessageSize": func(_ context.Context, c *ws.Conn, _ *ws.Group) { c.SetMaxMessageSize(1 << 20) },
	"Shutdown":          func(ctx context.Context, _ *ws.Conn, g *ws.Group) { _ = g.Shutdown(ctx) },
	"Write":             func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Write(ctx, ws.Text, nil) },
	"WritePrepared":     func(ctx context.Context, c *ws.Conn, _ *ws.Group) { _ = c.WritePrepared(ctx, emptyMessage) },
	"Send":              func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Send(ws.Text, nil) },
	"SendPrepared":      func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.SendPrepared(emptyMessage) },
	"Handle":            func(_ context.Context, c *ws.Conn, _ *ws.Group) { _ = c.Handle(nil) },
	"NextWriter": func(ctx context.Context, c *ws.Conn, _ *ws.Group) {
		if m, err := c.NextWriter(ctx, ws.Text); err == nil {
			_, _ = m.Write([]byte("x"))
			_ = m.Close()
		}
	},
	"All, Broadcast": func(_ context.Context, _ *ws.Conn, g *ws.Group) {
		for range g.All() {
		}
		_, _ = g.Broadcast(ws.Text, nil)
		_ = g.Len()
	},
}

// stages are the callbacks and hooks that may call everything: each puts f there.
var stages = map[string]func(ev *ws.Events, tr *ws.Trace, f func(*ws.Conn)){
	"Open": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) {
		ev.Open = func(c *ws.Conn, _ *handshake.Request) { f(c) }
	},
	"Message": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) {
		ev.Message = func(c *ws.Conn, _ ws.MessageType, _ []byte) { f(c) }
	},
	"Ping": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) { ev.Ping = func(c *ws.Conn, _ []byte) { f(c) } },
	"Pong": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) { ev.Pong = func(c *ws.Conn, _ []byte) { f(c) } },
	"Error": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) {
		ev.Message = func(*ws.Conn, ws.MessageType, []byte) { panic("to be told") }
		ev.Error = func(c *ws.Conn, _ error) { f(c) }
	},
	"Close": func(ev *ws.Events, _ *ws.Trace, f func(*ws.Conn)) {
		ev.Close = func(c *ws.Conn, _ *ws.CloseError) { f(c) }
	},
	"Opened": func(_ *ws.Events, tr *ws.Trace, f func(*ws.Conn)) {
		tr.Opened = func(c *ws.Conn, _ *handshake.Request) { f(c) }
	},
	"Panic": func(ev *ws.Events, tr *ws.Trace, f func(*ws.Conn)) {
		ev.Message = func(*ws.Conn, ws.MessageType, []byte) { panic("to be told") }
		tr.Panic = func(c *ws.Conn, _ any, _ []byte) { f(c) }
	},
	"Closed": func(_ *ws.Events, tr *ws.Trace, f func(*ws.Conn)) {
		tr.Closed = func(c *ws.Conn, _ *ws.CloseError) { f(c) }
	},
}

// lockedStages are the hooks during which the connection may be locked.
var lockedStages = map[string]func(tr *ws.Trace, f func(*ws.Conn)){
	"FrameReceived":   func(tr *ws.Trace, f func(*ws.Conn)) { tr.FrameReceived = func(c *ws.Conn, _ frame.Header) { f(c) } },
	"FrameSent":       func(tr *ws.Trace, f func(*ws.Conn)) { tr.FrameSent = func(c *ws.Conn, _ frame.Header) { f(c) } },
	"MessageReceived": func(tr *ws.Trace, f func(*ws.Conn)) { tr.MessageReceived = func(c *ws.Conn, _ ws.MessageInfo) { f(c) } },
	"MessageSent":     func(tr *ws.Trace, f func(*ws.Conn)) { tr.MessageSent = func(c *ws.Conn, _ ws.MessageInfo) { f(c) } },
	"CloseReceived": func(tr *ws.Trace, f func(*ws.Conn)) {
		tr.CloseReceived = func(c *ws.Conn, _ ws.CloseCode, _ string) { f(c) }
	},
	"CloseSent": func(tr *ws.Trace, f func(*ws.Conn)) {
		tr.CloseSent = func(c *ws.Conn, _ ws.CloseCode, _ string) { f(c) }
	},
	"RoundTrip": func(tr *ws.Trace, f func(*ws.Conn)) { tr.RoundTrip = func(c *ws.Conn, _ time.Duration) { f(c) } },
	"Queued":    func(tr *ws.Trace, f func(*ws.Conn)) { tr.Queued = func(c *ws.Conn, _ int) { f(c) } },
	"Dropped":   func(tr *ws.Trace, f func(*ws.Conn)) { tr.Dropped = func(c *ws.Conn, _ ws.MessageInfo) { f(c) } },
}

// TestEachMethodInEachHook: a method that a callback or a hook may call returns
// there, and the connection then ends as it would have otherwise.
func TestEachMethodInEachHook(t *testing.T) {
	overWires(t, func(t *testing.T, connect func(t *testing.T) (near, far net.Conn)) {
		var all sync.WaitGroup
		defer all.Wait()
		slots := make(chan struct{}, 16) // of how many at a time
		try := func(stage, method string, put func(*ws.Events, *ws.Trace, func(*ws.Conn)), call func(context.Context, *ws.Conn, *ws.Group)) {
			near, far := connect(t)
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				if why := hookRun(near, far, put, call); why != "" {
					t.Errorf("%s in %s: %s", method, stage, why)
				}
			})
		}
		for stage, put := range stages {
			for _, methods := range []map[string]func(context.Context, *ws.Conn, *ws.Group){lockFree, locking} {
				for method, call := range methods {
					try(stage, method, put, call)
				}
			}
		}
		for stage, put := range lockedStages {
			for method, call := range lockFree {
				try(stage, method, func(_ *ws.Events, tr *ws.Trace, f func(*ws.Conn)) { put(tr, f) }, call)
			}
		}
	})
}

// TestHooksAreComplete: the table above has every method of a Conn, and every callback and hook
// that gets one.
func TestHooksAreComplete(t *testing.T) {
	calls, places := map[string]bool{}, map[string]bool{}
	called := func(names string) {
		for name := range strings.SplitSeq(names, ", ") {
			calls[strings.Fields(name)[0]] = true // "Close twice" is one of Close
		}
	}
	for names := range lockFree {
		called(names)
	}
	for names := range locking {
		called(names)
	}
	for name := range stages {
		places[name] = true
	}
	for name := range lockedStages {
		places[name] = true
	}
	conn := reflect.TypeFor[*ws.Conn]()
	for m := range conn.Methods() {
		if !calls[m.Name] && m.Name != "SetData" { // which is called with Data
			t.Errorf("no hook calls Conn.%s", m.Name)
		}
	}
	for _, hooks := range []reflect.Type{reflect.TypeFor[ws.Events](), reflect.TypeFor[ws.Trace]()} {
		for f := range hooks.Fields() {
			ofConn := f.Type.Kind() == reflect.Func && f.Type.NumIn() > 0 && f.Type.In(0) == conn
			if ofConn && !places[f.Name] {
				t.Errorf("no method is called in %v.%s", hooks, f.Name)
			}
		}
	}
}

// hookRun has a connection meet everything that has a callback or a hook, with
// call in the one where put puts it. It returns what went wrong.
func hookRun(near, far net.Conn, put func(*ws.Events, *ws.Trace, func(*ws.Conn)), call func(context.Context, *ws.Conn, *ws.Group)) string {
	var ev ws.Events
	var tr ws.Trace
	var g ws.Group
	var once sync.Once
	begun, called := make(chan struct{}), make(chan struct{})
	put(&ev, &tr, func(c *ws.Conn) {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(bg, hookTime)
			defer cancel()
			close(begun)
			call(ctx, c, &g)
			close(called)
		})
	})
	peer := ws.New(far, frame.Client, ws.Negotiated{}, ws.Config{CloseTimeout: time.Second})
	served := make(chan error, 1)
	go func() {
		c := ws.New(near, frame.Server, ws.Negotiated{}, ws.Config{
			CloseTimeout: time.Second, Group: &g, Trace: &tr, Queue: 300_000, QueuePolicy: ws.QueueDropNewest,
		})
		go provoke(c, peer)
		served <- c.Serve(bg, &ev)
	}()
	defer func() { _, _ = near.Close(), far.Close() }()
	limit := time.After(20 * time.Second)
	select {
	case <-called:
	case <-limit:
		select {
		case <-begun:
			return "it does not return"
		default:
			return "it was not called"
		}
	}
	select {
	case <-served:
		return ""
	case <-limit:
		return "Serve did not return"
	}
}

// provoke has c call its hooks: frames and messages both ways, a round trip, a
// message that waits, one that is dropped, and the end.
func provoke(c, peer *ws.Conn) {
	ctx, cancel := context.WithTimeout(bg, 5*time.Second)
	defer cancel()
	for n := 0; n < 500 && c.Dropped() == 0 && c.Err() == nil; n++ { // nobody reads yet
		_ = c.Send(ws.Binary, make([]byte, 140_000))
	}
	go peer.Serve(bg, nil)
	_, _ = c.Ping(ctx)
	_, _ = peer.Ping(ctx)
	_ = peer.Write(ctx, ws.Text, []byte("hello"))
	_ = peer.Close(ws.CloseNormal, "")
	_ = c.CloseNow()
}
