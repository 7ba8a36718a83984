package rows

import (
	"net/http"
	"slices"
	"strings"
	"testing/synctest"
	"time"
)

// requestRows are the rows on URLs and on the request of a client.
func requestRows(q *requirements) {
	q.client("UR-3-01", "", inDial(schemes))
	q.client("UR-3-02", "", inDial(ports))
	q.client("UR-3-03", "", inDial(resourceNames))
	q.client("UR-3-04", "", inDial(func(l *dialing) { l.wantNoDial("ws://h/a#b", "ws://h#", "ws://h/#") }))
	q.client("UR-3-05", "", inDial(func(l *dialing) {
		l.wantNoDial("ws://", "ws:///a", "ws://:80/", "ws://h:70000/", "ws://h:0/", "ws://h:x/",
			"ws://h/%zz", "ws://h/?%", "ws://[::1", "ws:h", "")
	}))
	q.client("UR-3-06", "", inDial(addresses))
	q.client("UR-3-07", "", inDial(userInformation))
	q.client("UR-3-08", "", inDial(internationalNames))
	q.client("HC-4.1-05", "", inDial(func(l *dialing) { l.wantRequest("ws://h/chat?a=b", "", "GET /chat?a=b HTTP/1.1") }))
	q.client("HC-4.1-06", "", inDial(hosts))
	q.client("HC-4.1-07", "", inDial(func(l *dialing) {
		l.wantRequest("ws://h/", "Upgrade", "websocket")
		l.wantRequest("ws://h/", "Connection", "Upgrade")
	}))
	q.client("HC-4.1-08", "", inDial(freshKeys))
	q.client("HC-4.1-09", "", inDial(origins))
	q.client("HC-4.1-10", "", inDial(func(l *dialing) { l.wantRequest("ws://h/", "Sec-WebSocket-Version", "13") }))
	q.client("HC-4.1-11", "", inDial(subprotocols))
	q.client("HC-4.1-12", "", inDial(moreHeaders))
	q.client("HC-4.1-13", "", inDial(nothingEarly))
	q.client("HC-4.1-14", "", inDial(headersOnce))
	q.client("HT-9110-21", "the program's", inDial(injectingClient))
}

// requestTo dials and returns the request and the address, with the dial ended.
func (l *dialing) requestTo(url string) (head, addr string) {
	l.Helper()
	l.dial(url)
	o := l.server()
	head = o.p.WantHead()
	_ = o.p.NetConn().Close()
	if r := await(l.T, l.result); r.err == nil {
		l.Error("Dial of a server that says nothing = nil, want an error")
	}
	return head, o.addr
}

// wantRequest dials and compares the request's line, or one of its headers,
// which has to be there once, or not at all if no value is wanted.
func (l *dialing) wantRequest(url, name string, want ...string) {
	l.Helper()
	head, _ := l.requestTo(url)
	got := header(head, name)
	if name == "" {
		line, _, _ := strings.Cut(head, "\r\n")
		got = []string{line}
	}
	if !slices.Equal(got, want) {
		l.Errorf("%s: %s = %q, want %q", url, name, got, want)
	}
}

// wantNoDial dials URLs that are refused before a connection is opened.
func (l *dialing) wantNoDial(urls ...string) {
	l.Helper()
	for _, url := range urls {
		if c, resp, err := l.d.Dial(bg, url); err == nil || c != nil || resp != nil {
			l.Errorf("Dial(%q) = %v, %v, %v, want an error alone", url, c, resp, err)
		}
		if len(l.opened) > 0 {
			l.Fatalf("Dial(%q) opened a connection to %s, want none", url, (<-l.opened).addr)
		}
	}
}

