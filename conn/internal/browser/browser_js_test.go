package browser_test

// Tests of package conn where JavaScript is. The module e2e, below, runs them and has the server
// whose URL is in WS_URL.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall/js"
	"testing"
	"time"

	ws "github.com/rfc6455/ws/conn"
)

// hasStream says that the sockets are WebSocketStreams.
var hasStream = js.Global().Get("WebSocketStream").Truthy()

// inNode says that this is Node.js.
var inNode = js.Global().Get("process").Get("versions").Truthy()

// server is the URL of a path of the server.
func server(path string) string { return os.Getenv("WS_URL") + path }

// patience bounds what takes no time on an idle machine.
const patience = time.Minute

// limited returns a context that bounds a test.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// dial connects with d to a path of the server.
func dial(t *testing.T, d *ws.Dialer, path string) *ws.Conn {
	t.Helper()
	c, resp, err := d.Dial(limited(t), server(path))
	if err != nil {
		t.Fatalf("Dial %s: %v", path, err)
	}
	if resp != nil {
		t.Errorf("Dial %s returns a response: %v", path, resp)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// unique returns a name for a gate of the server.
var unique = func() func() string {
	n := 0
	return func() string { n++; return fmt.Sprint("gate", n) }
}()

// openGate lets the connections of /slow read.
func openGate(t *testing.T, gate string) {
	t.Helper()
	c := dial(t, new(ws.Dialer), "/open?gate="+gate)
	if _, _, err := c.Read(limited(t)); closeCode(err) != ws.CloseNormal {
		t.Fatalf("opening the gate: %v", err)
	}
}

func closeCode(err error) ws.CloseCode {
	code, _ := ws.CloseStatus(err)
	return code
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantMessage reads a message.
func wantMessage(t *testing.T, c *ws.Conn, typ ws.MessageType, want string) {
	t.Helper()
	got, p, err := c.Read(limited(t))
	if err != nil || got != typ || string(p) != want {
		t.Fatalf("Read = %v, %d bytes %.40q, %v; want %v, %d bytes %.40q",
			got, len(p), p, err, typ, len(want), want)
	}
}

// texts are texts that JavaScript might change.
var texts = map[string]string{
	"empty": "", "ascii": "hello", "mark": "\ufeffa byte order mark", "marks": "\ufeff\ufeff",
	"planes": "é € 𝄞 \U0010ffff",
	"nul":    "a\x00b", "lines": "a\r\nb\n\u2028", "replacement": "\ufffd",
	"noncharacter": "\uffff\ufffe",
}

func TestEcho(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			if inNode && strings.HasPrefix(text, "\ufeff") {
				t.Skip("Node.js 20 drops a byte order mark that it receives")
			}
			must(t, c.Write(limited(t), ws.Text, []byte(text)))
			wantMessage(t, c, ws.Text, text)
			must(t, c.Write(limited(t), ws.Binary, []byte(text)))
			wantMessage(t, c, ws.Binary, text)
		})
	}
	t.Run("large", func(t *testing.T) {
		for _, typ := range []ws.MessageType{ws.Text, ws.Binary} {
			large := strings.Repeat("0123456789abcdeé", 60000)
			must(t, c.Write(limited(t), typ, []byte(large)))
			wantMessage(t, c, typ, large)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		must(t, c.Write(limited(t), ws.Binary, all))
		wantMessage(t, c, ws.Binary, string(all))
	})
	if err := c.Close(ws.CloseNormal, ""); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestReadInto(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	must(t, c.Write(limited(t), ws.Text, []byte("one")))
	must(t, c.Write(limited(t), ws.Text, []byte("two")))
	room := make([]byte, 0, 100)
	_, p, err := c.ReadInto(limited(t), append(room, "> "...))
	if err != nil || string(p) != "> one" || &p[0] != &room[:1][0] {
		t.Errorf("ReadInto = %q, %v, want > one in the buffer", p, err)
	}
	_, p, err = c.ReadInto(limited(t), []byte("small "))
	if err != nil || string(p) != "small two" {
		t.Errorf("ReadInto = %q, %v, want small two", p, err)
	}
	must(t, c.CloseNow())
	if _, p, err := c.ReadInto(limited(t), room[:1]); len(p) != 1 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadInto after the end = %q, %v, want the buffer unchanged and net.ErrClosed", p, err)
	}
}

func TestInvalidMessages(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	for name, write := range map[string]func(ws.MessageType, []byte) error{
		"Write":  func(typ ws.MessageType, p []byte) error { return c.Write(limited(t), typ, p) },
		"Send":   c.Send,
		"Append": c.Append,
	} {
		if err := write(ws.Text, []byte("\xff")); err == nil {
			t.Errorf("%s takes text that is not UTF-8", name)
		}
		if err := write(0, nil); err != ws.ErrMessageType {
			t.Errorf("%s of type 0: %v, want ErrMessageType", name, err)
		}
	}
	must(t, c.Write(limited(t), ws.Text|ws.Uncompressed, []byte("next")))
	wantMessage(t, c, ws.Text, "next")
}

func TestSubprotocol(t *testing.T) {
	for _, tt := range []struct {
		offered []string
		want    string
	}{{nil, ""}, {[]string{"two"}, "two"}, {[]string{"two", "one"}, "one"}} {
		c := dial(t, &ws.Dialer{Subprotocols: tt.offered}, "/echo")
		if got := c.Subprotocol(); got != tt.want {
			t.Errorf("offering %q: Subprotocol = %q, want %q", tt.offered, got, tt.want)
		}
	}
}

// TestPeerCloses: the messages before the end are read first, and then the code and the reason.
func TestPeerCloses(t *testing.T) {
	for _, tt := range []struct {
		query string
		want  ws.CloseError
	}{
		{"n=0&code=1000", ws.CloseError{Code: 1000, Remote: true, Sent: 1000}},
		{"n=3&code=4001&reason=bye", ws.CloseError{Code: 4001, Reason: "bye", Remote: true, Sent: 4001}},
		{"n=5000&code=1001", ws.CloseError{Code: 1001, Remote: true, Sent: 1001}},
		{"n=1&code=0", ws.CloseError{Code: 1005, Remote: true, Sent: 1005}},
	} {
		t.Run(tt.query, func(t *testing.T) {
			c := dial(t, new(ws.Dialer), "/close?"+tt.query)
			q, err := url.ParseQuery(tt.query)
			must(t, err)
			n, err := strconv.Atoi(q.Get("n"))
			must(t, err)
			for i := range n {
				wantMessage(t, c, ws.Text, strconv.Itoa(i))
			}
			_, _, err = c.Read(limited(t))
			var end *ws.CloseError
			if !errors.As(err, &end) || *end != tt.want {
				t.Fatalf("Read = %#v, want %#v", err, tt.want)
			}
			<-c.Done()
			if c.Err() != err || c.State() != ws.StateClosed || !end.Clean() {
				t.Errorf("Err = %v, State = %v, want the same error, closed", c.Err(), c.State())
			}
			if err := c.Write(limited(t), ws.Text, nil); err != end {
				t.Errorf("Write after the end: %v, want the same error", err)
			}
			if err := c.Close(ws.CloseNormal, ""); err != nil {
				t.Errorf("Close after a clean end: %v", err)
			}
		})
	}
}

// TestPeerClosesUnread: if nobody reads, the end of the peer ends the connection all the same.
func TestPeerClosesUnread(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/close?n=3&code=4001")
	select {
	case <-c.Done():
	case <-limited(t).Done():
		t.Fatal("the connection does not end")
	}
	if closeCode(c.Err()) != 4001 {
		t.Errorf("Err = %v, want 4001", c.Err())
	}
}

// TestWriteBehindTheEnd: a peer that has closed takes no more messages. Those that it has sent
// before can still be read.
func TestWriteBehindTheEnd(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/close?n=3&code=4001")
	wantMessage(t, c, ws.Text, "0")
	ctx := limited(t)
	var err error
	for other := dial(t, new(ws.Dialer), "/echo"); err == nil; err = c.Flush(ctx) {
		must(t, other.Write(ctx, ws.Text, nil)) // gives the end time to come
		wantMessage(t, other, ws.Text, "")
	}
	if closeCode(err) != 4001 {
		t.Errorf("Flush = %v, want 4001", err)
	}
	if err := c.Send(ws.Text, nil); closeCode(err) != 4001 {
		t.Errorf("Send = %v, want 4001", err)
	}
	<-c.Drained(0)
	if c.State() != ws.StateOpen || c.Err() != nil || c.Buffered() != 0 {
		t.Errorf("with messages unread: %v, %v, %d bytes buffered", c.State(), c.Err(), c.Buffered())
	}
	wantMessage(t, c, ws.Text, "1")
	wantMessage(t, c, ws.Text, "2")
	if _, _, err := c.Read(ctx); closeCode(err) != 4001 {
		t.Errorf("Read = %v, want 4001", err)
	}
	<-c.Done()
}

func TestCut(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/cut")
	must(t, c.Write(limited(t), ws.Text, []byte("cut")))
	_, _, err := c.Read(limited(t))
	if closeCode(err) != ws.CloseAbnormal || !errors.Is(err, io.ErrUnexpectedEOF) ||
		!errors.Is(err, net.ErrClosed) {
		t.Errorf("Read = %v, want 1006, io.ErrUnexpectedEOF and net.ErrClosed", err)
	}
	if err := c.Close(ws.CloseNormal, ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Close = %v, want the same end", err)
	}
}

func TestRefused(t *testing.T) {
	for name, u := range map[string]string{
		"refused": server("/refuse"), "nobody": "ws://127.0.0.1:9/?secret",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ws.Dial(limited(t), u)
			var refused *ws.HandshakeError
			if c != nil || !errors.As(err, &refused) || refused.Status != 0 ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("Dial = %v, %v, want a HandshakeError without a status", c, err)
			}
		})
	}
}

func TestDialEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	if _, err := ws.Dial(ctx, server("/never")); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial = %v, want context.Canceled", err)
	}
	if _, err := ws.Dial(ctx, server("/never")); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial under a context that has ended: %v, want context.Canceled", err)
	}
	d := ws.Dialer{HandshakeTimeout: time.Millisecond}
	if _, _, err := d.Dial(limited(t), server("/never")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial = %v, want context.DeadlineExceeded", err)
	}
	var g ws.Group
	must(t, g.Shutdown(limited(t)))
	d = ws.Dialer{Config: ws.Config{Group: &g}}
	if _, _, err := d.Dial(limited(t), server("/echo")); err != ws.ErrGroupClosed {
		t.Errorf("Dial = %v, want ErrGroupClosed", err)
	}
}

func TestURL(t *testing.T) {
	for _, u := range []string{
		"", "/echo", "echo", "ftp://host/", "ws:/host", "ws://host/#secret", "ws://host:secret/",
	} {
		c, err := ws.Dial(limited(t), u)
		if c != nil || err == nil || strings.Contains(err.Error(), "secret") ||
			errors.As(err, new(*ws.HandshakeError)) {
			t.Errorf("Dial(%q) = %v, want an error of the URL that does not repeat it", u, err)
		}
	}
	c, err := ws.Dial(limited(t), "HTTP"+strings.TrimPrefix(server("/echo"), "ws"))
	must(t, err)
	must(t, c.Close(0, ""))
	d := &ws.Dialer{Subprotocols: []string{"a b"}}
	if _, _, err := d.Dial(limited(t), server("/echo")); err == nil {
		t.Error("Dial takes a subprotocol with a space")
	}
}

