// Package bridge tests package relay between a browser that speaks HTTP/2 and a server of another
// library that does not: Chromium, this module's proxy, and gorilla/websocket, with nginx before it
// and without.
package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rfc6455/ws/conn/relay"
	_ "github.com/rfc6455/ws/conn/xconnect" // for the proxy's server
)

// patience bounds the whole run. It is for busy machines.
const patience = 3 * time.Minute

// backend is a server on gorilla/websocket.
type backend struct {
	mu   sync.Mutex
	ends []int // the codes with which clients have closed
	seen []string
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.note(r)
	if strings.HasSuffix(r.URL.Path, "/refuse") {
		http.Error(w, "no", http.StatusForbidden)
		return
	}
	u := websocket.Upgrader{EnableCompression: true, Subprotocols: []string{"chat"}}
	c, err := u.Upgrade(w, r, nil) // checks the origin, which the browser sends
	if err != nil {
		log.Print(err)
		return
	}
	defer c.Close()
	switch {
	case strings.HasSuffix(r.URL.Path, "/echo"):
		b.echo(c)
	case strings.HasSuffix(r.URL.Path, "/million"):
		b.million(c)
	default:
		end(c, r.URL.RawQuery)
	}
}

// note keeps what the request shows of the way here.
func (b *backend) note(r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, fmt.Sprintf("%s by %s from %s", r.Proto, r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-For")))
}

func (b *backend) echo(c *websocket.Conn) {
	for {
		kind, p, err := c.ReadMessage()
		if err == nil {
			err = c.WriteMessage(kind, p)
		}
		if e, ok := err.(*websocket.CloseError); ok {
			b.mu.Lock()
			b.ends = append(b.ends, e.Code)
			b.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// million sends back what comes, from another goroutine, and begins before anything comes.
func (b *backend) million(c *websocket.Conn) {
	const size = 1000000
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	sent := make(chan error, 1)
	go func() {
		for at := 0; at < size; at += 20000 {
			if err := c.WriteMessage(websocket.BinaryMessage, p[at:at+20000]); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	got := []byte{}
	for len(got) < size {
		_, piece, err := c.ReadMessage()
		if err != nil {
			log.Print(err)
			return
		}
		got = append(got, piece...)
	}
	err := <-sent
	code := websocket.CloseNormalClosure
	if err != nil || string(got) != string(p) {
		code = 4444
	}
	closeWith(c, websocket.FormatCloseMessage(code, "all"))
}

// closeWith sends a Close frame and waits for the answer.
func closeWith(c *websocket.Conn, payload []byte) {
	_ = c.WriteControl(websocket.CloseMessage, payload, time.Time{})
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return
		}
	}
}

// end ends the connection in one of several ways.
func end(c *websocket.Conn, how string) {
	switch how {
	case "none":
		closeWith(c, nil)
	case "cut":
		_ = c.NetConn().Close()
	case "reset":
		_ = c.NetConn().(*net.TCPConn).SetLinger(0)
		_ = c.NetConn().Close()
	case "1000":
		closeWith(c, websocket.FormatCloseMessage(1000, ""))
	default:
		closeWith(c, websocket.FormatCloseMessage(4999, "wörds"))
	}
}

// nginxConfig is nginx between the proxy and a backend.
const nginxConfig = `
daemon off;
master_process off;
pid DIR/pid;
error_log stderr warn;
events {}
http {
  client_body_temp_path DIR; proxy_temp_path DIR; fastcgi_temp_path DIR; uwsgi_temp_path DIR; scgi_temp_path DIR;
  access_log off;
  server {
    listen 127.0.0.1:PORT;
    location / {
      proxy_pass http://BACKEND;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host;
    }
  }
}
`

// startNginx runs nginx before a backend, and returns its address.
func startNginx(t *testing.T, backend string) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		t.Fatal("needed: nginx (Debian: apt-get install nginx)")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	dir := t.TempDir()
	config := strings.NewReplacer("DIR", dir, "PORT", port, "BACKEND", backend).Replace(nginxConfig)
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, path, "-e", "stderr", "-c", file)
	for deadline := time.Now().Add(patience); ; {
		nc, err := net.Dial("tcp", addr)
		if err == nil {
			_ = nc.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not listen: %v", err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// start runs a program until the test ends.
func start(t *testing.T, path string, args ...string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("%s printed: %s", path, &said)
		}
	})
}

// startChromium shows a page until the test ends.
func startChromium(t *testing.T, page string) {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}
	if name := os.Getenv("CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			start(t, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				"--disable-background-networking", "--disable-component-update", "--disable-sync",
				"--disable-dev-shm-usage", "--no-proxy-server", "--ignore-certificate-errors",
				"--user-data-dir="+t.TempDir(), page)
			return
		}
	}
	t.Fatal("needed: Chromium (Debian: apt-get install chromium), or CHROMIUM as the path of a Chromium or Chrome")
}