// schemes: ws and wss in any case; wss begins with TLS.
func schemes(l *dialing) {
	for _, url := range []string{"ws://h/", "WS://h/", "Ws://h/", "http://h/"} {
		l.wantRequest(url, "", "GET / HTTP/1.1")
	}
	for _, url := range []string{"wss://h/", "WSS://h/", "https://h/"} {
		l.dial(url)
		p := l.server().p
		p.WantHex("16 03 01") // a TLS handshake record
		_ = p.NetConn().Close()
		if r := await(l.T, l.result); r.err == nil {
			l.Errorf("Dial(%q) of a server that hangs up = nil, want an error", url)
		}
	}
	l.wantNoDial("ftp://h/", "httpss://h/", "h:80", "//h/", "wsx://h/")
}

// ports: the default ones, and one that is given.
func ports(l *dialing) {
	for url, want := range map[string]string{
		"ws://h": "h:80", "wss://h": "h:443", "ws://h:": "h:80", "wss://h:/": "h:443", "ws://h:443/": "h:443", "wss://h:8443": "h:8443",
	} {
		l.dial(url)
		o := l.server()
		_ = o.p.NetConn().Close()
		if r := await(l.T, l.result); o.addr != want || r.err == nil {
			l.Errorf("%s: dialed %s, want %s; %v", url, o.addr, want, r.err)
		}
	}
}

// resourceNames: path, or "/", and the query.
func resourceNames(l *dialing) {
	for url, want := range map[string]string{
		"ws://h": "/", "ws://h/?": "/", "ws://h?x=1": "/?x=1", "ws://h/a/b?c&d=e": "/a/b?c&d=e",
		"ws://h/a%2Fb%23": "/a%2Fb%23", "ws://h//a": "//a",
	} {
		l.wantRequest(url, "", "GET "+want+" HTTP/1.1")
	}
}

// addresses: an IPv6 literal is in brackets, and its zone is nobody's business.
func addresses(l *dialing) {
	l.wantRequest("ws://[::1]:9001/", "Host", "[::1]:9001")
	l.wantRequest("ws://[::1]/", "Host", "[::1]")
	l.wantRequest("ws://[fe80::1%25eth0]:81/", "Host", "[fe80::1]:81")
	if _, addr := l.requestTo("ws://[fe80::1%25eth0]:81/"); addr != "[fe80::1%eth0]:81" {
		l.Errorf("dialed %s, want [fe80::1%%eth0]:81", addr)
	}
}

// userInformation becomes an Authorization header and no part of Host.
func userInformation(l *dialing) {
	l.wantRequest("ws://u:p@h/", "Host", "h")
	l.wantRequest("ws://u:p@h/", "Authorization", "Basic dTpw")
	l.wantRequest("ws://h/", "Authorization")
}

// internationalNames: A-labels in the host, percent-encoded UTF-8 elsewhere.
func internationalNames(l *dialing) {
	l.wantRequest("ws://bücher.example/ä?ö=ü", "Host", "xn--bcher-kva.example")
	head, addr := l.requestTo("ws://bücher.example/ä?ö=ü")
	if addr != "xn--bcher-kva.example:80" || !strings.HasPrefix(head, "GET /%C3%A4?%C3%B6=%C3%BC HTTP/1.1\r\n") {
		l.Errorf("dialed %s: %s, want the A-label and escapes", addr, head)
	}
}

// hosts: the port is named if it is not the default one.
func hosts(l *dialing) {
	l.wantRequest("ws://h:80/", "Host", "h")
	l.wantRequest("ws://h:9001/", "Host", "h:9001")
	l.wantRequest("ws://h:443/", "Host", "h:443")
	l.d.Host = "virtual.example"
	l.wantRequest("ws://h:9001/", "Host", "virtual.example")
}