// TestFieldsThatMeanNothing: what a browser can't do is an error at Dial that names the field. So
// it is for every field that is not listed here as one that works.
func TestFieldsThatMeanNothing(t *testing.T) {
	works := []string{
		"Config", "Subprotocols", "HandshakeTimeout", "OneAtATime", "MaxMessageSize", "IdleTimeout",
		"WriteTimeout",
		"CloseTimeout", "Queue", "QueuePolicy", "Group", "Trace", "Retry", "Loop",
	}
	var d ws.Dialer
	for _, part := range []any{&d, &d.Config} {
		v := reflect.ValueOf(part).Elem()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if slices.Contains(works, name) {
				continue
			}
			d = ws.Dialer{}
			fill(v.Field(i))
			_, _, err := d.Dial(limited(t), server("/echo"))
			if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "."+name+" ") {
				t.Errorf("Dial with %s: %v, want errors.ErrUnsupported and the name", name, err)
			}
			if got := d.Validate(); got == nil || got.Error() != err.Error() {
				t.Errorf("Validate with %s: %v, want %v", name, got, err)
			}
			d = ws.Dialer{}
		}
	}
	d.QueuePolicy = 9
	if err := d.Validate(); err == nil || !strings.Contains(err.Error(), "QueuePolicy 9") {
		t.Errorf("Validate with QueuePolicy 9: %v", err)
	}
}

// fill sets v to some value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.String:
		v.SetString("x")
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Interface:
		v.Set(reflect.ValueOf(1))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), nil))
	case reflect.Struct:
		fill(v.Field(0))
	default:
		panic(v.Type())
	}
}

func TestClose(t *testing.T) {
	for _, tt := range []struct {
		code   ws.CloseCode
		reason string
		got    ws.CloseCode // in the answer, which repeats the code
	}{
		{1000, "", 1000},
		{4001, "bye", 4001},
		{3000, "", 3000},
		{4999, strings.Repeat("x", 123), 4999},
		{0, "", 1005},
	} {
		c := dial(t, new(ws.Dialer), "/echo")
		if err := c.Close(tt.code, tt.reason); err != nil {
			t.Errorf("Close(%d) = %v", tt.code, err)
		}
		var end *ws.CloseError
		sent := tt.got // 1005 stands for no code
		if !errors.As(c.Err(), &end) || end.Code != tt.got || end.Remote || end.Sent != sent ||
			c.State() != ws.StateClosed {
			t.Errorf("after Close(%d): %#v, %v", tt.code, c.Err(), c.State())
		}
	}
	c := dial(t, new(ws.Dialer), "/echo")
	for _, code := range []ws.CloseCode{
		1, 999, 1001, 1004, 1005, 1006, 1008, 1011, 1015, 2000, 2999, 5000,
	} {
		if err := c.Close(code, ""); err == nil || c.State() != ws.StateOpen {
			t.Fatalf("Close(%d) = %v, %v, want an error, and the connection unharmed", code, err, c.State())
		}
	}
	if err := c.Close(1001, ""); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Close(1001) = %v, want errors.ErrUnsupported", err)
	}
	for _, reason := range []string{strings.Repeat("x", 124), "\xff"} {
		if err := c.Close(1000, reason); err == nil || c.State() != ws.StateOpen {
			t.Errorf("Close with the reason %.9q = %v, want an error", reason, err)
		}
	}
	if err := c.Close(0, "why"); err == nil {
		t.Error("Close takes a reason without a code")
	}
	must(t, c.Write(limited(t), ws.Text, []byte("unharmed")))
	wantMessage(t, c, ws.Text, "unharmed")
}

// TestCloseSendsWhatIsQueued: what was sent before Close arrives, and nothing may be sent after it.
func TestCloseSendsWhatIsQueued(t *testing.T) {
	gate := unique()
	c := dial(t, &ws.Dialer{Config: ws.Config{Queue: 64 << 20}}, "/slow?gate="+gate)
	p := make([]byte, 256<<10)
	for range 40 {
		must(t, c.Send(ws.Binary, p))
	}
	closed := make(chan error)
	go func() { closed <- c.Close(4000, "") }()
	for c.State() == ws.StateOpen {
		runtime.Gosched()
	}
	if err := c.Send(ws.Text, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send after Close: %v, want net.ErrClosed", err)
	}
	openGate(t, gate)
	if err := <-closed; err != nil || closeCode(c.Err()) != 4000 {
		t.Errorf("Close = %v, Err = %v, want 4000", err, c.Err())
	}
}

