package handshake

import (
	"net/url"
	"strings"
	"testing"
)

var urlTests = []struct {
	id, raw                string
	hostPort, host, target string // address to dial, Host header, request-target
}{
	{"UR-3-01", "WS://h/", "h:80", "h", "/"},
	{"UR-3-01", "WSS://h/", "h:443", "h", "/"},
	{"UR-3-01", "http://h/", "h:80", "h", "/"},
	{"UR-3-01", "HTTPS://h/", "h:443", "h", "/"},
	{"UR-3-02", "ws://h", "h:80", "h", "/"},
	{"UR-3-02", "wss://h", "h:443", "h", "/"},
	{"UR-3-02", "ws://h:", "h:80", "h", "/"},
	{"UR-3-02", "wss://h:8443", "h:8443", "h:8443", "/"},
	{"UR-3-02", "ws://h:65535", "h:65535", "h:65535", "/"},
	{"UR-3-02", "ws://h:0080", "h:80", "h", "/"},
	{"UR-3-03", "ws://h?x=1", "h:80", "h", "/?x=1"},
	{"UR-3-03", "ws://h/?", "h:80", "h", "/"},
	{"UR-3-03", "ws://h/a/b;c?d=e&f?g", "h:80", "h", "/a/b;c?d=e&f?g"},
	{"UR-3-03", "ws://h/%2F%2f%20", "h:80", "h", "/%2F%2f%20"},
	{"UR-3-03", "ws://h//a", "h:80", "h", "//a"},
	{"UR-3-04", "ws://h/a%23b", "h:80", "h", "/a%23b"},
	{"UR-3-06", "ws://[::1]:9001/", "[::1]:9001", "[::1]:9001", "/"},
	{"UR-3-06", "wss://[2001:db8::1]/", "[2001:db8::1]:443", "[2001:db8::1]", "/"},
	{"UR-3-06", "ws://[fe80::1%25eth0]:81/", "[fe80::1%eth0]:81", "[fe80::1]:81", "/"},
	{"UR-3-07", "ws://u:p@h/", "h:80", "h", "/"},
	{"UR-3-08", "ws://bücher.example/ä", "xn--bcher-kva.example:80", "xn--bcher-kva.example", "/%C3%A4"},
	{"UR-3-08", "ws://h/a%2fb/ä?c", "h:80", "h", "/a%2fb/%C3%A4?c"},
	{"UR-3-08", "ws://BÜCHER.Example:81/", "xn--bcher-kva.example:81", "xn--bcher-kva.example:81", "/"},
	{"UR-3-08", "ws://b%C3%BCcher.example./", "xn--bcher-kva.example.:80", "xn--bcher-kva.example.", "/"},
	{"UR-3-08", "ws://例え.テスト/", "xn--r8jz45g.xn--zckzah:80", "xn--r8jz45g.xn--zckzah", "/"},
	{"UR-3-08", "ws://भारत/", "xn--h2brj9c:80", "xn--h2brj9c", "/"},
	{"UR-3-08", "ws://ü" + strings.Repeat("a", 55), "xn--" + strings.Repeat("a", 55) + "-oxf:80", "xn--" + strings.Repeat("a", 55) + "-oxf", "/"},
	{"UR-3-05", "ws://h/?%ff%FF%0a%A0", "h:80", "h", "/?%ff%FF%0a%A0"},
	{"UR-3-08", "ws://h/?q=ä b\"<>%20", "h:80", "h", "/?q=%C3%A4%20b%22%3C%3E%20"},
	{"UR-3-08", "ws://h/a b", "h:80", "h", "/a%20b"},
	{"HC-4.1-06", "ws://h:80/", "h:80", "h", "/"},
	{"HC-4.1-06", "wss://h:443/", "h:443", "h", "/"},
	{"HC-4.1-06", "ws://h:443/", "h:443", "h:443", "/"},
	{"HC-4.1-06", "ws://h:9001/", "h:9001", "h:9001", "/"},
}

func TestParseURL(t *testing.T) {
	for _, tt := range urlTests {
		t.Run(tt.id+"/client/"+tt.raw, func(t *testing.T) {
			u := mustURL(t, tt.raw)
			if u.ForceQuery {
				t.Error("ForceQuery = true, want false")
			}
			if got := HostPort(u); got != tt.hostPort {
				t.Errorf("HostPort = %q, want %q", got, tt.hostPort)
			}
			request := mustRequest(t, &Offer{URL: u, Key: testKey})
			if want := "GET " + tt.target + " HTTP/1.1\r\nHost: " + tt.host + "\r\n"; !strings.HasPrefix(request, want) {
				t.Errorf("request %q, want it to begin %q", request, want)
			}
		})
	}
}

