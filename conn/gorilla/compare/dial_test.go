package compare

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rfc6455/ws/handshake"
)

// The tests in this file compare opening handshakes: what is sent, and what the program gets to
// know. Cases that differ are not here, but in the documentation of conn/gorilla.

const (
	switching = "HTTP/1.1 101 Switching Protocols\r\n"
	upgrades  = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	accepts   = "Sec-WebSocket-Accept: KEY\r\n" // KEY stands for what belongs to the client's key
	accepted  = switching + upgrades + accepts
)

// TestDialResponses: responses of all kinds.
func TestDialResponses(t *testing.T) {
	for _, response := range []string{
		accepted, "", "SSH-2.0-x\r\n",
		"HTTP/1.0 101 Switching Protocols\r\n" + upgrades + accepts + "\r\n",
		"HTTP/1.1 101\r\n" + upgrades + accepts + "\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + accepted + "\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + accepted + "\r\n",
		switching + "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: KEY\r\n\r\n",
		switching + "Upgrade: foo, WebSocket\r\nConnection: Upgrade\r\n" + accepts + "\r\n",
		switching + "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n" + accepts + "\r\n",
		switching + "Upgrade: websocket\r\n" + accepts + "\r\n",
		switching + "Connection: Upgrade\r\n" + accepts + "\r\n",
		switching + upgrades + "\r\n",
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad",
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: ws://other/\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
	} {
		compareDial(t, dialing{}, "ws://example.com/", nil, response)
	}
}

// TestDialHeaders: headers of a response that accepts.
func TestDialHeaders(t *testing.T) {
	const extensions = "Sec-WebSocket-Extensions: "
	for _, line := range []string{
		"", "Sec-WebSocket-Accept: other\r\n", "Set-Cookie: c=3\r\n",
		"Content-Length: 0\r\n", "Content-Length: 5\r\n",
		"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
		"Sec-WebSocket-Protocol: b\r\n", "Sec-WebSocket-Protocol: c\r\n",
		extensions + "\r\n", extensions + ";;\r\n", extensions + "x-foo\r\n",
		extensions + "permessage-deflate\r\n",
		extensions + "permessage-deflate; client_no_context_takeover\r\n",
		extensions + noTakeover + "\r\n",
		extensions + noTakeover + "; server_max_window_bits=15\r\n",
		extensions + noTakeover + "; client_max_window_bits=15\r\n",
		extensions + noTakeover + ", " + noTakeover + "\r\n",
		extensions + "x-foo; y=1, " + noTakeover + "\r\n",
	} {
		for _, d := range []dialing{
			{}, {EnableCompression: true}, {Subprotocols: []string{"a", "b"}},
		} {
			compareDial(t, d, "ws://example.com/", nil, accepted+line+"\r\n")
		}
	}
}

// TestDialRequests: headers of the program.
func TestDialRequests(t *testing.T) {
	for _, h := range []http.Header{
		{"Sec-Websocket-Protocol": {"x", "y"}},
		{"Sec-WebSocket-Protocol": {"x"}},
		{"Sec-Websocket-Extensions": {"x"}},
		{"Sec-WebSocket-Extensions": {noTakeover}},
		{"Sec-Websocket-Key": {"x"}},
		{"Upgrade": {"x"}},
		{"upgrade": {"x"}, "connection": {"x"}},
		{"Host": {"a.example", "b"}},
		{"Host": {}},
		{"host": {"a.example"}},
		{"X": nil, "Y": {"1", "2"}, "User-Agent": {"me"}},
		{"User-Agent": {""}},
		{"Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"x"}},
		{"X": {"a\r\nb"}},
		{"X Y": {"a"}},
		{"Cookie": {"a=1; b=2"}},
	} {
		for _, d := range []dialing{
			{}, {EnableCompression: true}, {Subprotocols: []string{"a"}},
		} {
			compareDial(t, d, "ws://example.com/", h, accepted+"\r\n")
		}
	}
}

// TestDialURLs: where a dial connects to, and what it asks for.
func TestDialURLs(t *testing.T) {
	for _, u := range []string{
		"ws://example.com/a%2Fb?x=1&y=%20#frag", "ws://example.com", "ws://example.com?x",
		"ws://[::1]/", "ws://[fe80::1%25eth0]:80/", "ws://example.com:8080/", "ws:///x",
		"ws:example.com", "WS://EXAMPLE.com/", "ws://u@example.com/", "http://example.com/",
		"ws://a b/", "ws://bücher.example/ü?ü", "ws://example.com//x/../y", "ws://example.com/*",
	} {
		compareDial(t, dialing{}, u, nil, accepted+"\r\n")
	}
}

// compareDial compares what a server and the program see of a dial.
func compareDial(t *testing.T, d dialing, u string, h http.Header, response string) {
	t.Helper()
	want := dialResult(t, &libraries[0], d, u, h, response)
	got := dialResult(t, &libraries[1], d, u, h, response)
	if got != want {
		t.Errorf("Dial(%q, %q), with compression: %t, answered by %q: ours\n%s, gorilla's\n%s", u, h,
			d.EnableCompression, response, got, want)
	}
}

func dialResult(
	t *testing.T, lib *library, d dialing, u string, h http.Header, response string,
) string {
	t.Helper()
	near, far := pipe(t)
	requests := make(chan string, 1)
	go func() { requests <- answer(far, response) }()
	addr := ""
	d.HandshakeTimeout = time.Minute
	d.NetDial = func(network, to string) (net.Conn, error) {
		addr = network + " " + to
		return near, nil
	}
	c, resp, err := lib.dial(d, u, h)
	_ = near.Close()
	said := fmt.Sprintf("%s, error %v, request %q", addr, err, <-requests)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		said += "\nerrors.Is finds io.ErrUnexpectedEOF"
	}
	if resp != nil {
		p, err := io.ReadAll(resp.Body)
		accept := resp.Header.Get("Sec-Websocket-Accept")
		said += strings.ReplaceAll(fmt.Sprintf("\n%s %q, body %q %d %v, %v", resp.Status, resp.Header, p,
			resp.ContentLength, resp.TransferEncoding, err), accept, "")
	}
	if err == nil {
		said += "\nsubprotocol " + c.Subprotocol()
	}
	return said
}