func TestCloseNow(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	read := make(chan error)
	go func() { _, _, err := c.Read(limited(t)); read <- err }()
	var after note
	c.AfterClose(func(c *ws.Conn) { after.add("first %v", c.State()) })
	c.AfterClose(func(*ws.Conn) { after.add("second") })
	must(t, c.CloseNow())
	<-c.Done()
	c.AfterClose(func(*ws.Conn) { after.add("third") })
	after.want(t, "first closed", "second", "third")
	if err := <-read; closeCode(err) != ws.CloseAbnormal || err != c.Err() {
		t.Errorf("Read = %v, want 1006", err)
	}
	must(t, c.CloseNow())
}

// TestCloseTimeout: a peer that does not answer holds Close up for Config.CloseTimeout.
func TestCloseTimeout(t *testing.T) {
	c := dial(t, &ws.Dialer{Config: ws.Config{CloseTimeout: 50 * time.Millisecond}},
		"/slow?gate="+unique())
	if err := c.Close(1000, ""); !errors.Is(err, ws.ErrCloseTimeout) {
		t.Errorf("Close = %v, want ErrCloseTimeout", err)
	}
}

func TestReadContext(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		_, _, err := c.Read(ctx)
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Read = %v, want os.ErrDeadlineExceeded and context.DeadlineExceeded", err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.Read(ctx); err != context.Canceled {
		t.Errorf("Read = %v, want context.Canceled", err)
	}
	must(t, c.Write(limited(t), ws.Text, []byte("unharmed")))
	wantMessage(t, c, ws.Text, "unharmed")
}

func TestConcurrentRead(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	served, reading := make(chan error), make(chan struct{})
	go func() {
		served <- c.Serve(limited(t), &ws.Events{Open: func(*ws.Conn, *ws.Request) { close(reading) }})
	}()
	<-reading
	if _, _, err := c.Read(limited(t)); err != ws.ErrConcurrentRead {
		t.Errorf("Read beside Serve: %v, want ErrConcurrentRead", err)
	}
	if err := c.Serve(limited(t), nil); err != ws.ErrConcurrentRead {
		t.Errorf("a second Serve: %v, want ErrConcurrentRead", err)
	}
	must(t, c.Close(1000, ""))
	if err := <-served; closeCode(err) != 1000 {
		t.Errorf("Serve = %v, want 1000", err)
	}
}

