package handshake

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// mustRequest returns the request of a correct offer.
func mustRequest(tb testing.TB, o *Offer) string {
	tb.Helper()
	b, err := o.AppendRequest(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

const plainRequest = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: " + testKey + "\r\nSec-WebSocket-Version: 13\r\n"

var offerTests = []struct {
	id, note string
	offer    Offer
	want     string // behind plainRequest
}{
	{"HC-4.1-05", "nothing but what is needed", Offer{}, ""},
	{"HC-4.1-07", "Upgrade in lower case, Connection", Offer{}, ""},
	{"HC-4.1-10", "the version, once", Offer{}, ""},
	{"HC-4.1-14", "the key, once", Offer{}, ""},
	{"HC-4.1-09", "no Origin by itself", Offer{}, ""},
	{"HC-4.1-09", "an Origin that is given", Offer{Header: http.Header{"Origin": {"https://example.com"}}}, "Origin: https://example.com\r\n"},
	{"HC-4.1-11", "subprotocols in order", Offer{Subprotocols: []string{"superchat", "chat"}}, "Sec-WebSocket-Protocol: superchat, chat\r\n"},
	{"HC-4.1-11", "an empty list is not sent", Offer{Subprotocols: []string{}}, ""},
	{"HC-4.1-12", "more headers, sorted", Offer{Header: http.Header{"X-B": {"1", "2"}, "Cookie": {"a=b"}}}, "Cookie: a=b\r\nX-B: 1\r\nX-B: 2\r\n"},
	{"HC-4.1-12", "permessage-deflate", Offer{Deflate: &DeflateOffer{}}, "Sec-WebSocket-Extensions: permessage-deflate\r\n"},
	{"PD-7.1.2-14", "15 is sent without a value", Offer{Deflate: &DeflateOffer{ClientMaxWindowBits: 15}}, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"},
	{
		"PD-7.1.2-14", "all parameters",
		Offer{Deflate: &DeflateOffer{true, true, 8, 9, WindowAccept}},
		"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9, " +
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9\r\n",
	},
	{
		"PD-7.1.2-14", "a server that can't bound its window is to keep none",
		Offer{Deflate: &DeflateOffer{ServerMaxWindowBits: 12}},
		"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12, permessage-deflate; server_no_context_takeover\r\n",
	},
}

func TestAppendRequest(t *testing.T) {
	for _, tt := range offerTests {
		t.Run(tt.id+"/client/"+tt.note, func(t *testing.T) {
			o := tt.offer
			o.URL, o.Key = mustURL(t, "ws://server.example.com/chat"), testKey
			got := mustRequest(t, &o)
			if want := plainRequest + tt.want + "\r\n"; got != want {
				t.Errorf("request\n%q, want\n%q", got, want)
			}
			if r, n, err := ParseRequest([]byte(got)); err != nil || n != len(got) || CheckRequest(r) != nil {
				t.Errorf("our own server refuses the request: %v, want no error", err)
			}
		})
	}
}

func TestAppendRequestHost(t *testing.T) {
	o := Offer{URL: mustURL(t, "ws://127.0.0.1:8080/"), Key: testKey, Host: "example.com:81"}
	if got := mustRequest(t, &o); !strings.Contains(got, "\r\nHost: example.com:81\r\n") {
		t.Errorf("request %q", got)
	}
}

// TestAppendRequestUserinfo shows how user information is sent.
func TestAppendRequestUserinfo(t *testing.T) {
	for raw, want := range map[string]string{
		"ws://user:p%40ss@h/": "user p@ss", "ws://user@h/": "user ", "ws://:p@h/": " p",
	} {
		t.Run("UR-3-07/client/"+raw, func(t *testing.T) {
			o := Offer{URL: mustURL(t, raw), Key: testKey}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(mustRequest(t, &o))))
			if err != nil {
				t.Fatal(err)
			}
			user, password, ok := r.BasicAuth()
			if !ok || user+" "+password != want || r.Host != "h" {
				t.Errorf("%q %q, Host %q", user, password, r.Host)
			}
			o.Header = http.Header{"authorization": {"Bearer x"}}
			if got := mustRequest(t, &o); strings.Contains(got, "Basic") || !strings.Contains(got, "Bearer x") {
				t.Errorf("request %q, want Header's own Authorization", got)
			}
		})
	}
}

var badOffers = []struct {
	id, say string
	offer   Offer
}{
	{"HC-4.1-11", "twice", Offer{Subprotocols: []string{"a", "b", "a"}}},
	{"HC-4.1-11", "token", Offer{Subprotocols: []string{""}}},
	{"HC-4.1-11", "token", Offer{Subprotocols: []string{"a, b"}}},
	{"HC-4.1-11", "token", Offer{Subprotocols: []string{"ä"}}},
	{"HC-4.1-12", "Upgrade", Offer{Header: http.Header{"Upgrade": {"h2c"}}}},
	{"HC-4.1-12", "connection", Offer{Header: http.Header{"connection": {"close"}}}},
	{"HC-4.1-12", "Host", Offer{Header: http.Header{"Host": {"h"}}}},
	{"HC-4.1-12", "Sec-Websocket-Key", Offer{Header: http.Header{"Sec-Websocket-Key": {testKey}}}},
	{"HC-4.1-12", "Sec-WebSocket-Extensions", Offer{Header: http.Header{"Sec-WebSocket-Extensions": {"foo"}}}},
	{"HC-4.1-12", "Content-Length", Offer{Header: http.Header{"Content-Length": {"0"}}}},
	{"HC-4.1-12", "Transfer-Encoding", Offer{Header: http.Header{"Transfer-Encoding": {"chunked"}}}},
	{"HT-9110-21", "token", Offer{Subprotocols: []string{"a\r\nX: y"}}},
	{"HT-9110-21", "control", Offer{Header: http.Header{"X": {"a\r\nY: z"}}}},
	{"HT-9110-21", "control", Offer{Header: http.Header{"X": {"a", "b\x00"}}}},
	{"HT-9110-21", "control", Offer{Header: http.Header{"X": {"a\n"}}}},
	{"HT-9110-21", "token", Offer{Header: http.Header{"X: y\r\nZ": {"a"}}}},
	{"HT-9110-21", "token", Offer{Header: http.Header{"": {"a"}}}},
	{"HT-9110-21", "Host", Offer{Host: "a\r\nX: y"}},
	{"HC-4.1-08", "Key", Offer{Key: "short"}},
	{"HC-4.1-08", "Key", Offer{Key: testKey + "\r\nX: y"}},
	{"PD-7.1.2-10", "8 to 15", Offer{Deflate: &DeflateOffer{ServerMaxWindowBits: 7}}},
	{"PD-7.1.2-10", "8 to 15", Offer{Deflate: &DeflateOffer{ServerMaxWindowBits: -1}}},
	{"PD-7.1.2-14", "8 to 15", Offer{Deflate: &DeflateOffer{ClientMaxWindowBits: 16}}},
}

func TestAppendRequestErrors(t *testing.T) {
	for _, tt := range badOffers {
		t.Run(tt.id+"/client/"+tt.say, func(t *testing.T) {
			o := tt.offer
			o.URL = mustURL(t, "ws://h/")
			if o.Key == "" {
				o.Key = testKey
			}
			b, err := o.AppendRequest([]byte("before"))
			if string(b) != "before" {
				t.Errorf("AppendRequest wrote %q, want nothing", b)
			}
			if err == nil || !strings.HasPrefix(err.Error(), "websocket: ") || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("error %v, want one that says %q", err, tt.say)
			}
		})
	}
	many := make([]string, MaxSubprotocols+1)
	for i := range many {
		many[i] = strings.Repeat("a", i+1)
	}
	if err := validateSubprotocols(many); err == nil || validateSubprotocols(many[1:]) != nil {
		t.Errorf("%d subprotocols: %v, want an error", len(many), err)
	}
}

func TestNewKey(t *testing.T) {
	t.Run("HC-4.1-08/client", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			key := NewKey()
			if seen[key] || !validKey(key) || !strings.HasSuffix(key, "==") || !strings.Contains("AQgw", key[21:22]) {
				t.Fatalf("key %q, want a valid one that is new", key)
			}
			seen[key] = true
		}
	})
}

func TestAccept(t *testing.T) {
	for key, want := range map[string]string{
		testKey:                    testAccept,
		"AQIDBAUGBwgJCgsMDQ4PEA==": "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=",
		"":                         "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=",
		strings.Repeat("x", 100):   "", // Any length must do.
	} {
		if got := Accept(key); len(got) != 28 || want != "" && got != want {
			t.Errorf("Accept(%q) = %q, want %q", key, got, want)
		}
	}
}
