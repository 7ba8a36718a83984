package handshake

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// canary stands for a secret. The tests put it wherever a caller may put one.
const canary = "s3cr3t"

// TestNoSecretInErrors shows that no error of an offer, a policy or a URL repeats what may be a
// credential.
func TestNoSecretInErrors(t *testing.T) {
	u, err := ParseURL("wss://me:" + canary + "@h/?token=" + canary)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Offer{
		"header value":      {Header: http.Header{"Authorization": {"Bearer " + canary + "\n"}}},
		"header name":       {Header: http.Header{"Authorization: " + canary: {""}}},
		"cookie":            {Header: http.Header{"Cookie": {"a=" + canary + "\x00"}}},
		"subprotocol":       {Subprotocols: []string{canary + " "}},
		"subprotocol twice": {Subprotocols: []string{canary, canary}},
		"Host":              {Host: canary + "/"},
		"own header":        {Header: http.Header{"Upgrade": {canary}}},
	} {
		o.URL, o.Key = u, NewKey()
		_, err := o.AppendRequest(nil)
		wantNoSecret(t, name, err)
		_, err = o.ConnectRequest()
		wantNoSecret(t, name+" over HTTP/2", err)
	}
	for _, raw := range []string{
		canary, " ws://h/?" + canary, "//h/" + canary, "h/?u=ws://" + canary, "ws://h:" + canary + "/", "ws://h/?" + canary + "%zz",
		"ws://h/%zz?" + canary, "ws://h/#" + canary, "ws://me:" + canary + "@[h/", "ftp://h/?" + canary, "ws://h/?" + canary + "\n", "ws://?" + canary,
		"ws://[" + canary + "]/",
	} {
		_, err := ParseURL(raw)
		wantNoSecret(t, raw, err)
	}
	for name, p := range map[string]Policy{
		"header":       {Header: http.Header{"Set-Cookie": {canary + "\n"}}},
		"subprotocols": {Subprotocols: []string{canary + "/"}},
		"origins":      {Origins: []string{"https://me:" + canary + "@h"}},
	} {
		wantNoSecret(t, name, p.Validate())
	}
}

func wantNoSecret(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("%s: error %v, want one without the secret", name, err)
	}
}

// TestURLEscapes shows that escapes stay as they were written, and that what may not stand in a URL
// is escaped.
func TestURLEscapes(t *testing.T) {
	for raw, want := range map[string]string{
		"ws://h/a%2Fb c":          "/a%2Fb%20c",
		"ws://h/a%2fb%20c\"<>":    "/a%2fb%20c%22%3C%3E",
		"ws://h/%41/{x}|^`":       "/%41/%7Bx%7D%7C%5E%60",
		"ws://h/[x]%2F":           "/[x]%2F",
		"ws://h/ä%2F":             "/%C3%A4%2F",
		"ws://h/a!$&'()*+,;=:@~ ": "/a!$&'()*+,;=:@~%20",
		"ws://h/a\\b":             "/a%5Cb",
		"ws://h/a%25b c?d e":      "/a%25b%20c?d%20e",
	} {
		u, err := ParseURL(raw)
		if err != nil || resourceName(u) != want {
			t.Errorf("ParseURL(%q): %q, %v, want %q", raw, resourceName(u), err, want)
		}
	}
}

// TestURLScheme shows that http and https are taken as ws and wss, and that the error for a URL
// without a scheme says so.
func TestURLScheme(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h:80/x": "ws://h:80/x", "HTTPS://h/x": "wss://h/x", "WS://h": "ws://h",
	} {
		if u, err := ParseURL(raw); err != nil || u.String() != want {
			t.Errorf("ParseURL(%q) = %v, %v, want %q", raw, u, err, want)
		}
	}
	for raw, say := range map[string]string{
		"":                  "no scheme",
		"example.com/chat":  "no scheme",
		"localhost:8080/ws": "no scheme",
		"127.0.0.1:8080":    "no scheme",
		"//example.com/":    "no scheme",
		"/chat":             "no scheme",
		"/?u=ws://h":        "no scheme",
		" ws://h":           "begins with a space",
		"\tws://h":          "begins with a space",
		"ftp://h":           "must begin with ws:// or wss://",
	} {
		if _, err := ParseURL(raw); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("ParseURL(%q): error %v, want %q", raw, err, say)
		}
	}
}