// answer answers a request. It returns the request.
func answer(nc net.Conn, response string) string {
	defer nc.(*net.TCPConn).CloseWrite()
	var all strings.Builder
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(nc, &all)))
	if err != nil {
		return err.Error()
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	_, _ = io.WriteString(nc, strings.ReplaceAll(response, "KEY", handshake.Accept(key)))
	return strings.ReplaceAll(all.String(), key, "KEY")
}

// TestUpgradeRequests: requests of all kinds.
func TestUpgradeRequests(t *testing.T) {
	for _, h := range []http.Header{
		nil,
		{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ==", "x"}},
		{"Sec-Websocket-Key": {" dGhlIHNhbXBsZSBub25jZQ=="}},
		{"Sec-Websocket-Version": {"8, 13"}},
		{"Sec-Websocket-Version": {"8", "13"}},
		{"Connection": {"keep-alive, Upgrade"}},
		{"Connection": {"upgrade;x"}},
		{"Upgrade": {"WebSocket, h2c"}},
		{"Upgrade": {"websocket/13"}},
		{"Origin": {"http://example.com", "http://evil"}},
		{"Origin": {""}},
		{"Origin": {"http://example.com/x"}},
		{"Sec-Websocket-Protocol": {"a", "b"}},
		{"Sec-Websocket-Protocol": {"a, b"}},
		{"Sec-Websocket-Protocol": {"B, c"}},
	} {
		compareUpgrade(t, upgrading{}, http.MethodGet, h, nil)
		compareUpgrade(t, upgrading{Subprotocols: []string{"b"}}, http.MethodGet, h, nil)
	}
	compareUpgrade(t, upgrading{}, http.MethodHead, nil, nil)
	compareUpgrade(t, upgrading{}, http.MethodPost, nil, nil)
}

// TestUpgradeOffers: offers of compression.
func TestUpgradeOffers(t *testing.T) {
	for _, offer := range [][]string{
		{"permessage-deflate"},
		{"permessage-deflate; client_max_window_bits"},
		{noTakeover},
		{"permessage-deflate; client_max_window_bits, permessage-deflate"},
		{"x-foo; y=1", "permessage-deflate"},
		{"permessage-deflate;;"},
		{"Permessage-Deflate"},
		{"x-webkit-deflate-frame"},
		{""},
	} {
		for _, enable := range []bool{false, true} {
			compareUpgrade(t, upgrading{EnableCompression: enable}, http.MethodGet,
				http.Header{"Sec-Websocket-Extensions": offer}, nil)
		}
	}
}

// TestUpgradeHeaders: headers of the program.
func TestUpgradeHeaders(t *testing.T) {
	asked := http.Header{"Sec-Websocket-Protocol": {"b, c"}}
	for _, h := range []http.Header{
		{"X": {"1", "2", "a\nb"}},
		{"Sec-WebSocket-Extensions": {"x"}},
		{"Sec-Websocket-Extensions": {"x"}},
		{"Sec-WebSocket-Protocol": {"c"}},
		{"Sec-Websocket-Protocol": {"c", "d"}},
	} {
		compareUpgrade(t, upgrading{}, http.MethodGet, asked, h)
		compareUpgrade(t, upgrading{Subprotocols: []string{"b"}}, http.MethodGet, asked, h)
	}
}

// compareUpgrade compares what a client and the program see of an upgrade.
func compareUpgrade(t *testing.T, u upgrading, method string, h, response http.Header) {
	t.Helper()
	want := upgradeResult(t, &libraries[0], u, method, h, response)
	got := upgradeResult(t, &libraries[1], u, method, h, response)
	if got != want {
		t.Errorf("Upgrade of %s %q, with %q: ours\n%s, gorilla's\n%s", method, h, response, got, want)
	}
}

func upgradeResult(
	t *testing.T, lib *library, u upgrading, method string, h, response http.Header,
) string {
	t.Helper()
	near, far := pipe(t)
	r := request(h)
	r.Method = method
	w := httptest.NewRecorder()
	c, err := lib.upgrade(u, hijacked{w, near}, r, response)
	_ = near.Close()
	p, _ := io.ReadAll(far)
	said := fmt.Sprintf("error %v, reply %d %q %q, sent %q", err, w.Code, w.Body, w.Header(), p)
	if err == nil {
		said += "\nsubprotocol " + c.Subprotocol()
	}
	return said
}
