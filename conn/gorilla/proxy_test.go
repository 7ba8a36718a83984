package websocket_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	websocket "github.com/rfc6455/ws/conn/gorilla"
)

// via returns a Proxy of a Dialer.
func via(u string) func(*http.Request) (*url.URL, error) {
	return func(*http.Request) (*url.URL, error) { return url.Parse(u) }
}

// join copies bytes between two connections until both directions have ended.
func join(a, b net.Conn) {
	go func() { _, _ = io.Copy(a, b); _ = a.Close() }()
	_, _ = io.Copy(b, a)
	_ = b.Close()
}

// TestHTTPSProxy: a tunnel through a proxy that is reached by TLS. TLSClientConfig counts for it.
func TestHTTPSProxy(t *testing.T) {
	s := httptest.NewServer(echo(func(*http.Request) {}))
	defer s.Close()
	proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", r.Host)
		check(t, err)
		nc, _, err := w.(http.Hijacker).Hijack()
		check(t, err)
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
		join(to, nc)
	}))
	defer proxy.Close()
	roots := x509.NewCertPool()
	roots.AddCert(proxy.Certificate())
	d := &websocket.Dialer{Proxy: via(proxy.URL), TLSClientConfig: &tls.Config{RootCAs: roots}}
	c, _, err := d.Dial(wsURL(s), nil)
	check(t, err)
	wantEcho(t, c)
	check(t, c.Close())
}

// TestNextProtos: a tls.Config that is shared with an HTTP/2 client.
func TestNextProtos(t *testing.T) {
	s := httptest.NewUnstartedServer(echo(func(*http.Request) {}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	cfg := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	c, _, err := (&websocket.Dialer{TLSClientConfig: cfg}).Dial(wsURL(s), nil)
	check(t, err)
	wantEcho(t, c)
	check(t, c.Close())
	if len(cfg.NextProtos) != 2 {
		t.Error("the program's tls.Config was changed")
	}
}

// socks serves one client of SOCKS5 by a script: what it wants and what it answers, in turn. After
// "CONNECT" it joins the client to addr.
func socks(t *testing.T, addr string, script ...string) (proxy string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-done })
	go func() {
		defer close(done)
		defer ln.Close()
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		for i := 0; i < len(script); i += 2 {
			got := make([]byte, len(script[i]))
			if _, err := io.ReadFull(nc, got); err != nil || string(got) != script[i] {
				t.Errorf("the client sent %q, %v, want %q", got, err, script[i])
				return
			}
			_, _ = io.WriteString(nc, script[i+1])
		}
		if addr != "" {
			to, err := net.Dial("tcp", addr)
			check(t, err)
			join(to, nc)
		}
	}()
	return ln.Addr().String()
}

func TestSOCKS(t *testing.T) {
	s := httptest.NewServer(echo(func(*http.Request) {}))
	defer s.Close()
	addr := s.Listener.Addr().String()
	for name, x := range map[string]struct {
		user, host string
		script     []string
	}{
		"a name": {
			"", "name.example:80",
			[]string{
				"\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x03\x0cname.example\x00\x50",
				"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
			},
		},
		"IPv4": {
			"", "192.0.2.1:80",
			[]string{
				"\x05\x01\x00", "\x05\x00", "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50",
				"\x05\x00\x00\x03\x01x\x00\x00",
			},
		},
		"IPv6, user, password": {
			"me:pw@", "[2001:db8::1]:8080",
			[]string{
				"\x05\x02\x00\x02", "\x05\x02", "\x01\x02me\x02pw", "\x01\x00",
				"\x05\x01\x00\x04\x20\x01\x0d\xb8" + strings.Repeat("\x00",
					11) + "\x01\x1f\x90", "\x05\x00\x00\x04" + strings.Repeat("\x00", 18),
			},
		},
		"a password not wanted": {
			"me:pw@", "name.example:80",
			[]string{
				"\x05\x02\x00\x02", "\x05\x00", "\x05\x01\x00\x03\x0cname.example\x00\x50",
				"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := socks(t, addr, x.script...)
			d := &websocket.Dialer{Proxy: via("socks5://" + x.user + proxy)}
			c, _, err := d.Dial("ws://"+x.host, nil)
			check(t, err)
			wantEcho(t, c)
			check(t, c.Close())
		})
	}
}

// TestSOCKSFails: what may go wrong. No error has the password.
func TestSOCKSFails(t *testing.T) {
	const hello, none = "\x05\x02\x00\x02", "\x05\x00"
	const connect = "\x05\x01\x00\x03\x0cname.example\x00\x50"
	for want, script := range map[string][]string{
		"does not speak SOCKS5":            {hello, "HT"},
		"another kind of authentication":   {hello, "\x05\xff"},
		"refused user and password":        {hello, "\x05\x02", "\x01\x02me\x06secret", "\x01\x01"},
		"could not connect: connection re": {hello, none, connect, "\x05\x05\x00\x01\x00"},
		"could not connect: reply 99":      {hello, none, connect, "\x05\x63\x00\x01\x00"},
		"answer has no address":            {hello, none, connect, "\x05\x00\x00\x09\x00"},
		"EOF":                              {hello, none, connect, "\x05\x00\x00\x01\x00"},
	} {
		t.Run(want, func(t *testing.T) {
			d := &websocket.Dialer{Proxy: via("socks5://me:secret@" + socks(t, "", script...))}
			_, _, err := d.Dial("ws://name.example", nil)
			if err == nil || !strings.Contains(err.Error(), want) ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("Dial: %v, want %q", err, want)
			}
		})
	}
}

// FuzzRead: whatever a peer sends, reads end, and nothing that was not sent is read.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"\x81\x85\x00\x00\x00\x00hello", "\x01\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00b",
		"\x89\x80\x00\x00\x00\x00\x88\x82\x00\x00\x00\x00\x03\xe8",
		"\xc1\x87\x00\x00\x00\x00\xf2\x48\xcd\xc9\xc9\x07\x00",
		"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x82\xfe\x00\x00",
	} {
		f.Add([]byte(seed), byte(3))
	}
	f.Fuzz(func(t *testing.T, wire []byte, how byte) {
		near, far := net.Pipe()
		defer far.Close()
		u := &websocket.Upgrader{EnableCompression: true}
		s := serverOver(t, u, request(http.Header{"Sec-Websocket-Extensions": {noTakeover}}),
			near, far)
		go func() { _, _ = io.Copy(io.Discard, s.in) }() // answers
		go func() {
			for size := 1 + int(how>>2); len(wire) > 0; {
				n := min(size, len(wire))
				if _, err := far.Write(wire[:n]); err != nil {
					return
				}
				wire = wire[n:]
			}
			_ = far.Close()
		}()
		s.SetReadLimit(1 << 16)
		for {
			var err error
			var p []byte
			switch how & 3 {
			case 0, 1:
				_, p, err = s.ReadMessage()
			case 2:
				var r io.Reader
				if _, r, err = s.NextReader(); err == nil {
					p, err = io.ReadAll(io.LimitReader(r, 3)) // the rest is dropped
				}
			case 3:
				var r io.Reader
				if _, r, err = s.NextReader(); err == nil {
					p, err = io.ReadAll(r)
				}
			}
			if len(p) > 1<<16 || len(p) > 16 && bytes.Count(p, []byte{0xaa}) == len(p) {
				t.Fatalf("a read of %d bytes: %.20q", len(p), p)
			}
			if err != nil {
				return
			}
		}
	})
}
