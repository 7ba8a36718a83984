package websocket_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	websocket "github.com/rfc6455/ws/conn/gorilla"
)

// TestRefusals: what is wrong with a request, and what its client and its program get to know.
func TestRefusals(t *testing.T) {
	const not = "websocket: the client is not using the websocket protocol: "
	for name, x := range map[string]struct {
		set      http.Header
		method   string
		response http.Header
		status   int
		text     string
	}{
		"connection": {
			set: http.Header{"Connection": {"keep-alive"}}, status: 400,
			text: not + "'upgrade' token not found in 'Connection' header",
		},
		"upgrade": {
			set: http.Header{"Upgrade": {"h2c"}}, status: 400,
			text: not + "'websocket' token not found in 'Upgrade' header",
		},
		"method": {method: "POST", status: 405, text: not + "request method is not GET"},
		"version": {
			set: http.Header{"Sec-Websocket-Version": {"8"}}, status: 400,
			text: "websocket: unsupported version: 13 not found in 'Sec-Websocket-Version' header",
		},
		"extensions": {
			response: http.Header{"Sec-Websocket-Extensions": {"x"}}, status: 500,
			text: "websocket: application specific 'Sec-WebSocket-Extensions' headers are " +
				"unsupported",
		},
		"origin": {
			set: http.Header{"Origin": {"http://other.example"}}, status: 403,
			text: "websocket: request origin not allowed by Upgrader.CheckOrigin",
		},
		"no key": {
			set: http.Header{"Sec-Websocket-Key": nil}, status: 400,
			text: "websocket: not a websocket handshake: 'Sec-WebSocket-Key' header must be " +
				"Base64 encoded value of 16-byte in length",
		},
		"short key": {
			set: http.Header{"Sec-Websocket-Key": {"c2hvcnQ="}}, status: 400,
			text: "websocket: not a websocket handshake: 'Sec-WebSocket-Key' header must be " +
				"Base64 encoded value of 16-byte in length",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(x.set)
			if x.method != "" {
				r.Method = x.method
			}
			w := httptest.NewRecorder()
			c, err := new(websocket.Upgrader).Upgrade(w, r, x.response)
			if _, ok := err.(websocket.HandshakeError); c != nil || !ok || err.Error() != x.text {
				t.Errorf("Upgrade = %v, %#v, want a HandshakeError %q", c, err, x.text)
			}
			body := strings.TrimSpace(w.Body.String())
			if w.Code != x.status || body != http.StatusText(x.status) ||
				w.Header().Get("Sec-Websocket-Version") != "13" {
				t.Errorf("the reply is %d %q %v, want %d", w.Code, w.Body, w.Header(), x.status)
			}

			var status int
			var reason error
			u := websocket.Upgrader{Error: func(_ http.ResponseWriter, _ *http.Request, s int,
				err error,
			) {
				status, reason = s, err
			}}
			w = httptest.NewRecorder()
			if _, err = u.Upgrade(w, r, x.response); err != reason || status != x.status ||
				w.Body.Len() > 0 {
				t.Errorf("Upgrade: %v; Error got %d, %v and the reply is %q", err, status, reason,
					w.Body)
			}
		})
	}
}

// TestNoHijacker: a ResponseWriter whose connection can't be taken over.
func TestNoHijacker(t *testing.T) {
	w := httptest.NewRecorder()
	_, err := new(websocket.Upgrader).Upgrade(w, request(nil), nil)
	wantHijackError(t, w, err, "websocket: response does not implement http.Hijacker")
	w = httptest.NewRecorder()
	_, err = new(websocket.Upgrader).Upgrade(takenBefore{w}, request(nil), nil)
	wantHijackError(t, w, err, http.ErrHijacked.Error())
}

// takenBefore is a ResponseWriter whose connection was taken over already.
type takenBefore struct{ *httptest.ResponseRecorder }

func (takenBefore) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrHijacked
}

