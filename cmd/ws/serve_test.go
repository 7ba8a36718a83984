package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ws "github.com/rfc6455/ws/conn"
)

// TestServeEcho sends messages back, and ends with 1001.
func TestServeEcho(t *testing.T) {
	s := serve(t, "serve", "echo", "-l", "127.0.0.1:0", "--compress", "--max-message", "100", "--origin", "https://example.com")
	d := ws.Dialer{Config: ws.Config{Compression: ws.Compression{Mode: ws.CompressionTakeover}}, Header: http.Header{"Origin": {"https://example.com"}}}
	c, resp, err := d.Dial(t.Context(), "ws://"+s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if resp.Header.Get("Sec-WebSocket-Extensions") == "" {
		t.Error("no compression")
	}
	if err := c.Write(t.Context(), ws.Text, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hi" {
		t.Errorf("got %q, %v", p, err)
	}
	runWS(t, strings.Repeat("x", 101)+"\n", "connect", s.addr, "--origin", "https://example.com", "--wait", "0").
		want(t, 9, "closed with 1009")
	stopped := make(chan int, 1)
	go func() { stopped <- s.stop() }()
	_, _, err = c.Read(t.Context())
	if code, _ := ws.CloseStatus(err); code != ws.CloseGoingAway {
		t.Errorf("at the end: %v, want 1001", err)
	}
	if status := <-stopped; status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	runWS(t, "", "serve", "echo", "-l", "192.0.2.1:1").want(t, 1) // RFC 5737: no machine has it
	other := serve(t, "serve", "echo", "-l", "127.0.0.1:0")
	runWS(t, "", "serve", "echo", "-l", other.addr).want(t, 1, "Another program uses that port")
	d.Header.Set("Origin", "https://elsewhere.example")
	if _, _, err := d.Dial(t.Context(), "ws://"+other.addr); err == nil {
		t.Error("a page of another host may connect")
	}
}

// TestServeTLS serves wss.
func TestServeTLS(t *testing.T) {
	cert, key := clientCertificate(t)
	for _, args := range [][]string{{"--cert", cert}, {"--cert", cert, "--key", key}} {
		s := serve(t, append([]string{"serve", "echo", "-l", "127.0.0.1:0"}, args...)...)
		if r := converse(t, "x\n", "x\n", "connect", "wss://"+s.addr, "--insecure", "--wait", "1ms"); r.out != "x\n" {
			t.Errorf("over TLS: %+v", r)
		}
	}
	runWS(t, "", "serve", "echo", "-l", "127.0.0.1:0", "--cert", key).want(t, 1, "--cert")
}

// TestServeExec runs a command for each connection.
func TestServeExec(t *testing.T) {
	s := serve(t, "serve", "exec", "-l", "127.0.0.1:0", "--", "sh", "-c", `while read -r line; do echo "got $line"; [ "$line" = end ] && exit; done`)
	for range 2 {
		r := runWS(t, "one\nend\n", "connect", s.addr, "--wait", "0")
		if r.out != "got one\ngot end\n" || r.status != 0 {
			t.Errorf("%+v, want the command's lines", r)
		}
	}
	s = serve(t, "serve", "exec", "-l", "127.0.0.1:0", "--binary", "--", "cat")
	c, err := ws.Dial(t.Context(), "ws://"+s.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Write(t.Context(), ws.Binary, []byte("a\nb"))
	if kind, p, err := c.Read(t.Context()); err != nil || kind != ws.Binary || string(p) != "a\nb" {
		t.Errorf("got %v %q, %v", kind, p, err)
	}
	if err := c.Close(ws.CloseNormal, ""); err != nil {
		t.Errorf("Close: %v", err)
	}
	runWS(t, "", "serve", "exec", "-l", "127.0.0.1:0", "--", "no-such-command-anywhere").want(t, 1, "no-such-command-anywhere")
}

// TestServeExecEnds ends the command with the connection.
func TestServeExecEnds(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ended")
	s := serve(t, "serve", "exec", "-l", "127.0.0.1:0", "--", "sh", "-c", `echo ready; cat >/dev/null; : >"`+mark+`"`)
	c, err := ws.Dial(t.Context(), "ws://"+s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "ready" {
		t.Fatalf("got %q, %v", p, err)
	}
	_ = c.Close(ws.CloseNormal, "")
	if status := s.stop(); status != 0 { // waits for the command
		t.Errorf("exit status %d, want 0", status)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the command's input has not ended: %v", err)
	}
}

// TestServeDir serves files, and an echo.
func TestServeDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte("a page"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "serve", "dir", "-l", "127.0.0.1:0", dir)
	resp, err := http.Get("http://" + s.addr + "/page.html")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "a page" {
		t.Errorf("got %q", body)
	}
	if r := converse(t, "x\n", "x\n", "connect", s.addr+"/echo", "--wait", "1ms"); r.out != "x\n" {
		t.Errorf("echo: %+v", r)
	}
	if resp, err = http.Get("http://" + s.addr + "/../serve.go"); err == nil {
		if _ = resp.Body.Close(); resp.StatusCode == http.StatusOK {
			t.Error("a file outside of the folder is served")
		}
	}
	runWS(t, "", "serve", "dir", filepath.Join(dir, "nowhere")).want(t, statusUsage)
}

// TestProxyTCPandWS carries TCP over a WebSocket, and back to TCP.
func TestProxyTCPandWS(t *testing.T) {
	echo := tcpEcho(t)
	far := serve(t, "proxy", "ws", "-l", "127.0.0.1:0", echo)
	near := serve(t, "proxy", "tcp", "127.0.0.1:0", "ws://"+far.addr)
	nc := dialTCP(t, near.addr)
	want := strings.Repeat("any bytes \x00\xff", 10000)
	go func() { _, _ = io.WriteString(nc, want) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != want {
		t.Errorf("%d bytes came back, or others: %v", len(got), err)
	}
	_ = nc.Close()

	// A server that closes ends the client's connection.
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, _ *ws.Request) {
		_ = c.Write(context.Background(), ws.Text, []byte("bye"))
		_ = c.Close(ws.CloseNormal, "")
	})
	closing := serve(t, "proxy", "tcp", "127.0.0.1:0", url)
	if p, _ := io.ReadAll(dialTCP(t, closing.addr)); string(p) != "bye" {
		t.Errorf("got %q, want bye and the end", p)
	}
	nobody := serve(t, "proxy", "tcp", "127.0.0.1:0", "ws://127.0.0.1:1")
	_, _ = io.ReadAll(dialTCP(t, nobody.addr))
	nobody.errors.await(t, "Nobody listens there")
	refusing := serve(t, "proxy", "ws", "-l", "127.0.0.1:0", "127.0.0.1:1")
	runWS(t, "", "connect", refusing.addr).want(t, 1, "502")
}

// TestProxyShow shows what passes.
func TestProxyShow(t *testing.T) {
	asked := make(chan *http.Request, 10)
	url := server(t, ws.Upgrader{}, func(c *ws.Conn, r *ws.Request) {
		asked <- r.HTTPRequest()
		echoing(c, r)
	})
	s := serve(t, "proxy", "show", "-l", "127.0.0.1:0", "--keep-host", url)
	if r := converse(t, "hello\n", "hello\n", "connect", s.addr+"/path", "--wait", "1ms"); r.out != "hello\n" {
		t.Errorf("through the relay: %+v", r)
	}
	if r := <-asked; r.Host != s.addr || r.URL.Path != "/path" {
		t.Errorf("with --keep-host the server was asked for %s at %s, want /path at %s", r.URL.Path, r.Host, s.addr)
	}
	s.out.await(t, `127\.0\.0\.1:\d+ > hello`)
	s.out.await(t, `127\.0\.0\.1:\d+ < hello`)
	s.out.await(t, `ended: client 1000 normal closure`)
	s = serve(t, "proxy", "show", "-l", "127.0.0.1:0", "--jsonl", "--compress", url)
	converse(t, "hello\n", "hello\n", "connect", s.addr, "--compress", "--wait", "1ms").want(t, 0, "with compression")
	if r := <-asked; "ws://"+r.Host != url {
		t.Errorf("the server was asked for at %s, want its own address, %s", r.Host, url)
	}
	s.out.await(t, `"event":"from-client","text":"hello"`)
	s.out.await(t, `"event":"from-server","text":"hello"`)
	s.out.await(t, `"event":"close-from-client","url":"127.0.0.1:\d+","code":1000`)
	s = serve(t, "proxy", "show", "-l", "127.0.0.1:0", "--frames", url)
	converse(t, "hello\n", "hello\n", "connect", s.addr, "--wait", "1ms").want(t, 0)
	s.out.await(t, `127\.0\.0\.1:\d+ > frame text, 5 bytes`)
	s.out.await(t, `server < frame text, 5 bytes`)
	s.out.await(t, `127\.0\.0\.1:\d+ > frame close, 2 bytes`)
	s.out.await(t, `server < frame close, 2 bytes`)
	s = serve(t, "proxy", "show", "-l", "127.0.0.1:0", "--frames", "--jsonl", url)
	converse(t, "hello\n", "hello\n", "connect", s.addr, "--wait", "1ms").want(t, 0)
	s.out.await(t, `"event":"frame-from-client","url":"127.0.0.1:\d+","opcode":"text","fin":true,"length":5`)
	s.out.await(t, `"event":"frame-from-server","opcode":"text","fin":true,"length":5`)
	u := ws.Upgrader{}
	secureURL, _ := secure(t, u.HandlerFunc(echoing), nil)
	s = serve(t, "proxy", "show", "-l", "127.0.0.1:0", "--insecure", "--http2", secureURL)
	if r := converse(t, "two\n", "two\n", "connect", s.addr, "--wait", "1ms"); r.out != "two\n" {
		t.Errorf("to a server over HTTP/2: %+v; %s", r, s.errors.String())
	}
	runWS(t, "", "proxy", "show", "http://").want(t, 1, "ws://HOST:PORT")
}
