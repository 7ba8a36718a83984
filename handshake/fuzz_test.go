package handshake

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// FuzzParseRequest checks that a request is the same in pieces and in one go, that there is a reply
// to every request, and that net/http accepts whatever we accept and understands it in the same
// way. Requests are smuggled between two parsers that disagree.
func FuzzParseRequest(f *testing.F) {
	for _, row := range loadRows[serverRow](f, "testdata/server_rows.json") {
		if row.Fill == nil {
			f.Add([]byte(row.Request), uint8(len(row.Note)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		r, n, err := ParseRequest(b)
		var p Parser
		for i := int(piece); i < n; i += int(piece) + 1 {
			if early, m, err := p.Request(b[:i]); early != nil || m != 0 || err != nil {
				t.Fatalf("after %d of %d bytes: %d, %v", i, n, m, err)
			}
		}
		again, m, err2 := p.Request(b)
		if !reflect.DeepEqual(r, again) || m != n || !reflect.DeepEqual(err, err2) {
			t.Fatalf("in pieces: %+v, %d, %v; at once: %+v, %d, %v", again, m, err2, r, n, err)
		}
		if r == nil {
			return
		}
		compareRequest(t, r, b[:n])
		reply := serve(r, browserPolicy)
		if _, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(reply)), &http.Request{Method: r.Method}); err != nil {
			t.Fatalf("reply %q: %v", reply, err)
		}
	})
}

// compareRequest reads the same bytes with net/http.
func compareRequest(t *testing.T, r *Request, head []byte) {
	want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(head, "\r\n"))))
	if err != nil {
		// Here net/http is stricter: in how long a body is.
		if len(r.Values("Content-Length")) > 0 || len(r.Values("Transfer-Encoding")) > 0 || len(r.Values("Trailer")) > 0 {
			return
		}
		t.Fatalf("net/http: %v, want no error, as from this package", err)
	}
	if r.Method != want.Method || r.Target != want.RequestURI || r.Host != want.Host {
		t.Fatalf("%q %q %q, net/http: %q %q %q", r.Method, r.Target, r.Host, want.Method, want.RequestURI, want.Host)
	}
	got := r.Header()
	for _, name := range []string{"Transfer-Encoding", "Trailer", "Pragma", "Cache-Control"} { // net/http edits these.
		delete(got, name)
		delete(want.Header, name)
	}
	if len(got)+len(want.Header) > 0 && !reflect.DeepEqual(got, want.Header) {
		t.Fatalf("headers %q, net/http: %q", got, want.Header)
	}
}

