package handshake

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// connectRequest returns an extended CONNECT as net/http's HTTP/2 server passes it to a handler.
// Edits are "Name: value" lines; "Name:" alone removes the header.
func connectRequest(edits ...string) *http.Request {
	hr := &http.Request{
		Method: "CONNECT", Host: "server.example.com", RequestURI: "/chat", ContentLength: -1,
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Origin": {"https://server.example.com"}},
	}
	for _, edit := range edits {
		name, value, _ := strings.Cut(edit, ": ")
		switch name = strings.TrimSuffix(name, ":"); {
		case name == "method":
			hr.Method = value
		case name == "path":
			hr.RequestURI = value
		case name == "authority":
			hr.Host = value
		case name == "HTTP/3": // as quic-go passes it
			hr.Proto, hr.ProtoMajor = value, 3
			delete(hr.Header, ":protocol")
		case value == "":
			delete(hr.Header, name)
		default:
			hr.Header[name] = append(hr.Header[name], strings.Split(value, "|")...)
		}
	}
	return hr
}

// TestConnectContinue shows that an expectation over HTTP/2 asks for no bytes of HTTP/1.
func TestConnectContinue(t *testing.T) {
	if NewRequest(connectRequest("Expect: 100-continue")).ExpectsContinue() {
		t.Error("ExpectsContinue over HTTP/2 = true, want false")
	}
}

var connectTests = []struct {
	id, note string
	edits    []string
	status   int
}{
	{"H2-4-05", "right", nil, 200},
	{"H2-4-05", "no path", []string{"path: server.example.com"}, 400},
	{"H2-4-05", "no authority", []string{"authority: "}, 400},
	{"H2-4-05", "GET", []string{"method: GET"}, 400},
	{"H2-4-12", "a plain CONNECT is no tunnel", []string{":protocol:", "path: server.example.com:80"}, 400},
	{"H2-4-13", "another protocol", []string{":protocol:", ":protocol: foo"}, 501},
	{"H3-3-18", "another protocol", []string{":protocol:", ":protocol: connect-udp"}, 501},
	{"H3-3-17", "in Proto", []string{"HTTP/3: websocket"}, 200},
	{"H3-3-17", "a plain CONNECT", []string{"HTTP/3: HTTP/3.0", "path: server.example.com:80"}, 400},
	{"H3-3-18", "another protocol in Proto", []string{"HTTP/3: connect-udp"}, 501},
	{"H2-5-07", "Connection", []string{"Connection: Upgrade"}, 400},
	{"H2-5-07", "Upgrade", []string{"Upgrade: websocket"}, 400},
	{"H2-5-07", "a key is ignored", []string{"Sec-Websocket-Key: nonsense"}, 200},
	{"H2-5-08", "no version", []string{"Sec-Websocket-Version:"}, 400},
	{"H2-5-08", "another version", []string{"Sec-Websocket-Version:", "Sec-Websocket-Version: 8"}, 400},
	{"H2-5-08", "two versions", []string{"Sec-Websocket-Version: 13"}, 400},
	{"H2-5-08", "another origin", []string{"Origin:", "Origin: https://evil.com"}, 403},
	{"H2-5-08", "malformed subprotocols", []string{"Sec-Websocket-Protocol: a b"}, 400},
	{"H2-5-08", "malformed extensions", []string{"Sec-Websocket-Extensions: a b"}, 400},
	{"H2-5-09", "success is not 101", nil, 200},
}

func TestConnect(t *testing.T) {
	for _, tt := range connectTests {
		t.Run(tt.id+"/server/"+tt.note, func(t *testing.T) {
			r := NewRequest(connectRequest(tt.edits...))
			err := CheckRequest(r)
			if err == nil {
				_, err = Respond(r, nil)
			}
			status, e := 200, (*Error)(nil)
			if errors.As(err, &e) {
				status = e.Status
				if h := e.Header(); h.Get("Upgrade")+h.Get("Connection") != "" {
					t.Errorf("headers %v, want none that HTTP/2 does not have", h)
				}
			}
			if status != tt.status || r.Key != "" || r.ExpectsContinue() {
				t.Errorf("status %d (%v), want %d", status, err, tt.status)
			}
		})
	}
}

// TestConnectExchange lets a client and a server of ours agree over HTTP/2.
func TestConnectExchange(t *testing.T) {
	o := &Offer{
		URL: mustURL(t, "wss://server.example.com?x=1"), Subprotocols: []string{"a", "b"}, Deflate: &DeflateOffer{ServerMaxWindowBits: 10},
		Header: http.Header{"x-a": {"1"}, "X-A": {"2"}},
	}
	hr, err := o.ConnectRequest()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"H2-4-05", "H2-5-06", "H2-5-07", "H2-5-08"} {
		t.Run(id+"/client", func(t *testing.T) {
			if hr.Method != "CONNECT" || hr.URL.String() != "https://server.example.com/?x=1" || hr.Host != "server.example.com" || hr.ProtoMajor != 2 {
				t.Errorf("request %+v, want an extended CONNECT for the URL of the offer", hr)
			}
			h := hr.Header
			if h.Get("Connection")+h.Get("Upgrade")+h.Get("Host")+h.Get(nameKey)+h.Get(nameAccept) != "" || len(h["X-A"]) != 2 {
				t.Errorf("headers %v", h)
			}
			if !slices.Equal(h[":protocol"], []string{"websocket"}) || !slices.Equal(h[keyVersion], []string{"13"}) || h.Get(nameProtocol) != "a, b" {
				t.Errorf("headers %v", h)
			}
		})
	}
	o.URL = mustURL(t, "ws://h/a%2Fb")
	if plain, err := o.ConnectRequest(); err != nil || plain.URL.String() != "http://h/a%2Fb" {
		t.Errorf("ConnectRequest = %v, %v, want http and the path as it was", plain, err)
	}
	if hr, err := (&Offer{}).ConnectRequest(); err == nil {
		t.Errorf("request without a URL: %v, want an error", hr)
	}

	r := NewRequest(hr)
	if err := CheckRequest(r); err != nil {
		t.Fatal(err)
	}
	a, err := Respond(r, &Policy{Subprotocols: []string{"b"}, Deflate: new(DeflatePolicy), Header: http.Header{"Set-Cookie": {"a=b", "c=d"}}})
	if err != nil {
		t.Fatal(err)
	}
	resp := &http.Response{StatusCode: 200, ProtoMajor: 2, Header: http.Header{"Set-Cookie": {"e=f"}}}
	a.AddHeader(resp.Header)
	if len(resp.Header) != 3 || len(resp.Header["Set-Cookie"]) != 3 {
		t.Errorf("headers %v, want three, with three cookies", resp.Header)
	}
	t.Run("H2-5-09/client", func(t *testing.T) {
		got, err := o.CheckResponse(resp)
		if err != nil || got.Subprotocol != "b" || got.Deflate == nil || *got.Deflate != *a.Deflate {
			t.Errorf("CheckResponse = %+v, %v, want what the server agreed to: %+v", got, err, a)
		}
		for _, status := range []int{101, 300, 403, 501} {
			resp.StatusCode = status
			_, err := o.CheckResponse(resp)
			if e := (*Error)(nil); !errors.As(err, &e) || e.Status != status {
				t.Errorf("status %d: %v, want an Error with it", status, err)
			}
		}
	})
}
