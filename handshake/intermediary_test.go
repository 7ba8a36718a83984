package handshake

import (
	"net/http"
	"strings"
	"testing"
)

// passedOn are extensions as a client may offer them: one is unknown to this package, and one is
// offered twice.
var passedOn = []Extension{
	{Name: "permessage-deflate", Params: []Param{{Name: "client_max_window_bits"}, {Name: "server_max_window_bits", Value: "10"}}},
	{Name: "x-own"},
	{Name: "permessage-deflate"},
}

const passedOnText = "permessage-deflate; client_max_window_bits; server_max_window_bits=10, x-own, permessage-deflate"

// TestOfferExtensions passes on what somebody else offers, and takes an answer of these names alone.
func TestOfferExtensions(t *testing.T) {
	o := Offer{URL: mustURL(t, "ws://h/"), Key: testKey, Extensions: passedOn, Deflate: &DeflateOffer{}}
	if got := mustRequest(t, &o); strings.Count(got, "Sec-WebSocket-Extensions") != 1 ||
		!strings.Contains(got, "\r\nSec-WebSocket-Extensions: "+passedOnText+"\r\n") {
		t.Errorf("request %q, want the extensions as they are", got)
	}
	connect, err := o.ConnectRequest()
	if err != nil || connect.Header.Get("Sec-WebSocket-Extensions") != passedOnText {
		t.Errorf("extended CONNECT: %v, %v, want the extensions as they are", connect, err)
	}
	for answer, ok := range map[string]bool{
		"":                    true,
		"x-own; anything=1":   true,
		"permessage-deflate":  true,
		"x-own, x-other":      false,
		"permessage-deflate;": false,
	} {
		resp := &http.Response{
			StatusCode: 101, ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {testAccept}},
		}
		if answer != "" {
			resp.Header["Sec-Websocket-Extensions"] = []string{answer}
		}
		a, err := o.CheckResponse(resp)
		if (err == nil) != ok {
			t.Errorf("the answer %q: %v, want it accepted: %t", answer, err, ok)
		}
		if got := string(appendExtensions(nil, a.Extensions)); ok && got != answer || a.Deflate != nil {
			t.Errorf("the answer %q: extensions %q, Deflate %v, want the answer and nil", answer, got, a.Deflate)
		}
	}
}

// TestPolicyExtensions answers with what somebody else has chosen.
func TestPolicyExtensions(t *testing.T) {
	r := &Request{Key: testKey, Extensions: passedOn}
	a, err := Respond(r, &Policy{Extensions: passedOn[1:], Deflate: &DeflatePolicy{}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "x-own, permessage-deflate"
	if got := string(a.AppendResponse(nil, r)); strings.Count(got, "Sec-WebSocket-Extensions") != 1 ||
		!strings.Contains(got, "\r\nSec-WebSocket-Extensions: "+want+"\r\n") {
		t.Errorf("response %q, want %q", got, want)
	}
	h := http.Header{}
	if a.AddHeader(h); h.Get("Sec-WebSocket-Extensions") != want {
		t.Errorf("header %v, want %q", h, want)
	}
	if _, err := Respond(r, &Policy{Extensions: []Extension{{Name: "x-other"}}}); err == nil {
		t.Error("an extension that was not offered: no error")
	}
}

// TestExtensionsThatCannotBeSent refuses names and values that would break out of the header.
func TestExtensionsThatCannotBeSent(t *testing.T) {
	for _, e := range []Extension{
		{},
		{Name: "a b"},
		{Name: "a\r\nX: y"},
		{Name: "a", Params: []Param{{}}},
		{Name: "a", Params: []Param{{Name: "b", Value: "c, d"}}},
	} {
		o := Offer{URL: mustURL(t, "ws://h/"), Key: testKey, Extensions: []Extension{e}}
		if _, err := o.AppendRequest(nil); err == nil {
			t.Errorf("offer of %q: no error", e)
		}
		if err := (&Policy{Extensions: []Extension{e}}).Validate(); err == nil {
			t.Errorf("policy with %q: no error", e)
		}
	}
}