var badURLs = []struct{ id, raw, say string }{
	{"UR-3-01", "ftp://h/", "ws://"},
	{"UR-3-01", "wsss://h/", "ws://"},
	{"UR-3-01", "h", "ws://"},
	{"UR-3-01", "", "ws://"},
	{"UR-3-01", "ws:h", "host"},
	{"UR-3-04", "ws://h/a#b", "fragment"},
	{"UR-3-04", "ws://h/#", "fragment"},
	{"UR-3-05", "ws://", "host"},
	{"UR-3-05", "ws:///a", "host"},
	{"UR-3-05", "ws://:80/", "host"},
	{"UR-3-05", "ws://h:70000/", "65535"},
	{"UR-3-05", "ws://h:0/", "65535"},
	{"UR-3-05", "ws://h:-1/", "port"},
	{"UR-3-05", "ws://h:a/", "port"},
	{"UR-3-05", "ws://h/%zz", "escape"},
	{"UR-3-05", "ws://h/?a=%zz", "%25"},
	{"UR-3-05", "ws://h/?a=%4", "%25"},
	{"UR-3-05", "ws://h/?%", "%25"},
	{"UR-3-05", "ws://h/?%4z", "%25"},
	{"UR-3-05", "ws://h/?%z4", "%25"},
	{"UR-3-05", "ws://h/?%4g", "%25"},
	{"UR-3-05", "ws://h%41/", "escape"},
	{"UR-3-05", "ws://h h/", "invalid"},
	{"UR-3-05", "ws://h\r\nX: y/", "invalid"},
	{"UR-3-05", "ws://h/\x00", "invalid"},
	{"UR-3-05", " ws://h/", "space"},
	{"UR-3-05", "ws://h\\a/", "invalid"},
	{"UR-3-05", `ws://h"/`, "character"},
	{"UR-3-05", "ws://[::1/", "invalid"},
	{"UR-3-06", "ws://::1/", "brackets"},
	{"UR-3-06", "ws://::1:80/", "brackets"},
	{"UR-3-06", "ws://::", "no host"},
	{"UR-3-08", "ws://b\xfc/", "UTF-8"},
	{"UR-3-08", "ws://i❤.example/", "A-label"},
	{"UR-3-08", "ws://ｂü.example/", "A-label"},                         // full width: normalizes to b
	{"UR-3-08", "ws://bu\u0308cher.example/", "A-label"},               // composes to ü
	{"UR-3-08", "ws://İ.example/", "A-label"},                          // its lower case is two letters
	{"UR-3-08", "ws://ü.xn--a-\u00fc/", "A-label"},                     // no A-label
	{"UR-3-08", "ws://ü..example/", "A-label"},                         // empty label
	{"UR-3-08", "ws://ü\"/", "A-label"},                                // no host at all
	{"UR-3-08", "ws://ü" + strings.Repeat("a", 56), "A-label"},         // longer than a label
	{"UR-3-08", "ws://" + strings.Repeat("ü.", 127) + "de", "A-label"}, // longer than a name
}

func TestParseURLErrors(t *testing.T) {
	for _, tt := range badURLs {
		t.Run(tt.id+"/client/"+tt.raw, func(t *testing.T) {
			u, err := ParseURL(tt.raw)
			if err == nil {
				t.Fatalf("ParseURL = %q, want an error", u)
			}
			if !strings.HasPrefix(err.Error(), "websocket: ") || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("error %q, want one that says %q", err, tt.say)
			}
		})
	}
}

// TestParseURLKeepsPasswords shows that no error repeats what may be a password.
func TestParseURLKeepsPasswords(t *testing.T) {
	for _, raw := range []string{
		"ws://user:secret@h:port/", "ws://user:secret/@h/", "ftp://user:secret@h/", "ws://user:secret@/",
		"ws://user:secret@h/#", "ws://user:secret@h/%zz", "ws://user:secret@h:0/", "ws://user:sec%zzret@h/",
	} {
		_, err := ParseURL(raw)
		if err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: error %v, want one without the password", raw, err)
		}
	}
}

// TestOfferURL shows that a URL which does not come from ParseURL is checked too.
func TestOfferURL(t *testing.T) {
	for name, u := range map[string]*url.URL{
		"none":            nil,
		"scheme":          {Scheme: "http", Host: "h"},
		"scheme in upper": {Scheme: "WS", Host: "h"},
		"no host":         {Scheme: "ws", Path: "/"},
		"host":            {Scheme: "ws", Host: "h\r\nX: y"},
		"host of colons":  {Scheme: "ws", Host: "::1"},
		"host not ASCII":  {Scheme: "ws", Host: "bücher.example"},
		"fragment":        {Scheme: "ws", Host: "h", Fragment: "a"},
		"opaque":          {Scheme: "ws", Host: "h", Opaque: "a"},
		"path":            {Scheme: "ws", Host: "h", Path: "a"},
		"query":           {Scheme: "ws", Host: "h", RawQuery: "a b"},
		"query breaks":    {Scheme: "ws", Host: "h", RawQuery: "a HTTP/1.1\r\nX: y"},
	} {
		if b, err := (&Offer{URL: u, Key: testKey}).AppendRequest(nil); err == nil {
			t.Errorf("%s: request %q, want an error", name, b)
		}
	}
}