// TestOriginPatterns shows that a star stands for subdomains of any depth and for nothing else.
func TestOriginPatterns(t *testing.T) {
	for _, tt := range []struct {
		allowed string
		yes, no []string
	}{
		{
			"https://*.example.com",
			[]string{"https://a.example.com", "https://a.b.Example.COM", "https://a.example.com:443", "https://xn--bcher-kva.example.com"},
			[]string{
				"https://example.com", "https://evil-example.com", "https://evilexample.com", "https://.example.com", "https://a..example.com",
				"https://a.example.com.evil.org", "https://a.example.com.", "https://a.example.com:8443", "http://a.example.com",
				"https://evil.org/.example.com", "https://evil.org#.example.com", "https://evil.org?.example.com", "https://evil.org@a.example.com",
				"https://a.example.com@evil.org", "https://evil.org\\.example.com", "https://*.example.com", "null", "file://", "https://",
				"https://[::1].example.com", "https://evil.org%2f.example.com", "https://evil.org:1.example.com", "https://a.example.com, https://b.example.com",
			},
		},
		{"http://*.localhost:3000", []string{"http://a.localhost:3000"}, []string{"http://localhost:3000", "http://a.localhost", "http://a.localhost:30001"}},
		{"null", []string{"null"}, []string{"file://", "https://null", "Null", ""}},
		{"file://", []string{"file://"}, []string{"null", "file:///", "file://h", "https://server.example.com"}},
		{"https://a.example", []string{"https://a.example"}, []string{"https://b.a.example", "null"}},
	} {
		p := &Policy{Origins: []string{"https://other.example", tt.allowed}}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", tt.allowed, err)
			continue
		}
		for i, value := range append(tt.yes, tt.no...) {
			r := &Request{Host: "server.example.com", header: http.Header{"Origin": {value}}}
			if e := checkOrigin(r, p); (e == nil) != (i < len(tt.yes)) {
				t.Errorf("%s in Origins: the origin %q gets %v", tt.allowed, value, e)
			}
		}
	}
	for _, never := range []string{
		"https://*", "https://*.", "https://ex*mple.com", "https://a.*.example.com", "https://*example.com", "https://*.*.example.com",
		"*.example.com", "*://example.com", "http*://example.com", "https://example.com:*", "https://*.com", "https://*.[::1]", "https://*.127.0.0.1",
		"https://*..example.com", "file:///", "file:///x", "Null", "", "wss://example.com", "ws://example.com", "https://",
	} {
		p := &Policy{Origins: []string{never}}
		if p.Validate() == nil {
			t.Errorf("%q in Origins: no error, want one", never)
		}
	}
}

// TestRefusalPointsToWhatIsThere shows that the text of a refusal names only headers that the
// response has.
func TestRefusalPointsToWhatIsThere(t *testing.T) {
	for _, tt := range []struct {
		status int
		header string
	}{
		{401, "WWW-Authenticate"}, {407, "Proxy-Authenticate"}, {503, "Retry-After"}, {429, "Retry-After"},
	} {
		resp := &http.Response{StatusCode: tt.status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
		_, err := new(Offer).CheckResponse(resp)
		if strings.Contains(err.Error(), "-Auth") || strings.Contains(err.Error(), "Retry") {
			t.Errorf("%d: %v, want no header named that is not there", tt.status, err)
		}
		resp.Header.Set(tt.header, "x")
		_, err = new(Offer).CheckResponse(resp)
		if !strings.Contains(err.Error(), "see the "+tt.header+" header") {
			t.Errorf("%d: %v, want %s named", tt.status, err, tt.header)
		}
	}
}

// TestResponseIsTLS shows what a client without TLS is told about the answer of a TLS server,
// however the answer comes.
func TestResponseIsTLS(t *testing.T) {
	alert := []byte("\x15\x03\x01\x00\x02\x02\x16")
	for first := range len(alert) + 1 {
		var p Parser
		_, _, err := p.Response(alert[:first])
		if err == nil {
			_, _, err = p.Response(alert)
		}
		if refused, ok := errors.AsType[*Error](err); !ok || !strings.Contains(refused.Error(), "wss://") {
			t.Errorf("%d bytes first: error %v, want one that suggests wss", first, err)
		}
	}
}

// TestNoUserAgent shows that an empty User-Agent is not sent.
func TestNoUserAgent(t *testing.T) {
	u, _ := ParseURL("ws://h")
	o := &Offer{URL: u, Key: NewKey(), Header: http.Header{"User-Agent": {""}, "X-Empty": {""}}}
	b, err := o.AppendRequest(nil)
	if err != nil || strings.Contains(string(b), "User-Agent") || !strings.Contains(string(b), "X-Empty: \r\n") {
		t.Errorf("request %q, %v, want no User-Agent", b, err)
	}
}
