package handshake

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestParserPieces feeds messages byte by byte. The result must be that of one call. Each call must
// look at the new bytes alone, which makes the cost of a message linear in its size.
func TestParserPieces(t *testing.T) {
	const early = "early"
	t.Run("HS-4.2-14/server", func(t *testing.T) { // What came early is left to the caller.
		for _, request := range []string{browserRequest, "\r\n\r\n" + browserRequest, strings.ReplaceAll(browserRequest, "\r\n", "\n")} {
			var p Parser
			for i := range len(request) {
				r, n, err := p.Request([]byte(request[:i]))
				if r != nil || n != 0 || err != nil || i > 4 && p.scanned != i {
					t.Fatalf("after %d bytes of %q: %v, %d, %v, scanned %d", i, request, r, n, err, p.scanned)
				}
			}
			r, n, err := p.Request([]byte(request + early))
			if err != nil || n != len(request) || r.Get("Sec-WebSocket-Key") != testKey {
				t.Fatalf("Request = %v, %d, %v", r, n, err)
			}
		}
	})
	t.Run("HC-4.1-31/client", func(t *testing.T) {
		const interim = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
		response := interim + interim + "HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\n\r\n"
		var p Parser
		for i := range len(response) {
			resp, n, err := p.Response([]byte(response[:i]))
			if resp != nil || n != 0 || err != nil || p.scanned != i {
				t.Fatalf("after %d bytes: %v, %d, %v, scanned %d", i, resp, n, err, p.scanned)
			}
		}
		resp, n, err := p.Response([]byte(response + early))
		if err != nil || n != len(response) || resp.Header.Get("X-A") != "b" {
			t.Fatalf("Response = %v, %d, %v", resp, n, err)
		}
	})
}

// TestParserLimits shows that endless input is refused while it is still arriving.
func TestParserLimits(t *testing.T) {
	endless := []string{
		"GET /" + strings.Repeat("a", MaxHeaderBytes),
		"GET / HTTP/1.1\r\nX-A: " + strings.Repeat("a", MaxHeaderBytes),
		"GET / HTTP/1.1\r\n" + strings.Repeat("X-A: a\r\n", MaxHeaderBytes/8),
		"GET / HTTP/1.1\r\n" + strings.Repeat("\r", MaxHeaderBytes),
	}
	t.Run("HT-9112-13/server", func(t *testing.T) {
		for _, b := range endless {
			r, n, err := ParseRequest([]byte(b))
			if e := (*Error)(nil); r != nil || n != 0 || !errors.As(err, &e) || e.Status != 431 {
				t.Errorf("%.40q: %d, %v", b, n, err)
			}
		}
	})
	t.Run("HC-4.1-31/client", func(t *testing.T) {
		for _, b := range endless {
			b = strings.Replace(b, "GET / HTTP/1.1", "HTTP/1.1 101 a", 1)
			b = strings.Replace(b, "GET /", "HTTP/1.1 101 ", 1)
			resp, n, err := ParseResponse([]byte(b))
			if e := (*Error)(nil); resp != nil || n != 0 || !errors.As(err, &e) || e.Field != fieldHeader {
				t.Errorf("%.40q: %d, %v", b, n, err)
			}
		}
	})
	full := "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("a", MaxHeaderBytes-len("GET / HTTP/1.1\r\nHost: h\r\nX-A: \r\n\r\n")) + "\r\n\r\n"
	if _, n, err := ParseRequest([]byte(full)); n != MaxHeaderBytes || err != nil {
		t.Errorf("a request of exactly the limit: %d, %v, want all of it", n, err)
	}
	if r, n, err := ParseRequest([]byte(full[:MaxHeaderBytes-1])); r != nil || n != 0 || err != nil {
		t.Errorf("one byte less: %d, %v", n, err)
	}
	full = strings.Replace(full, "GET / HTTP/1.1", "HTTP/1.1 101 O", 1)
	if _, n, err := ParseResponse([]byte(full)); n != MaxHeaderBytes || err != nil {
		t.Errorf("a response of exactly the limit: %d, %v, want all of it", n, err)
	}
	// A message that has no end after exactly the limit may still get one.
	if resp, n, err := ParseResponse([]byte(full[:MaxHeaderBytes-1] + "x")); resp != nil || n != 0 || err != nil {
		t.Errorf("a response without an end: %d, %v", n, err)
	}
}

