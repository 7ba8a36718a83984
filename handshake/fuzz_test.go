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

// FuzzParseRequest checks that a request is the same in pieces and in one go, that
// whatever we take net/http takes too and sees alike (two parsers that disagree
// are how requests are smuggled), and that there is a reply to everything.
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
		// The one thing in which net/http is stricter: how long a body is.
		if len(r.Values("Content-Length")) > 0 || len(r.Values("Transfer-Encoding")) > 0 || len(r.Values("Trailer")) > 0 {
			return
		}
		t.Fatalf("net/http refuses what we take: %v", err)
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

// FuzzParseResponse does the same for the other direction.
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
				t.Fatalf("accepted %+v", resp)
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
			t.Fatalf("%d extensions", len(list))
		}
		var lines []string
		for _, e := range list {
			lines = append(lines, string(AppendExtension(nil, e)))
		}
		again, err := ParseExtensions([]string{strings.Join(lines, ", ")})
		if err != nil || !reflect.DeepEqual(list, again) {
			t.Fatalf("%q became %q, %v", list, again, err)
		}
		browserPolicy.Deflate.negotiate(list)
	})
}

// FuzzParseURL checks that every URL taken gives a request that a server takes, and
// that nothing in it moves when it is written and parsed again.
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
			t.Fatalf("request %q: %d, %v", request, n, err)
		}
		if err := CheckRequest(r); err != nil {
			t.Fatalf("request %q: %v", request, err)
		}
		again, err := ParseURL(u.String())
		if err != nil || HostPort(again) != HostPort(u) || mustRequest(t, &Offer{URL: again, Key: testKey}) != request {
			t.Fatalf("%q written as %q: %v", raw, u, err)
		}
	})
}

// FuzzOrigin checks that the default policy never takes an origin whose host, as
// net/url reads it, is not the request's.
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
			t.Fatalf("origin %q may connect to %q", value, host)
		}
	})
}