// freshKeys: 1000 dials have 1000 keys, each of 16 bytes in base64.
func freshKeys(l *dialing) {
	keys := map[string]bool{}
	for range 1000 {
		head, _ := l.requestTo("ws://h/")
		lines := header(head, "Sec-WebSocket-Key")
		if len(lines) != 1 || len(lines[0]) != 24 || !strings.HasSuffix(lines[0], "==") || !strings.Contains("AQgw", lines[0][21:22]) {
			l.Fatalf("keys %q, want one of 16 bytes in base64", lines)
		}
		keys[lines[0]] = true
	}
	if len(keys) != 1000 {
		l.Errorf("%d keys in 1000 dials, want as many", len(keys))
	}
}

// origins: no Origin but the program's.
func origins(l *dialing) {
	l.wantRequest("ws://h/", "Origin")
	l.d.Header = http.Header{"Origin": {"https://example.com"}}
	l.wantRequest("ws://h/", "Origin", "https://example.com")
}

// subprotocols: one list, in the program's order, of tokens that are unique; no
// header without any.
func subprotocols(l *dialing) {
	l.wantRequest("ws://h/", "Sec-WebSocket-Protocol")
	l.d.Subprotocols = []string{"b", "a", "A"}
	l.wantRequest("ws://h/", "Sec-WebSocket-Protocol", "b, a, A")
	for _, bad := range [][]string{{"a", "a"}, {""}, {"a b"}, {"a,b"}, {"ä"}, {"a\r\nX: y"}} {
		l.d.Subprotocols = bad
		l.wantNoDial("ws://h/")
	}
}

// moreHeaders: the program's headers are sent, but not the handshake's own.
func moreHeaders(l *dialing) {
	l.d.Header = http.Header{"Cookie": {"a=b"}, "X-A": {"1", "2"}}
	l.wantRequest("ws://h/", "Cookie", "a=b")
	l.wantRequest("ws://h/", "X-A", "1", "2")
	for _, name := range []string{
		"Host", "Upgrade", "Connection", "upgrade", "Sec-WebSocket-Key", "Sec-Websocket-Version", "sec-websocket-protocol",
		"Sec-WebSocket-Extensions", "Sec-WebSocket-Accept", "Content-Length", "Transfer-Encoding",
	} {
		l.d.Header = http.Header{name: {"x"}}
		l.wantNoDial("ws://h/")
	}
}

// nothingEarly: not a byte follows the request before the answer is there.
func nothingEarly(l *dialing) {
	l.d.HandshakeTimeout = -1
	p, head := l.request("ws://h/")
	for range 5 {
		p.WantNothing()
		pass(time.Hour)
	}
	answer := withAccept(head, a0+"\r\n")
	p.SendBytes(answer[:len(answer)-1])
	p.WantNothing()
	p.SendBytes(answer[len(answer)-1:])
	synctest.Wait()
	l.hangUp(l.wantOpen(p), p)
}

// headersOnce: none of the handshake's headers is repeated.
func headersOnce(l *dialing) {
	l.d.Subprotocols = []string{"a", "b"}
	head, _ := l.requestTo("ws://h/")
	for _, name := range []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"} {
		if got := header(head, name); len(got) != 1 {
			l.Errorf("%s = %q, want one line", name, got)
		}
	}
	for _, name := range []string{"Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"} {
		if got := header(head, name); len(got) != 0 {
			l.Errorf("%s = %q, want none", name, got)
		}
	}
}

// injectingClient: a header that would be two is refused before a connection
// is opened.
func injectingClient(l *dialing) {
	for name, value := range map[string]string{"X-A": "a\r\nX-B: c", "X-C": "a\nb", "X-D": "a\x00b", "X-E: f\r\nX-G": "a", "": "a"} {
		l.d.Header = http.Header{name: {value}}
		l.wantNoDial("ws://h/")
	}
	l.d.Header = nil
	for _, host := range []string{"h\r\nX: y", "h/", "u@h"} {
		l.d.Host = host
		l.wantNoDial("ws://h/")
	}
	l.d.Host = ""
	l.wantNoDial("ws://h\r\nX: y/", "ws://h/\r\nX: y", "ws://h/ HTTP/1.1\r\nX: y")
}