func TestNextReader(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	must(t, c.Write(limited(t), ws.Text, []byte("one message")))
	must(t, c.Write(limited(t), ws.Binary, []byte("another")))
	ctx, cancel := context.WithCancel(context.Background())
	typ, r, err := c.NextReader(ctx)
	must(t, err)
	p := make([]byte, 4)
	if _, err := io.ReadFull(r, p); typ != ws.Text || err != nil || string(p) != "one " {
		t.Errorf("NextReader = %v, %q, %v", typ, p, err)
	}
	if _, _, err := c.Read(limited(t)); err != ws.ErrMessageOpen {
		t.Errorf("Read = %v, want ErrMessageOpen", err)
	}
	if _, _, err := c.NextReader(limited(t)); err != ws.ErrMessageOpen {
		t.Errorf("NextReader = %v, want ErrMessageOpen", err)
	}
	must(t, r.Unread([]byte("ne ")))
	if n, err := r.Read(p[:3]); err != nil || string(p[:n]) != "ne " {
		t.Errorf("Read after Unread = %q, %v", p[:n], err)
	}
	cancel()
	if _, err := r.Read(p); err != context.Canceled {
		t.Errorf("reading under a context that has ended: %v", err)
	}
	_, again, err := c.NextReader(limited(t))
	if err != nil || again != r {
		t.Fatalf("NextReader = %p, %v, want the same reader", again, err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || string(rest) != "message" {
		t.Errorf("the rest = %q, %v", rest, err)
	}
	if n, err := r.Read(p); n != 0 || err != io.EOF {
		t.Errorf("Read after the end = %d, %v, want io.EOF", n, err)
	}
	typ, r, err = c.NextReader(limited(t))
	if err != nil || typ != ws.Binary {
		t.Fatalf("NextReader = %v, %v", typ, err)
	}
	must(t, r.Discard())
	must(t, c.Write(limited(t), ws.Text, []byte("next")))
	wantMessage(t, c, ws.Text, "next")
}

func TestNextWriter(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	w, err := c.NextWriter(limited(t), ws.Text)
	must(t, err)
	must(t, c.Send(ws.Text, []byte("second"))) // waits for the end of the first
	_, err = io.WriteString(w, "fir\xc3")
	must(t, err)
	if n, err := w.Write([]byte("(")); n != 0 || err == nil {
		t.Errorf("Write of what can't be UTF-8 = %d, %v", n, err)
	}
	if c.Buffered() != len("second") {
		t.Errorf("Buffered = %d, want %d", c.Buffered(), len("second"))
	}
	_, err = io.WriteString(w, "\xa9st")
	must(t, err)
	must(t, w.Close())
	wantMessage(t, c, ws.Text, "firést")
	wantMessage(t, c, ws.Text, "second")
	if err := w.Close(); err != ws.ErrWriterClosed {
		t.Errorf("a second Close: %v, want ErrWriterClosed", err)
	}
	if _, err := w.Write(nil); err != ws.ErrWriterClosed {
		t.Errorf("Write after Close: %v, want ErrWriterClosed", err)
	}

	w, err = c.NextWriter(limited(t), ws.Text)
	must(t, err)
	_, err = io.WriteString(w, "half \xc3")
	must(t, err)
	if err := w.Close(); err == nil {
		t.Error("Close within a character: no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	w, err = c.NextWriter(ctx, ws.Binary)
	must(t, err)
	must(t, c.Append(ws.Text, []byte("third")))
	cancel()
	if _, err := w.Write([]byte("x")); err != context.Canceled {
		t.Errorf("Write under a context that has ended: %v", err)
	}
	if err := w.Close(); err != context.Canceled {
		t.Errorf("Close = %v, want the same", err)
	}
	wantMessage(t, c, ws.Text, "third") // the two before are abandoned
	w, err = c.NextWriter(limited(t), ws.Text)
	must(t, err)
	_, err = io.WriteString(w, "abandoned")
	must(t, err)
	must(t, c.Append(ws.Text, []byte("fourth")))
	w.Abandon()
	wantMessage(t, c, ws.Text, "fourth")
	if err := w.Close(); err != ws.ErrWriterClosed {
		t.Errorf("Close after Abandon: %v, want ErrWriterClosed", err)
	}
	w, err = c.NextWriter(limited(t), ws.Binary)
	must(t, err)
	must(t, c.Close(1000, ""))
	if _, err := w.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after the end: %v, want net.ErrClosed", err)
	}
	if _, err := c.NextWriter(limited(t), ws.Binary); !errors.Is(err, net.ErrClosed) {
		t.Errorf("NextWriter after the end: %v, want net.ErrClosed", err)
	}
}

// TestManyWriters: messages of many goroutines arrive whole, once, and each goroutine's in order.
func TestManyWriters(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	const writers, messages = 20, 50
	ctx := limited(t)
	for w := range writers {
		go func() {
			for i := range messages {
				p := append(fmt.Appendf(nil, "%d %d ", w, i), bytes.Repeat([]byte("x"), 10000)...)
				if err := c.Write(ctx, ws.Text, p); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	next := make([]int, writers)
	for range writers * messages {
		_, p, err := c.Read(ctx)
		must(t, err)
		var w, i int
		if _, err := fmt.Sscan(string(p[:20]), &w, &i); err != nil || i != next[w] {
			t.Fatalf("got %.20q, %v, want message %d of its writer", p, err, next[w])
		}
		next[w]++
	}
}

// clog fills what the browser and the network hold of a connection to /slow, until messages wait in
// the connection.
func clog(t *testing.T, c *ws.Conn) (sent int) {
	t.Helper()
	p := make([]byte, 1<<20)
	for {
		ctx, cancel := context.WithTimeout(limited(t), 500*time.Millisecond)
		err := c.Write(ctx, ws.Binary, p)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return sent // and the message is withdrawn
		}
		must(t, err)
		if sent++; sent > 200 {
			t.Fatal("Write never waits for a peer that does not read")
		}
	}
}

// unclog opens the gate and waits for the answers to what clog has sent.
func unclog(t *testing.T, c *ws.Conn, gate string, sent int) {
	t.Helper()
	openGate(t, gate)
	for range sent {
		wantMessage(t, c, ws.Text, strconv.Itoa(1<<20))
	}
}

// TestWriteWaits: a Write waits for a peer that does not read. If its context ends, the message is
// withdrawn and the connection unharmed.
func TestWriteWaits(t *testing.T) {
	gate := unique()
	c := dial(t, new(ws.Dialer), "/slow?gate="+gate)
	sent := clog(t, c)
	if c.Buffered() < 1 {
		t.Errorf("Buffered = %d, want what waits", c.Buffered())
	}
	drained := c.Drained(0)
	flushed := make(chan error)
	go func() { flushed <- c.Flush(limited(t)) }()
	select {
	case <-drained:
		t.Error("Drained(0) is closed too early")
	case err := <-flushed:
		t.Errorf("Flush returns %v too early", err)
	default:
	}
	must(t, c.Send(ws.Binary, []byte("behind")))
	unclog(t, c, gate, sent)
	wantMessage(t, c, ws.Text, "6")
	must(t, <-flushed)
	<-drained
	must(t, c.Flush(limited(t)))
	if c.Buffered() != 0 {
		t.Errorf("Buffered = %d, want 0", c.Buffered())
	}
}

func TestQueuePolicies(t *testing.T) {
	for policy, name := range []string{
		"QueueClose", "QueueRefuse", "QueueDropNewest", "QueueDropOldest",
	} {
		t.Run(name, func(t *testing.T) {
			gate := unique()
			var dropped, queued int
			c := dial(t, &ws.Dialer{Config: ws.Config{
				Queue: 3000, QueuePolicy: ws.QueuePolicy(policy), CloseTimeout: 100 * time.Millisecond,
				Trace: &ws.Trace{
					Queued:  func(*ws.Conn, int) { queued++ },
					Dropped: func(_ *ws.Conn, m ws.MessageInfo) { dropped += int(m.Size) },
				},
			}}, "/slow?gate="+gate)
			sent := clog(t, c)
			if err := c.Send(ws.Binary, make([]byte, 3001)); !errors.Is(err, ws.ErrQueueTooSmall) {
				t.Fatalf("Send of more than the queue: %v, want ErrQueueTooSmall", err)
			}
			must(t, c.Send(ws.Binary, make([]byte, 1001)))
			must(t, c.Send(ws.Binary, make([]byte, 1002)))
			err := c.Send(ws.Binary, make([]byte, 1003))
			wantDropped, want := 0, []string{"1001", "1002"}
			switch ws.QueuePolicy(policy) {
			case ws.QueueClose:
				if !errors.Is(err, ws.ErrQueueFull) || c.Err() != err || closeCode(err) != ws.CloseAbnormal {
					t.Fatalf("Send = %v, Err = %v, want the end because of ErrQueueFull", err, c.Err())
				}
				<-c.Done()
				return
			case ws.QueueRefuse:
				if err != ws.ErrQueueFull {
					t.Errorf("Send = %v, want ErrQueueFull", err)
				}
			case ws.QueueDropNewest:
				must(t, err)
				wantDropped = 1003
			case ws.QueueDropOldest:
				must(t, err)
				wantDropped, want = 1001, []string{"1002", "1003"}
			}
			if dropped != wantDropped || c.Dropped() != uint64(min(wantDropped, 1)) {
				t.Errorf("dropped %d bytes, Dropped = %d, want %d", dropped, c.Dropped(), wantDropped)
			}
			unclog(t, c, gate, sent)
			for _, size := range want {
				wantMessage(t, c, ws.Text, size)
			}
		})
	}
}

func TestWriteTimeout(t *testing.T) {
	c := dial(t, &ws.Dialer{Config: ws.Config{WriteTimeout: 700 * time.Millisecond}},
		"/slow?gate="+unique())
	p := make([]byte, 1<<20)
	for i := 0; ; i++ {
		if err := c.Write(limited(t), ws.Binary, p); err != nil {
			if !errors.Is(err, ws.ErrWriteTimeout) || !errors.Is(c.Err(), ws.ErrWriteTimeout) {
				t.Errorf("Write = %v, Err = %v, want ErrWriteTimeout", err, c.Err())
			}
			return
		}
		if i > 200 {
			t.Fatal("Write never ends")
		}
	}
}

func TestIdleTimeout(t *testing.T) {
	c := dial(t, &ws.Dialer{Config: ws.Config{IdleTimeout: 50 * time.Millisecond}}, "/echo")
	_, _, err := c.Read(limited(t))
	var end *ws.CloseError
	if !errors.As(err, &end) || end.Remote || end.Sent != ws.CloseNoStatus || !end.Clean() {
		t.Errorf("Read = %#v, want the end by this side, without a code, since a browser sends no 1001",
			err)
	}
}

// TestReadBackPressure: a WebSocketStream holds the peer back while nobody reads.
func TestReadBackPressure(t *testing.T) {
	if !hasStream {
		t.Skip("a WebSocket takes all that comes")
	}
	name := unique()
	c := dial(t, new(ws.Dialer), "/flood?name="+name)
	held := dial(t, new(ws.Dialer), "/held?name="+name)
	_, p, err := held.Read(limited(t))
	must(t, err)
	if !strings.HasPrefix(string(p), "held back after ") {
		t.Fatalf("the server says %q, want that it is held back", p)
	}
	t.Logf("the server was %s messages of 64 KiB", p)
	for i := range 1024 {
		_, p, err := c.Read(limited(t))
		if err != nil || string(p[:4]) != fmt.Sprintf("%04d", i) {
			t.Fatalf("message %d: %.4q, %v", i, p, err)
		}
	}
	if _, _, err := c.Read(limited(t)); closeCode(err) != ws.CloseNormal {
		t.Errorf("Read = %v, want 1000", err)
	}
}

func TestTooBig(t *testing.T) {
	c := dial(t, &ws.Dialer{Config: ws.Config{MaxMessageSize: 10}}, "/echo")
	must(t, c.Write(limited(t), ws.Text, []byte("0123456789")))
	wantMessage(t, c, ws.Text, "0123456789")
	// Fewer characters than the limit, and more bytes.
	must(t, c.Write(limited(t), ws.Text, []byte("éééééx")))
	_, _, err := c.Read(limited(t))
	var end *ws.CloseError
	if !errors.Is(err, ws.ErrMessageTooBig) || !errors.As(err, &end) || end.Code != ws.CloseAbnormal ||
		end.Sent != ws.CloseNoStatus {
		t.Errorf("Read = %#v, want ErrMessageTooBig", err)
	}
	<-c.Done()

	c = dial(t, new(ws.Dialer), "/echo")
	c.SetMaxMessageSize(1)
	must(t, c.Write(limited(t), ws.Text, []byte("éx")))
	if _, _, err := c.Read(limited(t)); !errors.Is(err, ws.ErrMessageTooBig) {
		t.Errorf("Read = %v, want ErrMessageTooBig", err)
	}
}

// note collects what callbacks tell.
type note struct {
	mu    sync.Mutex
	lines []string
}

func (n *note) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *note) want(t *testing.T, lines ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.lines, lines) {
		t.Errorf("got %q, want %q", n.lines, lines)
	}
}

// events returns callbacks that tell n.
func (n *note) events(message func(*ws.Conn, string)) *ws.Events {
	return &ws.Events{
		Open: func(c *ws.Conn, r *ws.Request) { n.add("open %v %v", c.State(), r) },
		Message: func(c *ws.Conn, typ ws.MessageType, p []byte) {
			n.add("message %v %s", typ, p)
			message(c, string(p))
		},
		Error: func(c *ws.Conn, err error) { n.add("error %v", c.State()) },
		Close: func(c *ws.Conn, err *ws.CloseError) { n.add("close %v %d", c.State(), err.Code) },
	}
}

func TestServe(t *testing.T) {
	t.Run("close", func(t *testing.T) {
		var n note
		c := dial(t, new(ws.Dialer), "/echo")
		must(t, c.Send(ws.Text, []byte("one")))
		must(t, c.Send(ws.Binary, []byte("two")))
		err := c.Serve(limited(t), n.events(func(c *ws.Conn, text string) {
			if text == "two" {
				if err := c.Close(4002, ""); err != ws.ErrClosing {
					t.Errorf("Close in a callback = %v, want ErrClosing", err)
				}
			}
		}))
		if closeCode(err) != 4002 || err != c.Err() {
			t.Errorf("Serve = %v, want 4002", err)
		}
		n.want(t, "open open <nil>", "message text one", "message binary two", "close closed 4002")
	})
	t.Run("peer", func(t *testing.T) {
		var n note
		c := dial(t, new(ws.Dialer), "/close?n=2&code=4003")
		if err := c.Serve(limited(t), n.events(func(*ws.Conn, string) {})); closeCode(err) != 4003 {
			t.Errorf("Serve = %v, want 4003", err)
		}
		n.want(t, "open open <nil>", "message text 0", "message text 1", "close closed 4003")
	})
	t.Run("handle", func(t *testing.T) {
		var n note
		c := dial(t, new(ws.Dialer), "/close?n=1&code=4003")
		ev := n.events(func(*ws.Conn, string) {})
		told, ended := ev.Close, make(chan struct{})
		ev.Close = func(c *ws.Conn, err *ws.CloseError) { told(c, err); close(ended) }
		must(t, c.Handle(ev))
		if err := c.Handle(nil); err != ws.ErrConcurrentRead {
			t.Errorf("a second Handle = %v, want ErrConcurrentRead", err)
		}
		<-ended
		n.want(t, "open open <nil>", "message text 0", "close closed 4003")
		if err := c.Handle(nil); closeCode(err) != 4003 {
			t.Errorf("Handle after the end = %v, want 4003", err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		var n note
		tr := &ws.Trace{Panic: func(_ *ws.Conn, v any, stack []byte) {
			n.add("panic %v %t", v, len(stack) > 0)
		}}
		c := dial(t, &ws.Dialer{Config: ws.Config{Trace: tr}}, "/echo")
		must(t, c.Send(ws.Text, []byte("one")))
		err := c.Serve(limited(t), n.events(func(*ws.Conn, string) { panic("oops") }))
		if closeCode(err) != ws.CloseAbnormal || !strings.Contains(err.Error(), "oops") {
			t.Errorf("Serve = %v, want the panic", err)
		}
		n.want(t, "open open <nil>", "message text one", "panic oops true", "error closed",
			"close closed 1006")
	})
	t.Run("goexit", func(t *testing.T) {
		var n note
		c := dial(t, new(ws.Dialer), "/echo")
		must(t, c.Send(ws.Text, []byte("one")))
		ended := make(chan struct{})
		ev := n.events(func(*ws.Conn, string) { runtime.Goexit() })
		told := ev.Close
		ev.Close = func(c *ws.Conn, err *ws.CloseError) { told(c, err); close(ended) }
		go func() { _ = c.Serve(limited(t), ev) }()
		<-ended
		n.want(t, "open open <nil>", "message text one", "error closed", "close closed 1006")
	})
	t.Run("context", func(t *testing.T) {
		var n note
		c := dial(t, new(ws.Dialer), "/echo")
		ctx, cancel := context.WithCancel(context.Background())
		must(t, c.Send(ws.Text, []byte("one")))
		if err := c.Serve(ctx, n.events(func(*ws.Conn, string) { cancel() })); err != context.Canceled {
			t.Errorf("Serve = %v, want context.Canceled", err)
		}
		n.want(t, "open open <nil>", "message text one")
		must(t, c.Send(ws.Text, []byte("unharmed")))
		wantMessage(t, c, ws.Text, "unharmed")
	})
}

func TestGroup(t *testing.T) {
	var g ws.Group
	d := &ws.Dialer{Config: ws.Config{Group: &g}}
	conns := []*ws.Conn{dial(t, d, "/echo"), dial(t, d, "/echo")}
	if n, err := g.Broadcast(ws.Text, []byte("all")); n != 2 || err != nil || g.Len() != 2 {
		t.Errorf("Broadcast = %d, %v, Len = %d, want 2", n, err, g.Len())
	}
	for _, c := range conns {
		wantMessage(t, c, ws.Text, "all")
	}
	must(t, g.Shutdown(limited(t)))
	for _, c := range conns {
		<-c.Done()
		if closeCode(c.Err()) != ws.CloseNoStatus {
			t.Errorf("Err = %v, want the end without a code, since a browser sends no 1001", c.Err())
		}
	}
	if g.Len() != 0 {
		t.Errorf("Len = %d, want 0", g.Len())
	}
}

// TestReconnect: after 1012 it dials again, after an error too, and after 1000 no more.
func TestReconnect(t *testing.T) {
	urls := []string{"/close?n=1&code=1012", "/refuse", "/close?n=1&code=1000", "/echo"}
	d := ws.Dialer{Retry: ws.Retry{
		First: time.Millisecond,
		Max:   time.Millisecond,
		Attempt: func(_ context.Context, n int) (string, map[string][]string, error) {
			return server(urls[n]), nil, nil
		},
	}}
	var n note
	for c, err := range d.Reconnect(limited(t), "") {
		var refused *ws.HandshakeError
		if err != nil {
			n.add("refused %t", errors.As(err, &refused))
			continue
		}
		wantMessage(t, c, ws.Text, "0")
		_, _, err = c.Read(limited(t))
		n.add("%d", closeCode(err))
	}
	n.want(t, "1012", "refused true", "1000")

	n = note{}
	for _, err := range d.Reconnect(limited(t), "") {
		n.add("permanent %t", errors.Is(err, errors.ErrUnsupported))
		break
	}
	d.Host = "other"
	for _, err := range d.Reconnect(limited(t), "") {
		n.add("permanent %t", errors.Is(err, errors.ErrUnsupported))
	}
	n.want(t, "permanent false", "permanent true")

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d = ws.Dialer{}
	for c, err := range d.Reconnect(ctx, server("/echo")) {
		must(t, err)
		c.AfterClose(func(c *ws.Conn) { n.add("closed %v", c.Err() != nil) })
		cancel()
	}
	n.want(t, "permanent false", "permanent true", "closed true")
}

func TestTrace(t *testing.T) {
	var n note
	c := dial(t, &ws.Dialer{Config: ws.Config{Trace: &ws.Trace{
		Opened:          func(c *ws.Conn, r *ws.Request) { n.add("opened %v %v", c.State(), r) },
		MessageSent:     func(_ *ws.Conn, m ws.MessageInfo) { n.add("sent %v", m) },
		MessageReceived: func(_ *ws.Conn, m ws.MessageInfo) { n.add("received %v", m) },
		CloseSent: func(_ *ws.Conn, code ws.CloseCode, reason string) {
			n.add("close sent %d %s", code, reason)
		},
		CloseReceived: func(_ *ws.Conn, code ws.CloseCode, reason string) {
			n.add("close received %d %s", code, reason)
		},
		Closed: func(c *ws.Conn, err *ws.CloseError) {
			n.add("closed %v %d", c.State(), err.Code)
		},
	}}}, "/echo")
	must(t, c.Write(limited(t), ws.Text, []byte("é")))
	wantMessage(t, c, ws.Text, "é")
	must(t, c.Close(4004, "bye"))
	n.want(t, "opened open <nil>", "sent {text false 2 2}", "received {text false 2 2}",
		"close sent 4004 bye", "close received 4004 ", "closed closed 4004")
}

func TestStats(t *testing.T) {
	var s ws.Stats
	c := dial(t, &ws.Dialer{Config: ws.Config{Trace: s.Trace()}}, "/echo")
	must(t, c.Write(limited(t), ws.Text, []byte("é")))
	wantMessage(t, c, ws.Text, "é")
	must(t, c.Close(1000, ""))
	got := s.Snapshot()
	if got.Opened != 1 || got.Open != 0 || got.MessagesSent != 1 || got.BytesReceived != 2 ||
		s.Closed()[1000] != 1 {
		t.Errorf("got %v", &s)
	}
}

// TestNoGoroutineIsLeft: connections that have ended, in each way, leave no goroutine behind.
func TestNoGoroutineIsLeft(t *testing.T) {
	other := dial(t, new(ws.Dialer), "/echo")
	before := runtime.NumGoroutine()
	for i := range 40 {
		c := dial(t, new(ws.Dialer), []string{"/echo", "/echo", "/cut", "/close?n=2&code=1000"}[i%4])
		_ = c.Handle(nil)
		_ = c.Drained(-1)
		_ = c.Send(ws.Binary, make([]byte, 2<<20))
		switch i % 4 {
		case 0:
			_ = c.Close(1000, "")
		case 1:
			_ = c.CloseNow()
		}
		<-c.Done()
	}
	ctx := limited(t)
	for runtime.NumGoroutine() > before {
		must(t, other.Write(ctx, ws.Text, nil)) // gives them time to end
		_, _, err := other.Read(ctx)
		if err != nil {
			t.Fatalf("%d goroutines, want %d as before (%v)", runtime.NumGoroutine(), before, err)
		}
	}
}

func TestWhatAPageLacks(t *testing.T) {
	c := dial(t, new(ws.Dialer), "/echo")
	if _, err := c.Ping(limited(t)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Ping = %v, want errors.ErrUnsupported", err)
	}
	if c.NetConn() != nil || c.LocalAddr() != nil || c.RemoteAddr() != nil {
		t.Error("a page has no access to the transport")
	}
	c.SetData("mine")
	if c.Data() != "mine" {
		t.Errorf("Data = %v", c.Data())
	}
	p, err := ws.Prepare(ws.Text, []byte("prepared"))
	must(t, err)
	must(t, c.WritePrepared(limited(t), p))
	wantMessage(t, c, ws.Text, "prepared")
	if c.SendPrepared(nil) == nil || c.WritePrepared(limited(t), new(ws.Prepared)) == nil {
		t.Error("a Prepared that nobody has prepared is sent")
	}
}