// closed is the end of a socket as the page saw it.
type closed struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	Clean  bool   `json:"clean"`
}

// page serves the page and collects what it reports.
type page struct {
	mu      sync.Mutex
	reports map[string]json.RawMessage
	done    chan struct{}
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/report" {
		http.ServeFile(w, r, "testdata/page.html")
		return
	}
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports[r.URL.RawQuery] = body
	if r.URL.RawQuery == "done" {
		close(p.done)
	}
}

// get decodes one report.
func (p *page) get(t *testing.T, name string, into any) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := json.Unmarshal(p.reports[name], into); err != nil {
		t.Errorf("%s: the page reports %q: %v", name, p.reports[name], err)
	}
}

// TestBridge has Chromium open its WebSockets as streams of HTTP/2, which the proxy takes to a
// server on gorilla/websocket.
func TestBridge(t *testing.T) {
	for _, messages := range []*relay.Messages{nil, {}} {
		name := "raw"
		if messages != nil {
			name = "messages"
		}
		t.Run(name, func(t *testing.T) { testBridge(t, messages) })
	}
}

func testBridge(t *testing.T, messages *relay.Messages) {
	b := new(backend)
	far := httptest.NewServer(b)
	t.Cleanup(far.Close)
	direct := strings.TrimPrefix(far.URL, "http://")
	ways := map[string]string{"direct": direct, "nginx": startNginx(t, direct)}

	pg := &page{reports: map[string]json.RawMessage{}, done: make(chan struct{})}
	var mu sync.Mutex
	var versions []string
	ends := map[string][]relay.End{}
	p := &relay.Proxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			way, rest, _ := strings.Cut(strings.TrimPrefix(r.In.URL.Path, "/"), "/")
			r.SetURL(&url.URL{Scheme: "http", Host: ways[way]})
			r.Out.URL.Path = "/" + rest
			r.Out.Host = r.In.Host // what gorilla compares the origin with
			r.SetXForwarded()
			mu.Lock()
			versions = append(versions, r.In.Proto)
			mu.Unlock()
		},
		Ended: func(r *http.Request, e relay.End) {
			mu.Lock()
			ends[r.URL.String()] = append(ends[r.URL.String()], e)
			mu.Unlock()
		},
		Messages: messages,
		Other:    pg,
	}
	srv := httptest.NewUnstartedServer(p)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	startChromium(t, srv.URL+"/")
	select {
	case <-pg.done:
	case <-time.After(patience):
		t.Fatalf("the page has not finished; it reported %s", pg.reports)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	for way := range ways {
		checkWay(t, pg, "/"+way, messages == nil)
	}
	for _, v := range versions {
		if v != "HTTP/2.0" {
			t.Errorf("the browser came over %s, want HTTP/2", v)
		}
	}
	if len(b.ends) != 2 || b.ends[0] != 4001 || b.ends[1] != 4001 {
		t.Errorf("gorilla saw the codes %v, want 4001 twice", b.ends)
	}
	if want := "HTTP/1.1 by https from 127.0.0.1"; len(b.seen) == 0 || !strings.HasPrefix(b.seen[0], want) {
		t.Errorf("gorilla saw %q, want %q", b.seen, want)
	}
	t.Logf("%d WebSockets over HTTP/2; ends: %+v", len(versions), ends)
}

// checkWay checks what the page has seen on one way.
func checkWay(t *testing.T, pg *page, way string, raw bool) {
	var echo struct {
		Protocol, Extensions string
		Wrong                []string
		End                  closed
	}
	pg.get(t, way+"/echo", &echo)
	if echo.Protocol != "chat" || len(echo.Wrong) > 0 || echo.End != (closed{4001, "bye", true}) && echo.End != (closed{4001, "", true}) {
		t.Errorf("%s: echo saw %+v, want the subprotocol chat, all messages and 4001", way, echo)
	}
	if raw && !strings.HasPrefix(echo.Extensions, "permessage-deflate") {
		t.Errorf("%s: extensions %q, want those that the browser and gorilla have agreed on", way, echo.Extensions)
	}
	var million struct {
		Same bool
		End  closed
	}
	pg.get(t, way+"/million", &million)
	if !million.Same || million.End != (closed{1000, "all", true}) {
		t.Errorf("%s: a million bytes: %+v, want all of them and 1000", way, million)
	}
	var ends map[string]closed
	pg.get(t, way+"/ends", &ends)
	for how, want := range map[string]closed{
		"4999": {4999, "wörds", true}, "1000": {1000, "", true}, "none": {1005, "", true},
		"cut": {1006, "", false}, "reset": {1006, "", false},
	} {
		if ends[how] != want {
			t.Errorf("%s: the backend's end %q arrived as %+v, want %+v", way, how, ends[how], want)
		}
	}
	var refused closed
	pg.get(t, way+"/refused", &refused)
	if refused.Code != 1006 {
		t.Errorf("%s: a refusal arrived as %+v, want 1006", way, refused)
	}
}