// FuzzParseResponse checks the same for responses.
func FuzzParseResponse(f *testing.F) {
	for _, row := range loadRows[clientRow](f, "testdata/client_rows.json") {
		if row.Fill == nil {
			f.Add([]byte(row.Response), uint8(len(row.Note)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		resp, n, err := ParseResponse(b)
		var p Parser
		for i := int(piece); i < n; i += int(piece) + 1 {
			if early, m, err := p.Response(b[:i]); early != nil || m != 0 || err != nil {
				t.Fatalf("after %d of %d bytes: %d, %v", i, n, m, err)
			}
		}
		again, m, err2 := p.Response(b)
		if !reflect.DeepEqual(resp, again) || m != n || !reflect.DeepEqual(err, err2) {
			t.Fatalf("in pieces: %+v, %d, %v; at once: %+v, %d, %v", again, m, err2, resp, n, err)
		}
		if resp == nil {
			return
		}
		o := Offer{Key: testKey, Subprotocols: []string{"chat"}, Deflate: new(DeflateOffer)}
		if a, err := o.CheckResponse(resp); err == nil {
			if resp.StatusCode != 101 || a.Subprotocol != "" && a.Subprotocol != "chat" || resp.Header.Get(keyAccept) != testAccept {
				t.Fatalf("accepted %+v, want an error", resp)
			}
		}
	})
}

// FuzzParseExtensions checks that what was parsed can be sent and parsed again.
func FuzzParseExtensions(f *testing.F) {
	for _, tt := range extensionTests {
		f.Add(strings.Join(tt.lines, "\n"))
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseExtensions(strings.Split(s, "\n"))
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > MaxExtensions {
			t.Fatalf("%d extensions, want at most %d", len(list), MaxExtensions)
		}
		var lines []string
		for _, e := range list {
			lines = append(lines, string(AppendExtension(nil, e)))
		}
		again, err := ParseExtensions([]string{strings.Join(lines, ", ")})
		if err != nil || !reflect.DeepEqual(list, again) {
			t.Fatalf("written and parsed again: %q, %v, want %q", again, err, list)
		}
		for _, wp := range []WindowPolicy{WindowAccept, WindowDemand, WindowDecline} {
			checkAnswer(t, list, wp)
		}
	})
}

// checkAnswer checks the answer to offers: what was agreed respects the policy and one of the
// offers, and the answer says exactly that.
func checkAnswer(t *testing.T, offers []Extension, wp WindowPolicy) {
	policy := &DeflatePolicy{ServerMaxWindowBits: 12, ClientMaxWindowBits: 10, WindowPolicy: wp}
	agreed, answer := policy.negotiate(offers)
	if agreed == nil {
		return
	}
	list, err := ParseExtensions([]string{string(answer.append(nil))})
	if err != nil || len(list) != 1 || list[0].Name != extDeflate {
		t.Fatalf("%q: answered %q: %v", offers, answer.append(nil), err)
	}
	if again, ok := parseDeflate(list[0].Params); !ok || again != answer || *again.agreement() != *agreed {
		t.Fatalf("%q: agreed on %+v, answered %q", offers, agreed, answer.append(nil))
	}
	// Without takeover nothing is held between messages, whatever the window is.
	if bits := agreed.ClientMaxWindowBits; bits < 8 || bits > 10 && !agreed.ClientNoContextTakeover && wp != WindowAccept {
		t.Fatalf("%q: agreed on %+v", offers, agreed)
	}
	for _, e := range offers {
		offer, ok := parseDeflate(e.Params)
		if ok && e.Name == extDeflate && agreed.ServerMaxWindowBits >= 8 && agreed.ServerMaxWindowBits <= min(12, orMax(offer.serverBits)) &&
			(agreed.ServerNoContextTakeover || !offer.serverNoTakeover) && (answer.clientBits == 0 || offer.clientBits != 0) &&
			(wp == WindowDemand || agreed.ClientNoContextTakeover == offer.clientNoTakeover) {
			return
		}
	}
	t.Fatalf("%q: agreed on %+v, want something that was offered", offers, agreed)
}

// FuzzParseURL checks that every URL that is accepted gives a request that a server accepts, and
// that the URL does not change when it is written and parsed again.
func FuzzParseURL(f *testing.F) {
	for _, tt := range urlTests {
		f.Add(tt.raw)
	}
	for _, tt := range badURLs {
		f.Add(tt.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		request := mustRequest(t, &Offer{URL: u, Key: testKey})
		r, n, err := ParseRequest([]byte(request))
		if err != nil || n != len(request) {
			t.Fatalf("request %q: %d, %v, want all of it", request, n, err)
		}
		if err := CheckRequest(r); err != nil {
			t.Fatalf("request %q: %v, want no error", request, err)
		}
		again, err := ParseURL(u.String())
		if err != nil || HostPort(again) != HostPort(u) || mustRequest(t, &Offer{URL: again, Key: testKey}) != request {
			t.Fatalf("%q written as %q and parsed again: %v, want the same", raw, u, err)
		}
	})
}

// FuzzOrigin checks that the default policy never accepts an origin whose host, as net/url reads
// it, is not the request's.
func FuzzOrigin(f *testing.F) {
	for _, row := range loadRows[serverRow](f, "testdata/server_rows.json") {
		if r, _, err := ParseRequest([]byte(row.Request)); err == nil && row.Fill == nil {
			f.Add(r.Get("Origin"), r.Host)
		}
	}
	f.Fuzz(func(t *testing.T, value, host string) {
		r := &Request{Host: host, header: http.Header{"Origin": {value}}}
		if checkHost(r) != nil || checkOrigin(r, new(Policy)) != nil {
			return
		}
		u, err := url.Parse(trimOWS(value))
		if err != nil {
			return // Some hosts that equal each other are none for net/url.
		}
		authority := &url.URL{Host: host}
		if !strings.EqualFold(u.Hostname(), authority.Hostname()) || u.User != nil || u.Path != "" {
			t.Fatalf("origin %q may connect to %q, want it refused", value, host)
		}
	})
}