func wantHijackError(t *testing.T, w *httptest.ResponseRecorder, err error, text string) {
	t.Helper()
	if _, ok := err.(websocket.HandshakeError); !ok || err.Error() != text ||
		w.Code != http.StatusInternalServerError {
		t.Errorf("Upgrade: %v and status %d, want a HandshakeError %q and 500", err, w.Code, text)
	}
}

// TestEarlyData: a client that does not wait for the response is refused.
func TestEarlyData(t *testing.T) {
	near, _ := pipe(t)
	c, err := new(websocket.Upgrader).Upgrade(taken{httptest.NewRecorder(), near, "\x81"},
		request(nil), nil)
	if c != nil || err == nil || err.Error() != "websocket: client sent data before handshake "+
		"is complete" {
		t.Errorf("Upgrade = %v, %v", c, err)
	}
}

func TestOrigins(t *testing.T) {
	for origin, ok := range map[string]bool{
		"http://example.com": true, "https://example.com": true, "http://EXAMPLE.com": true,
		"http://example.com:80": false, "http://example.com.evil": false,
		"http://sub.example.com": false,
		"null":                   false, "%zz": false,
	} {
		r := request(http.Header{"Origin": {origin}})
		w := httptest.NewRecorder()
		_, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if got := w.Code != http.StatusForbidden; got != ok {
			t.Errorf("Origin %q: allowed %t (%v), want %t", origin, got, err, ok)
		}
	}
	asked := false
	u := &websocket.Upgrader{CheckOrigin: func(r *http.Request) bool {
		asked = r.Header.Get("Origin") == "null"
		return true
	}}
	server(t, u, request(http.Header{"Origin": {"null"}}))
	if !asked {
		t.Error("CheckOrigin was not asked")
	}
}

// upgraded returns the response of u, and its connection, which is closed.
func upgraded(t *testing.T, u *websocket.Upgrader, r *http.Request,
	set http.Header,
) (*http.Response, *websocket.Conn) {
	t.Helper()
	got := make(chan *websocket.Conn, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, set)
		if err == nil {
			_ = c.Close()
		}
		got <- c
	}))
	defer s.Close()
	out, err := http.NewRequest(http.MethodGet, s.URL, nil)
	check(t, err)
	out.Header = r.Header
	resp, err := s.Client().Do(out)
	check(t, err)
	_ = resp.Body.Close()
	c := <-got
	if c == nil {
		t.Fatalf("the response is %s", resp.Status)
	}
	return resp, c
}

func TestSubprotocols(t *testing.T) {
	for _, x := range []struct {
		offered, speaks []string
		set             http.Header
		want            string
	}{
		{nil, nil, nil, ""},
		{[]string{"a, b"}, []string{"b", "a"}, nil, "b"}, // the server's order counts
		{[]string{"a, b"}, []string{"c"}, nil, ""},
		{[]string{"a, b"}, nil, nil, ""},
		{[]string{"a, b"}, nil, http.Header{"Sec-Websocket-Protocol": {"b"}}, "b"},
		{[]string{"a, b"}, []string{}, http.Header{"Sec-Websocket-Protocol": {"b"}}, ""},
		{[]string{" a ,b "}, []string{"a"}, nil, "a"},
	} {
		r := request(nil)
		if x.offered != nil {
			r.Header["Sec-Websocket-Protocol"] = x.offered
		}
		resp, c := upgraded(t, &websocket.Upgrader{Subprotocols: x.speaks}, r, x.set)
		if got := resp.Header.Get("Sec-Websocket-Protocol"); got != x.want ||
			c.Subprotocol() != x.want {
			t.Errorf("%q of %q: the response has %q, Subprotocol() = %q, want %q", x.speaks,
				x.offered, got, c.Subprotocol(), x.want)
		}
	}
	r := request(http.Header{"Sec-Websocket-Protocol": {" a , b,c"}})
	if got := websocket.Subprotocols(r); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("Subprotocols = %q", got)
	}
	if got := websocket.Subprotocols(request(nil)); got != nil {
		t.Errorf("Subprotocols of none = %q", got)
	}
}