// TestParseOpaque shows that bytes beyond ASCII pass as they are: RFC 6455 section 8.1 is about
// messages, and HTTP has no charset for headers.
func TestParseOpaque(t *testing.T) {
	const value = "a\xff\x80b"
	t.Run("U8-8.1-10/server", func(t *testing.T) {
		r, _, err := ParseRequest([]byte(strings.Replace(browserRequest, "\r\n\r\n", "\r\nX-A: "+value+"\r\n\r\n", 1)))
		if err != nil || CheckRequest(r) != nil || r.Get("X-A") != value {
			t.Fatalf("%q, %v", r.Get("X-A"), err)
		}
	})
	t.Run("U8-8.1-10/client", func(t *testing.T) {
		resp, _, err := ParseResponse([]byte("HTTP/1.1 101 " + value + "\r\nX-A: " + value + "\r\n\r\n"))
		if err != nil || resp.Header.Get("X-A") != value || resp.Status != "101 "+value {
			t.Fatalf("%v, %v", resp, err)
		}
	})
}

// TestParseCopies shows that a caller may use its buffer again.
func TestParseCopies(t *testing.T) {
	b := []byte(browserRequest)
	r, _, err := ParseRequest(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if err := CheckRequest(r); err != nil || r.URL.Path != "/chat" || r.Key != testKey {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestResponseRefusal shows what a caller finds in a response that does not open a WebSocket:
// HC-4.1-20, HC-4.1-33, HS-4.2-27.
func TestResponseRefusal(t *testing.T) {
	const head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=a\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\n"
	resp, n, err := ParseResponse([]byte(head + "body"))
	if err != nil || n != len(head) {
		t.Fatal(n, err)
	}
	for _, id := range []string{"HC-4.1-20", "HC-4.1-33"} {
		t.Run(id+"/client", func(t *testing.T) {
			if resp.Status != "401 Unauthorized" || resp.StatusCode != 401 || resp.Proto != "HTTP/1.1" || resp.ContentLength != -1 {
				t.Errorf("%+v", resp)
			}
			if c := resp.Cookies(); len(c) != 1 || c[0].Value != "b" || resp.Header.Get("Www-Authenticate") == "" {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
	_, err = new(Offer).CheckResponse(resp)
	if err == nil || err.Error() != "websocket: handshake: status line: asks for credentials: see the WWW-Authenticate header (status 401)" {
		t.Errorf("error %q", err)
	}
	for _, tt := range []struct {
		status        int
		location, say string
	}{
		{200, "/", "at this path?"},
		{300, "/", "Location"},
		{302, "/", "Location"},
		{399, "/", "Location"},
		{302, "", "accept"},
		{400, "/", "accept"},
		{401, "", "credentials"},
		{403, "", "accept"},
		{404, "", "at this path?"},
		{405, "", "no GET"},
		{407, "", "credentials"},
		{429, "", "for now"},
		{500, "", "body"},
		{503, "", "for now"},
	} {
		resp := &http.Response{StatusCode: tt.status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Location": {tt.location}}}
		if _, err := new(Offer).CheckResponse(resp); err == nil || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("status %d: error %v, want one that says %q", tt.status, err, tt.say)
		}
	}
	overHTTP2 := &http.Response{StatusCode: 405, ProtoMajor: 2, Header: http.Header{}}
	if _, err := new(Offer).CheckResponse(overHTTP2); err == nil || !strings.Contains(err.Error(), "no CONNECT") || !strings.Contains(err.Error(), "GET alone") {
		t.Errorf("status 405 over HTTP/2: error %v, want one that says that the method is CONNECT", err)
	}
}

// TestIsOwnHeader: what the handshake writes itself, and what would announce a body.
func TestIsOwnHeader(t *testing.T) {
	for name, want := range map[string]bool{
		"Upgrade": true, "connection": true, "CONTENT-LENGTH": true, "Transfer-Encoding": true,
		"Sec-WebSocket-Accept": true, "sec-websocket-protocol": true, "Sec-WebSocket-Extensions": true,
		"Set-Cookie": false, "Host": false, "X-Upgrade": false, "": false,
	} {
		if got := IsOwnHeader(name); got != want {
			t.Errorf("IsOwnHeader(%q) = %t, want %t", name, got, want)
		}
	}
}