func TestResponseHeader(t *testing.T) {
	resp, _ := upgraded(t, &websocket.Upgrader{HandshakeTimeout: long}, request(nil), http.Header{
		"Set-Cookie": {"a=1", "b=2"}, "X-Split": {"x\r\nEvil: 1"},
	})
	if got := resp.Header["Set-Cookie"]; !slices.Equal(got, []string{"a=1", "b=2"}) {
		t.Errorf("Set-Cookie: %q", got)
	}
	if resp.Header.Get("Evil") != "" || resp.Header.Get("X-Split") != "x  Evil: 1" {
		t.Errorf("the value ended its line: %q", resp.Header)
	}
	if got := resp.Header.Get("Sec-Websocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("Sec-WebSocket-Accept: %q", got)
	}
}

func TestCompressionIsAgreed(t *testing.T) {
	for _, x := range []struct {
		offer, answer string
		enabled       bool
	}{
		{"permessage-deflate", noTakeover, true},
		{"x, permessage-deflate; client_max_window_bits", noTakeover, true},
		{noTakeover, noTakeover, true},
		{"x-webkit-deflate-frame", "", true},
		{"permessage-deflate", "", false},
		{"", "", true},
	} {
		r := request(http.Header{"Sec-Websocket-Extensions": {x.offer}})
		resp, _ := upgraded(t, &websocket.Upgrader{EnableCompression: x.enabled}, r, nil)
		if got := resp.Header.Get("Sec-Websocket-Extensions"); got != x.answer {
			t.Errorf("the answer to %q is %q, want %q", x.offer, got, x.answer)
		}
	}
}

// TestServerTimeouts: the deadlines that net/http has set for the request don't count any more.
func TestServerTimeouts(t *testing.T) {
	near, far := pipe(t)
	check(t, near.SetDeadline(time.Now().Add(-time.Second)))
	s := serverOver(t, new(websocket.Upgrader), request(nil), near, far)
	s.send(message(websocket.TextMessage), "x")
	s.wantMessage(websocket.TextMessage, "x")
	check(t, s.WriteMessage(websocket.TextMessage, []byte("y")))
	s.want(websocket.TextMessage, "y")
}

func TestIsWebSocketUpgrade(t *testing.T) {
	for _, x := range []struct {
		set  http.Header
		want bool
	}{
		{nil, true},
		{http.Header{"Connection": {"keep-alive, upgrade"}, "Upgrade": {"h2c", "WebSocket"}}, true},
		{http.Header{"Connection": {"keep-alive"}}, false},
		{http.Header{"Upgrade": {"websocket2"}}, false},
	} {
		if got := websocket.IsWebSocketUpgrade(request(x.set)); got != x.want {
			t.Errorf("IsWebSocketUpgrade(%v) = %t, want %t", x.set, got, x.want)
		}
	}
}

// TestDeprecatedUpgrade: it checks no origin, and does not reply to what it refuses.
func TestDeprecatedUpgrade(t *testing.T) {
	w := httptest.NewRecorder()
	_, err := websocket.Upgrade(w, request(http.Header{"Upgrade": nil}), nil, 1024, 1024)
	if _, ok := err.(websocket.HandshakeError); !ok || w.Body.Len() > 0 {
		t.Errorf("Upgrade: %v and the reply %q, want a HandshakeError and none", err, w.Body)
	}
	near, far := pipe(t)
	go func() { _, _ = far.Read(make([]byte, 1000)) }()
	r := request(http.Header{"Origin": {"http://other.example"}})
	c, err := websocket.Upgrade(taken{httptest.NewRecorder(), near, ""}, r, nil, 1024, 1024)
	check(t, err)
	check(t, c.Close())
}
